//! Every metric of the program: one documented struct, closed label sets, a registry of its own.
//!
//! Labels are configured account names, operations of the profile and closed enums; never ids, paths or error text.

mod forget;
mod labels;
mod reloads;

use std::sync::Arc;

use prometheus::{
    Encoder, Gauge, GaugeVec, HistogramOpts, HistogramVec, IntCounter, IntCounterVec, IntGauge,
    IntGaugeVec, Opts, Registry, TextEncoder,
};

pub use labels::{
    AttemptResult, CallClass, DeliveryResult, KeyUse, LimitKind, NotificationResult, Phase,
};
pub use reloads::ReloadResult;

use reloads::Reloads;

/// Seconds from 1 ms (a query over loopback) to 60 s (the longest time-out that makes sense for a payment). Dense where
/// providers usually answer (50 ms to 5 s), with an edge at the default total time-out of 30 s.
const DURATION_BUCKETS: &[f64] = &[
    0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 20.0, 30.0, 60.0,
];

/// Seconds from 0.5 ms (verified and stored, alone) to 10 s, by when a provider has given up waiting.
const NOTIFICATION_BUCKETS: &[f64] =
    &[0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0];

/// Seconds from 5 ms (the application stands nearby and takes everything) to the 72 hours after which an event is given
/// up by default; the edges in between are where an operator would say seconds, minutes, hours, days.
const LAG_BUCKETS: &[f64] = &[
    0.005, 0.01, 0.025, 0.1, 0.25, 1.0, 5.0, 15.0, 60.0, 300.0, 1800.0, 3600.0, 21_600.0, 86_400.0,
    259_200.0,
];

/// The label of an event that the profile does not list, and of what could not be verified: what a stranger sends is never
/// a label.
pub const OTHER_EVENT: &str = "other";

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
    /// `countersign_unknown_outcomes{account}`: money-moving calls of which nobody knows whether they happened.
    unknown_outcomes: IntGaugeVec,
    /// `countersign_unknown_oldest_age_seconds{account}`: 0 when there is none.
    unknown_oldest_age: GaugeVec,
    /// `countersign_resolved_total{account,final}`: unknown outcomes that became known.
    pub resolved: IntCounterVec,
    /// `countersign_upstream_attempts_total{account,operation,result}`.
    pub upstream_attempts: IntCounterVec,
    /// `countersign_rate_limited_total{account,limit}`: calls refused by a rate, by the provider's own word, or by the
    /// money per hour. Calls that waited and passed are not counted.
    rate_limited: IntCounterVec,
    /// `countersign_circuit_state{account,class}`: 0 closed, 1 half-open, 2 open. An open circuit whose time is over
    /// stays 2 until a call tries it.
    circuit_state: IntGaugeVec,
    /// `countersign_clock_skew_seconds{account}`: the provider's clock less ours; missing until first measured.
    clock_skew: GaugeVec,
    /// `countersign_signing_key_info{account,key_id,use}`: 1 for every loaded key.
    signing_key_info: IntGaugeVec,
    /// `countersign_key_not_after_timestamp_seconds{account,key_id}`: only for keys with an end.
    key_not_after: GaugeVec,
    /// `countersign_key_last_used_timestamp_seconds{account,key_id}`: 0 until first used.
    pub key_last_used: GaugeVec,
    /// `countersign_notifications_total{account,event,result}`: `event` is one of the profile's event names, or `other`.
    pub notifications: IntCounterVec,
    /// `countersign_notification_duration_seconds{account}`: from the whole notification to the finished answer.
    pub notification_duration: HistogramVec,
    /// `countersign_inbox_events{account,state}`: pending, retrying, dead.
    inbox_events: IntGaugeVec,
    /// `countersign_inbox_oldest_age_seconds{account}`: since the oldest event that is still to be delivered was
    /// received; 0 when there is none.
    inbox_oldest_age: GaugeVec,
    /// `countersign_deliveries_total{account,result}`: attempts to deliver.
    deliveries: IntCounterVec,
    /// `countersign_delivery_lag_seconds{account}`: from received to delivered, replays left out.
    delivery_lag: HistogramVec,
    /// `countersign_config_…`.
    reloads: Reloads,
}

