//! Every metric of the program: one documented struct, closed label sets, a registry of its own.
//!
//! Labels are configured account names, operations of the profile and closed enums; never ids, paths or error text.

use std::sync::Arc;

use prometheus::{
    Encoder, GaugeVec, HistogramOpts, HistogramVec, IntCounterVec, IntGaugeVec, Opts, Registry,
    TextEncoder,
};

/// Seconds from 1 ms (a query over loopback) to 60 s (the longest time-out that makes sense for a payment). Dense where
/// providers usually answer (50 ms to 5 s), with an edge at the default total time-out of 30 s.
const DURATION_BUCKETS: &[f64] = &[
    0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 20.0, 30.0, 60.0,
];

/// A part of the time a request spends inside.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Phase {
    /// Making the signature, queueing for a signing thread included.
    Sign,
    /// From connecting to the last byte of the provider's answer.
    Upstream,
}

impl Phase {
    /// All phases, so that their series exist from the start.
    pub const ALL: [Self; 2] = [Self::Sign, Self::Upstream];

    fn as_str(self) -> &'static str {
        match self {
            Self::Sign => "sign",
            Self::Upstream => "upstream",
        }
    }
}

/// How one attempt towards the provider ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AttemptResult {
    /// The provider's envelope came back, whatever it says.
    Answered,
    /// An HTTP answer came back that is not the provider's envelope.
    Unreadable,
    /// No whole answer came back after sending had begun.
    NoAnswer,
    /// Nothing was sent.
    NotSent,
}

impl AttemptResult {
    /// All results, so that their series exist from the start.
    pub const ALL: [Self; 4] = [Self::Answered, Self::Unreadable, Self::NoAnswer, Self::NotSent];

    /// The label's value.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Answered => "answered",
            Self::Unreadable => "unreadable",
            Self::NoAnswer => "no_answer",
            Self::NotSent => "not_sent",
        }
    }
}

/// What a key is used for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyUse {
    /// Ours: signs requests.
    Sign,
    /// The provider's: verifies notifications.
    Verify,
}

impl KeyUse {
    fn as_str(self) -> &'static str {
        match self {
            Self::Sign => "sign",
            Self::Verify => "verify",
        }
    }
}

/// The program's metrics. Field docs are the help texts' longer form.
pub struct Metrics {
    registry: Registry,
    /// `countersign_requests_total{account,operation,outcome,code}`: answered application requests. `code` is the
    /// provider's answer code or the problem code.
    pub requests: IntCounterVec,
    /// `countersign_request_duration_seconds{account,operation}`: from the whole request to the finished answer.
    pub request_duration: HistogramVec,
    /// `countersign_request_phase_seconds{phase}`.
    request_phase: HistogramVec,
    /// `countersign_requests_in_flight{account}`.
    pub requests_in_flight: IntGaugeVec,
    /// `countersign_upstream_attempts_total{account,operation,result}`.
    pub upstream_attempts: IntCounterVec,
    /// `countersign_signing_key_info{account,key_id,use}`: 1 for every loaded key.
    signing_key_info: IntGaugeVec,
    /// `countersign_key_not_after_timestamp_seconds{account,key_id}`: only for keys with an end.
    key_not_after: GaugeVec,
    /// `countersign_key_last_used_timestamp_seconds{account,key_id}`: 0 until first used.
    pub key_last_used: GaugeVec,
}

