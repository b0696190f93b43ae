//! The table of all families of metrics: name, help text, labels, and which series exist from the start.

use std::collections::HashMap;

use prometheus::core::{Collector, MetricVec, MetricVecBuilder};
use prometheus::{
    GaugeVec, HistogramOpts, HistogramVec, IntCounterVec, IntGaugeVec, Opts, Registry,
};

use super::{buckets, labels};

/// Makes [`Families`] from rows: field, kind, name, help text and labels; `buckets` for histograms. With `zeros`, every
/// account has its series from the start, one for each of these values of the label after `account`.
macro_rules! families {
    ($(
        $(#[$doc:meta])*
        $field:ident: $kind:ident, $name:literal, $help:literal, [$($label:literal),*]
        $(, buckets $buckets:ident)? $(, zeros $zeros:expr)?;
    )*) => {
        /// Every family.
        pub(super) struct Families {
            $($(#[$doc])* pub $field: $kind,)*
        }

        impl Families {
            /// Registers them all.
            pub fn new(registry: &Registry) -> Self {
                Self {
                    $($field: {
                        let options = options!($name, $help $(, buckets::$buckets)?);
                        registered(registry, $kind::new(options, &[$($label),*]))
                    },)*
                }
            }

            /// Creates the series of `account` whose other labels are known in advance.
            pub fn announce(&self, account: &str) {
                $($(announce(&self.$field, account, &$zeros);)?)*
            }

            /// Drops every series that has the label `account` with that value.
            pub fn forget_account(&self, account: &str) {
                let is_its = |labels: &Labels| labels.get("account") == Some(&account);
                $(forget(&self.$field, is_its);)*
            }
        }
    };
}

macro_rules! options {
    ($name:literal, $help:literal) => {
        Opts::new($name, $help)
    };
    ($name:literal, $help:literal, $buckets:expr) => {
        HistogramOpts::new($name, $help).buckets($buckets.to_vec())
    };
}

families! {
    build: IntGaugeVec, "countersign_build_info",
        "Always 1; labels name the build", ["version", "commit"];

    /// `code` is the provider's answer code or the problem code.
    requests: IntCounterVec, "countersign_requests_total",
        "Application requests answered, by outcome and by the provider's or the problem's code",
        ["account", "operation", "outcome", "code"];
    /// From the complete request to the finished answer.
    request_duration: HistogramVec, "countersign_request_duration_seconds",
        "Time from a whole application request to its finished answer",
        ["account", "operation"], buckets DURATION;
    phases: HistogramVec, "countersign_request_phase_seconds",
        "Time a request spends in one phase, each time it enters it", ["phase"], buckets PHASE;
    in_flight: IntGaugeVec, "countersign_requests_in_flight",
        "Application requests under way", ["account"], zeros [];
    attempts: IntCounterVec, "countersign_upstream_attempts_total",
        "Attempts made towards the provider, including status queries for lost answers",
        ["account", "operation", "result"];

    /// Calls refused by a rate, at the provider's own request, or by the money per hour. Calls that waited and then
    /// passed are not counted.
    rate_limited: IntCounterVec, "countersign_rate_limited_total",
        "Calls refused by a limit", ["account", "limit"], zeros labels::LIMITS;
    /// An open circuit stays 2 after its time is over, until a call tries it.
    circuit_state: IntGaugeVec, "countersign_circuit_state",
        "State of a circuit: 0 closed, 1 half-open, 2 open", ["account", "class"],
        zeros labels::CLASSES;
    /// Missing until the first measurement, because 0 would mean that the clocks agree.
    clock_skew: GaugeVec, "countersign_clock_skew_seconds",
        "How far the provider's clock is ahead of ours", ["account"];

    unknown: IntGaugeVec, "countersign_unknown_outcomes",
        "Money-moving calls with an unknown outcome", ["account"], zeros [];
    unknown_oldest_age: GaugeVec, "countersign_unknown_oldest_age_seconds",
        "Age of the oldest unknown outcome, 0 when there is none", ["account"], zeros [];
    stranded: IntGaugeVec, "countersign_stranded_payments",
        "Unknown outcomes that only the place where they were made, or a person, can resolve",
        ["account"], zeros [];
    resolved: IntCounterVec, "countersign_resolved_total",
        "Unknown outcomes that became known in the background, by what they turned out to be",
        ["account", "final"], zeros labels::FINAL;
    conflicts: IntCounterVec, "countersign_payment_conflicts_total",
        "Notifications and answers that do not match the payment they are about, by kind of contradiction",
        ["account", "conflict"], zeros labels::CONFLICTS;

    /// `event` is one of the profile's event names, or `other`.
    notifications: IntCounterVec, "countersign_notifications_total",
        "Notifications answered, by event and result", ["account", "event", "result"];
    /// From the complete notification to the finished answer.
    notification_duration: HistogramVec, "countersign_notification_duration_seconds",
        "Time from a whole notification to its finished answer", ["account"],
        buckets NOTIFICATION, zeros [];

    inbox_events: IntGaugeVec, "countersign_inbox_events",
        "Events that are not delivered, by state", ["account", "state"], zeros labels::INBOX;
    inbox_oldest_age: GaugeVec, "countersign_inbox_oldest_age_seconds",
        "Age of the oldest event that is still to be delivered, 0 when there is none",
        ["account"], zeros [];
    deliveries: IntCounterVec, "countersign_deliveries_total",
        "Attempts to deliver an event", ["account", "result"], zeros labels::DELIVERIES;
    /// From received to delivered, without replays.
    delivery_lag: HistogramVec, "countersign_delivery_lag_seconds",
        "Time from receiving a notification to its delivery", ["account"], buckets LAG, zeros [];

    /// 1 for every loaded key.
    key_info: IntGaugeVec, "countersign_signing_key_info",
        "Always 1; one for every loaded key, the provider's included",
        ["account", "key_id", "use"];
    /// Only for signing keys with an end date.
    key_not_after: GaugeVec, "countersign_key_not_after_timestamp_seconds",
        "When a signing key stops being valid, Unix time; missing for keys without an end",
        ["account", "key_id"];
    key_last_used: GaugeVec, "countersign_key_last_used_timestamp_seconds",
        "When a key was last used, Unix time; 0 until then", ["account", "key_id"];

    /// A poll that finds nothing new is not counted.
    reloads: IntCounterVec, "countersign_config_reloads_total",
        "Reloads of the configuration", ["result"];
    /// Also 1 when nothing had changed.
    reload_successful: IntGaugeVec, "countersign_config_last_reload_successful",
        "1 when the configuration in the files is the one in use, else 0", [];
    reload_success_timestamp: GaugeVec, "countersign_config_last_reload_success_timestamp_seconds",
        "When the configuration was last read without mistakes, Unix time", [];
}

/// The labels of one series by their names.
pub(super) type Labels<'a> = HashMap<&'a str, &'a str>;

fn registered<C>(registry: &Registry, collector: prometheus::Result<C>) -> C
where
    C: Collector + Clone + 'static,
{
    let collector = collector.expect("metric names and labels are constants");
    registry.register(Box::new(collector.clone())).expect("every metric is registered once");
    collector
}

fn announce<B: MetricVecBuilder>(family: &MetricVec<B>, account: &str, values: &[&str]) {
    if values.is_empty() {
        family.with_label_values(&[account]);
    }
    for value in values {
        family.with_label_values(&[account, value]);
    }
}

/// Drops the series whose labels `is_its` recognises. If something still counts in one afterwards, it appears again.
pub(super) fn forget<B: MetricVecBuilder>(
    family: &MetricVec<B>,
    is_its: impl Fn(&Labels<'_>) -> bool,
) {
    for collected in family.collect() {
        for series in collected.get_metric() {
            let labels: Labels<'_> =
                series.get_label().iter().map(|label| (label.name(), label.value())).collect();
            if is_its(&labels) {
                // An error says that another thread removed it a moment ago.
                let _ = family.remove(&labels);
            }
        }
    }
}