/// What is not delivered of one account.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct InboxFigures {
    /// Events of which no attempt has failed.
    pub pending: u64,
    /// Events that wait for another attempt.
    pub retrying: u64,
    /// Dead letters.
    pub dead: u64,
    /// Since the oldest pending or retrying event was received; 0 when there is none.
    pub oldest_age_seconds: f64,
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
            unknown_outcomes: registered(
                &registry,
                IntGaugeVec::new(
                    Opts::new(
                        "countersign_unknown_outcomes",
                        "Money-moving calls with an unknown outcome",
                    ),
                    &["account"],
                ),
            ),
            unknown_oldest_age: registered(
                &registry,
                GaugeVec::new(
                    Opts::new(
                        "countersign_unknown_oldest_age_seconds",
                        "Age of the oldest unknown outcome",
                    ),
                    &["account"],
                ),
            ),
            resolved: registered(
                &registry,
                IntCounterVec::new(
                    Opts::new("countersign_resolved_total", "Unknown outcomes that became known"),
                    &["account", "final"],
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
            rate_limited: registered(
                &registry,
                IntCounterVec::new(
                    Opts::new("countersign_rate_limited_total", "Calls refused by a limit"),
                    &["account", "limit"],
                ),
            ),
            circuit_state: registered(
                &registry,
                IntGaugeVec::new(
                    Opts::new(
                        "countersign_circuit_state",
                        "State of a circuit: 0 closed, 1 half-open, 2 open",
                    ),
                    &["account", "class"],
                ),
            ),
            clock_skew: registered(
                &registry,
                GaugeVec::new(
                    Opts::new(
                        "countersign_clock_skew_seconds",
                        "How far the provider's clock is ahead of ours",
                    ),
                    &["account"],
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
            notifications: registered(
                &registry,
                IntCounterVec::new(
                    Opts::new("countersign_notifications_total", "Notifications answered"),
                    &["account", "event", "result"],
                ),
            ),
            notification_duration: registered(
                &registry,
                HistogramVec::new(
                    HistogramOpts::new(
                        "countersign_notification_duration_seconds",
                        "Time to answer a notification",
                    )
                    .buckets(NOTIFICATION_BUCKETS.to_vec()),
                    &["account"],
                ),
            ),
            inbox_events: registered(
                &registry,
                IntGaugeVec::new(
                    Opts::new("countersign_inbox_events", "Events that are not delivered"),
                    &["account", "state"],
                ),
            ),
            inbox_oldest_age: registered(
                &registry,
                GaugeVec::new(
                    Opts::new(
                        "countersign_inbox_oldest_age_seconds",
                        "Age of the oldest event that is still to be delivered, 0 when there is none",
                    ),
                    &["account"],
                ),
            ),
            deliveries: registered(
                &registry,
                IntCounterVec::new(
                    Opts::new("countersign_deliveries_total", "Attempts to deliver an event"),
                    &["account", "result"],
                ),
            ),
            delivery_lag: registered(
                &registry,
                HistogramVec::new(
                    HistogramOpts::new(
                        "countersign_delivery_lag_seconds",
                        "Time from receiving a notification to its delivery",
                    )
                    .buckets(LAG_BUCKETS.to_vec()),
                    &["account"],
                ),
            ),
            reloads: Reloads::new(&registry),
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
        self.notification_duration.with_label_values(&[account]);
        for result in NotificationResult::ALL {
            self.notifications.with_label_values(&[account, OTHER_EVENT, result.as_str()]);
        }
        self.delivery_lag.with_label_values(&[account]);
        for result in DeliveryResult::ALL {
            self.deliveries.with_label_values(&[account, result.as_str()]);
        }
        self.set_inbox(account, InboxFigures::default());
        for limit in LimitKind::ALL {
            self.rate_limited(account, limit);
        }
        for class in CallClass::ALL {
            self.circuit_state(account, class);
        }
        for operation in operations {
            self.request_duration.with_label_values(&[account, operation]);
            for result in AttemptResult::ALL {
                self.upstream_attempts.with_label_values(&[account, operation, result.as_str()]);
            }
        }
    }

    /// The counter of calls that `limit` refused.
    pub fn rate_limited(&self, account: &str, limit: LimitKind) -> IntCounter {
        self.rate_limited.with_label_values(&[account, limit.as_str()])
    }

    /// The state of the account's circuit for `class`.
    pub fn circuit_state(&self, account: &str, class: CallClass) -> IntGauge {
        self.circuit_state.with_label_values(&[account, class.as_str()])
    }

    /// The provider's clock less ours. Asking makes the series exist.
    pub fn clock_skew(&self, account: &str) -> Gauge {
        self.clock_skew.with_label_values(&[account])
    }

    /// Makes a key's series exist; `not_after` is Unix time in seconds.
    pub fn announce_key(&self, account: &str, key_id: &str, usage: KeyUse, not_after: Option<i64>) {
        self.signing_key_info.with_label_values(&[account, key_id, usage.as_str()]).set(1);
        self.key_last_used.with_label_values(&[account, key_id]);
        match (usage, not_after) {
            (_, Some(end)) => {
                self.key_not_after.with_label_values(&[account, key_id]).set(end as f64);
            }
            // An error says that there was no end before either.
            (KeyUse::Sign, None) => {
                let _ = self.key_not_after.remove_label_values(&[account, key_id]);
            }
            (KeyUse::Verify, None) => {}
        }
    }

    /// When a key was last used by this process, in Unix seconds; `None` when it was not.
    pub fn last_used(&self, account: &str, key_id: &str) -> Option<f64> {
        let at = self.key_last_used.with_label_values(&[account, key_id]).get();
        (at > 0.0).then_some(at)
    }

    /// Shows how many outcomes of an account are unknown, and how old the oldest is.
    pub fn set_unknown(&self, account: &str, count: u64, oldest_age_seconds: f64) {
        let count = i64::try_from(count).unwrap_or(i64::MAX);
        self.unknown_outcomes.with_label_values(&[account]).set(count);
        self.unknown_oldest_age.with_label_values(&[account]).set(oldest_age_seconds);
    }

    /// Counts `seconds` spent in `phase`.
    pub fn observe_phase(&self, phase: Phase, seconds: f64) {
        self.request_phase.with_label_values(&[phase.as_str()]).observe(seconds);
    }

    /// Shows what is not delivered of an account.
    pub fn set_inbox(&self, account: &str, figures: InboxFigures) {
        let InboxFigures { pending, retrying, dead, oldest_age_seconds } = figures;
        for (state, events) in [("pending", pending), ("retrying", retrying), ("dead", dead)] {
            let events = i64::try_from(events).unwrap_or(i64::MAX);
            self.inbox_events.with_label_values(&[account, state]).set(events);
        }
        self.inbox_oldest_age.with_label_values(&[account]).set(oldest_age_seconds);
    }

    /// Counts one attempt to deliver.
    pub fn count_delivery(&self, account: &str, result: DeliveryResult) {
        self.deliveries.with_label_values(&[account, result.as_str()]).inc();
    }

    /// Counts `seconds` from received to delivered.
    pub fn observe_delivery_lag(&self, account: &str, seconds: f64) {
        self.delivery_lag.with_label_values(&[account]).observe(seconds);
    }

    /// Notes that the configuration was read when the process started; Unix time in seconds.
    pub fn config_loaded_at_start(&self, now_unix_seconds: f64) {
        self.reloads.started(now_unix_seconds);
    }

    /// Counts one reload of the configuration; Unix time in seconds.
    pub fn count_reload(&self, result: ReloadResult, now_unix_seconds: f64) {
        self.reloads.count(result, now_unix_seconds);
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_forged_notification_is_a_step_and_not_a_new_series() {
        let metrics = Metrics::new("0", "0");
        metrics.announce_account("shop", std::iter::empty());
        let text = String::from_utf8(metrics.render()).expect("text");
        for result in NotificationResult::ALL {
            let series = format!(
                "countersign_notifications_total{{account=\"shop\",event=\"other\",result=\"{}\"}} 0",
                result.as_str()
            );
            assert!(
                text.contains(&series),
                "`{series}` is missing: an increase from nothing is not seen"
            );
        }
    }
}
