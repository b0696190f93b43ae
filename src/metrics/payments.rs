//! Money-moving calls of which nobody knows whether they happened, and what became of them.

use prometheus::{GaugeVec, IntCounterVec, IntGaugeVec, Registry};

use super::Metrics;
use super::register::{counter, gauge, int_gauge};

/// What an unknown outcome can turn out to be.
const FINAL: [&str; 3] = ["accepted", "rejected", "not_sent"];

/// What can speak against what the provider says of a payment, in the words of events' flags.
const CONFLICTS: [&str; 6] = [
    "amount-mismatch",
    "amount-unreadable",
    "conflicting-reference",
    "other-account",
    "contradicted",
    "earlier-call",
];

pub(super) struct Payments {
    /// `countersign_unknown_outcomes{account}`.
    pub unknown: IntGaugeVec,
    /// `countersign_unknown_oldest_age_seconds{account}`.
    pub oldest_age: GaugeVec,
    /// `countersign_stranded_payments{account}`.
    pub stranded: IntGaugeVec,
    /// `countersign_resolved_total{account,final}`.
    pub resolved: IntCounterVec,
    /// `countersign_payment_conflicts_total{account,conflict}`: `conflict` is one of [`CONFLICTS`].
    pub conflicts: IntCounterVec,
}

impl Payments {
    pub fn new(registry: &Registry) -> Self {
        Self {
            unknown: int_gauge(
                registry,
                "countersign_unknown_outcomes",
                "Money-moving calls with an unknown outcome",
                &["account"],
            ),
            oldest_age: gauge(
                registry,
                "countersign_unknown_oldest_age_seconds",
                "Age of the oldest unknown outcome, 0 when there is none",
                &["account"],
            ),
            stranded: int_gauge(
                registry,
                "countersign_stranded_payments",
                "Unknown outcomes that only the place they were made at, or a person, can resolve",
                &["account"],
            ),
            resolved: counter(
                registry,
                "countersign_resolved_total",
                "Unknown outcomes that became known in the background, by what they turned out to be",
                &["account", "final"],
            ),
            conflicts: counter(
                registry,
                "countersign_payment_conflicts_total",
                "Notifications and answers that do not fit the payment they tell of, by what speaks against them",
                &["account", "conflict"],
            ),
        }
    }

    pub fn announce(&self, account: &str) {
        self.unknown.with_label_values(&[account]);
        self.oldest_age.with_label_values(&[account]);
        self.stranded.with_label_values(&[account]);
        for outcome in FINAL {
            self.resolved.with_label_values(&[account, outcome]);
        }
        for conflict in CONFLICTS {
            self.conflicts.with_label_values(&[account, conflict]);
        }
    }
}

impl Metrics {
    /// Shows how many outcomes of an account are unknown, and how old the oldest is.
    pub fn set_unknown(&self, account: &str, count: u64, oldest_age_seconds: f64) {
        let count = i64::try_from(count).unwrap_or(i64::MAX);
        self.payments.unknown.with_label_values(&[account]).set(count);
        self.payments.oldest_age.with_label_values(&[account]).set(oldest_age_seconds);
    }

    /// Shows how many payments in doubt of an account nobody asks about where they were made.
    pub fn set_stranded(&self, account: &str, count: u64) {
        let count = i64::try_from(count).unwrap_or(i64::MAX);
        self.payments.stranded.with_label_values(&[account]).set(count);
    }

    /// Counts those of `flags` (words of events' flags) that speak against what the provider says of a payment.
    pub fn count_conflicts(&self, account: &str, flags: impl Iterator<Item = &'static str>) {
        for flag in flags.filter(|flag| CONFLICTS.contains(flag)) {
            self.payments.conflicts.with_label_values(&[account, flag]).inc();
        }
    }

    /// Counts an unknown outcome that was found to be `outcome`, in the words of outcomes.
    pub fn count_resolved(&self, account: &str, outcome: &str) {
        self.payments.resolved.with_label_values(&[account, outcome]).inc();
    }
}