impl Metrics {
    /// Registers everything; `version` and `commit` label `countersign_build_info`.
    pub fn new(version: &str, commit: &str) -> Arc<Self> {
        let registry = Registry::new();
        let build = registered(
            &registry,
            IntGaugeVec::new(
                Opts::new("countersign_build_info", "Always 1; labels name the build"),
                &["version", "commit"],
            ),
        );
        build.with_label_values(&[version, commit]).set(1);
        let process = prometheus::process_collector::ProcessCollector::for_self();
        registry.register(Box::new(process)).expect("the process metrics are registered once");

        let metrics = Self {
            requests: registered(
                &registry,
                IntCounterVec::new(
                    Opts::new("countersign_requests_total", "Application requests answered"),
                    &["account", "operation", "outcome", "code"],
                ),
            ),
            request_duration: registered(
                &registry,
                HistogramVec::new(
                    durations(
                        "countersign_request_duration_seconds",
                        "Time to answer an application request",
                    ),
                    &["account", "operation"],
                ),
            ),
            request_phase: registered(
                &registry,
                HistogramVec::new(
                    durations(
                        "countersign_request_phase_seconds",
                        "Time a request spends in one phase",
                    ),
                    &["phase"],
                ),
            ),
            requests_in_flight: registered(
                &registry,
                IntGaugeVec::new(
                    Opts::new("countersign_requests_in_flight", "Application requests under way"),
                    &["account"],
                ),
            ),
            upstream_attempts: registered(
                &registry,
                IntCounterVec::new(
                    Opts::new(
                        "countersign_upstream_attempts_total",
                        "Attempts made towards the provider",
                    ),
                    &["account", "operation", "result"],
                ),
            ),
            signing_key_info: registered(
                &registry,
                IntGaugeVec::new(
                    Opts::new("countersign_signing_key_info", "1 for every loaded key"),
                    &["account", "key_id", "use"],
                ),
            ),
            key_not_after: registered(
                &registry,
                GaugeVec::new(
                    Opts::new(
                        "countersign_key_not_after_timestamp_seconds",
                        "When a signing key stops being valid, Unix time",
                    ),
                    &["account", "key_id"],
                ),
            ),
            key_last_used: registered(
                &registry,
                GaugeVec::new(
                    Opts::new(
                        "countersign_key_last_used_timestamp_seconds",
                        "When a key was last used, Unix time; 0 until then",
                    ),
                    &["account", "key_id"],
                ),
            ),
            registry,
        };
        for phase in Phase::ALL {
            metrics.request_phase.with_label_values(&[phase.as_str()]);
        }
        Arc::new(metrics)
    }

    /// Makes an account's series exist from the start, so that rates and absences can be told apart.
    pub fn announce_account<'a>(&self, account: &str, operations: impl Iterator<Item = &'a str>) {
        self.requests_in_flight.with_label_values(&[account]);
        for operation in operations {
            self.request_duration.with_label_values(&[account, operation]);
            for result in AttemptResult::ALL {
                self.upstream_attempts.with_label_values(&[account, operation, result.as_str()]);
            }
        }
    }

    /// Makes a key's series exist; `not_after` is Unix time in seconds.
    pub fn announce_key(&self, account: &str, key_id: &str, usage: KeyUse, not_after: Option<i64>) {
        self.signing_key_info.with_label_values(&[account, key_id, usage.as_str()]).set(1);
        self.key_last_used.with_label_values(&[account, key_id]);
        if let Some(end) = not_after {
            self.key_not_after.with_label_values(&[account, key_id]).set(end as f64);
        }
    }

    /// Counts `seconds` spent in `phase`.
    pub fn observe_phase(&self, phase: Phase, seconds: f64) {
        self.request_phase.with_label_values(&[phase.as_str()]).observe(seconds);
    }

    /// The Prometheus text exposition.
    pub fn render(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(16 * 1024);
        // Writing to memory cannot fail, and a family without samples is left out rather than an error.
        let _ = TextEncoder::new().encode(&self.registry.gather(), &mut out);
        out
    }
}

fn durations(name: &str, help: &str) -> HistogramOpts {
    HistogramOpts::new(name, help).buckets(DURATION_BUCKETS.to_vec())
}

fn registered<C>(registry: &Registry, collector: prometheus::Result<C>) -> C
where
    C: prometheus::core::Collector + Clone + 'static,
{
    let collector = collector.expect("metric names and labels are constants");
    registry.register(Box::new(collector.clone())).expect("every metric is registered once");
    collector
}
