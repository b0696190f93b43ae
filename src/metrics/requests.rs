//! Application requests: how they ended, how long they and their parts took, and the attempts they led to.

use prometheus::{Histogram, HistogramVec, IntCounterVec, IntGauge, IntGaugeVec, Registry};

use super::register::{counter, histogram, int_gauge};
use super::{AttemptResult, Metrics, Phase, buckets};

/// The label of requests that named no account or operation; the path they asked for is never a label.
pub const NOBODY: &str = "-";

/// Outcomes and codes that alerts are about. Every operation has their series from the start: an increase is not seen in a
/// series that begins with it. The hundreds of other codes an operation might meet come when they are met.
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

pub(super) struct Requests {
    /// `countersign_requests_total{account,operation,outcome,code}`: `code` is the provider's answer code or the problem
    /// code.
    pub total: IntCounterVec,
    /// `countersign_request_duration_seconds{account,operation}`: from the whole request to the finished answer.
    pub duration: HistogramVec,
    /// `countersign_request_phase_seconds{phase}`, by the phase's place in [`Phase::ALL`]: they are observed several times
    /// in every request.
    phases: [Histogram; Phase::ALL.len()],
    /// `countersign_requests_in_flight{account}`.
    pub in_flight: IntGaugeVec,
    /// `countersign_upstream_attempts_total{account,operation,result}`.
    pub attempts: IntCounterVec,
}

impl Requests {
    pub fn new(registry: &Registry) -> Self {
        let phases = histogram(
            registry,
            "countersign_request_phase_seconds",
            "Time a request spends in one phase, each time it enters it",
            &["phase"],
            buckets::PHASE,
        );
        Self {
            total: counter(
                registry,
                "countersign_requests_total",
                "Application requests answered, by outcome and by the provider's or the problem's code",
                &["account", "operation", "outcome", "code"],
            ),
            duration: histogram(
                registry,
                "countersign_request_duration_seconds",
                "Time from a whole application request to its finished answer",
                &["account", "operation"],
                buckets::DURATION,
            ),
            phases: Phase::ALL.map(|phase| phases.with_label_values(&[phase.as_str()])),
            in_flight: int_gauge(
                registry,
                "countersign_requests_in_flight",
                "Application requests under way",
                &["account"],
            ),
            attempts: counter(
                registry,
                "countersign_upstream_attempts_total",
                "Attempts made towards the provider, questions about lost answers included",
                &["account", "operation", "result"],
            ),
        }
    }

    /// Requests that name no account; a scan of the listener shows here.
    pub fn announce_strangers(&self) {
        self.duration.with_label_values(&[NOBODY, NOBODY]);
        for code in ["not-found", "bad-request"] {
            self.total.with_label_values(&[NOBODY, NOBODY, "not_sent", code]);
        }
    }

    /// `accepted` are the provider's codes for what it took.
    pub fn announce(&self, account: &str, operation: &str, accepted: &[String]) {
        self.duration.with_label_values(&[account, operation]);
        let accepted = accepted.iter().map(|code| ("accepted", code.as_str()));
        for (outcome, code) in accepted.chain(EXPECTED) {
            self.total.with_label_values(&[account, operation, outcome, code]);
        }
        for result in AttemptResult::ALL {
            self.attempts.with_label_values(&[account, operation, result.as_str()]);
        }
    }
}

impl Metrics {
    /// Counts one answered request, which took `seconds`. All labels are from closed sets.
    pub fn count_request(
        &self,
        account: &str,
        operation: &str,
        outcome: &str,
        code: &str,
        seconds: f64,
    ) {
        self.requests.total.with_label_values(&[account, operation, outcome, code]).inc();
        self.requests.duration.with_label_values(&[account, operation]).observe(seconds);
    }

    /// Counts `seconds` spent in `phase`.
    pub fn observe_phase(&self, phase: Phase, seconds: f64) {
        self.requests.phases[phase as usize].observe(seconds);
    }

    /// The account's requests under way.
    pub fn requests_in_flight(&self, account: &str) -> IntGauge {
        self.requests.in_flight.with_label_values(&[account])
    }

    /// Counts one attempt towards the provider.
    pub fn count_attempt(&self, account: &str, operation: &str, result: AttemptResult) {
        self.requests.attempts.with_label_values(&[account, operation, result.as_str()]).inc();
    }
}
