//! Application requests: how they ended, how long they and their parts took, their attempts, and the limits that
//! refused them.

use prometheus::{Gauge, IntCounter, IntGauge};

use super::labels::{ATTEMPTS, NOBODY};
use super::{AnnouncedAccount, Metrics};

/// Outcomes and codes that alerts use. Every operation has their series from the start: Prometheus does not see an
/// increase in a series that begins with it. The hundreds of other possible codes get a series when they occur.
const EXPECTED: [(&str, &str); 9] = [
    ("rejected", "other"),
    ("unknown", "outcome-unknown"),
    ("unknown", "provider-error"),
    ("not_sent", "provider-unreachable"),
    ("not_sent", "circuit-open"),
    ("not_sent", "overloaded"),
    ("not_sent", "key-unavailable"),
    ("not_sent", "store-unavailable"),
    ("not_sent", "invalid-parameters"),
];

impl Metrics {
    /// Requests that name no account; a scan of the listener is visible here.
    pub(super) fn announce_strangers(&self) {
        self.all.request_duration.with_label_values(&[NOBODY, NOBODY]);
        for code in ["not-found", "bad-request"] {
            self.all.requests.with_label_values(&[NOBODY, NOBODY, "not_sent", code]);
        }
    }

    pub(super) fn announce_operations(&self, account: &AnnouncedAccount<'_>) {
        let name = account.name;
        for operation in &account.operations {
            self.all.request_duration.with_label_values(&[name, operation]);
            let accepted = account.accepted.iter().map(|code| ("accepted", code.as_str()));
            for (outcome, code) in accepted.chain(EXPECTED) {
                self.all.requests.with_label_values(&[name, operation, outcome, code]);
            }
            for result in ATTEMPTS {
                self.all.attempts.with_label_values(&[name, operation, result]);
            }
        }
    }

    /// Counts one answered request, which took `seconds`. All labels are from closed sets.
    pub fn count_request(
        &self,
        account: &str,
        operation: &str,
        outcome: &str,
        code: &str,
        seconds: f64,
    ) {
        self.all.requests.with_label_values(&[account, operation, outcome, code]).inc();
        self.all.request_duration.with_label_values(&[account, operation]).observe(seconds);
    }

    /// Counts `seconds` spent in `phase`.
    pub fn observe_phase(&self, phase: impl Into<&'static str>, seconds: f64) {
        self.all.phases.with_label_values(&[phase.into()]).observe(seconds);
    }

    /// The account's requests under way.
    pub fn requests_in_flight(&self, account: &str) -> IntGauge {
        self.all.in_flight.with_label_values(&[account])
    }

    /// Counts one attempt towards the provider.
    pub fn count_attempt(&self, account: &str, operation: &str, result: impl Into<&'static str>) {
        self.all.attempts.with_label_values(&[account, operation, result.into()]).inc();
    }

    /// The counter of calls that `limit` refused.
    pub fn rate_limited(&self, account: &str, limit: impl Into<&'static str>) -> IntCounter {
        self.all.rate_limited.with_label_values(&[account, limit.into()])
    }

    /// The state of the account's circuit for `class`.
    pub fn circuit_state(&self, account: &str, class: impl Into<&'static str>) -> IntGauge {
        self.all.circuit_state.with_label_values(&[account, class.into()])
    }

    /// The provider's clock minus ours. This call creates the series.
    pub fn clock_skew(&self, account: &str) -> Gauge {
        self.all.clock_skew.with_label_values(&[account])
    }
}
