//! What waits in the inbox, and how handing it to the application goes.

use prometheus::{GaugeVec, HistogramVec, IntCounterVec, IntGaugeVec, Registry};

use super::register::{counter, gauge, histogram, int_gauge};
use super::{DeliveryResult, Metrics, buckets};

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

pub(super) struct Deliveries {
    /// `countersign_inbox_events{account,state}`: pending, retrying, dead.
    pub inbox_events: IntGaugeVec,
    /// `countersign_inbox_oldest_age_seconds{account}`.
    pub oldest_age: GaugeVec,
    /// `countersign_deliveries_total{account,result}`.
    pub total: IntCounterVec,
    /// `countersign_delivery_lag_seconds{account}`: from received to delivered, replays left out.
    pub lag: HistogramVec,
}

impl Deliveries {
    pub fn new(registry: &Registry) -> Self {
        Self {
            inbox_events: int_gauge(
                registry,
                "countersign_inbox_events",
                "Events that are not delivered, by state",
                &["account", "state"],
            ),
            oldest_age: gauge(
                registry,
                "countersign_inbox_oldest_age_seconds",
                "Age of the oldest event that is still to be delivered, 0 when there is none",
                &["account"],
            ),
            total: counter(
                registry,
                "countersign_deliveries_total",
                "Attempts to deliver an event",
                &["account", "result"],
            ),
            lag: histogram(
                registry,
                "countersign_delivery_lag_seconds",
                "Time from receiving a notification to its delivery",
                &["account"],
                buckets::LAG,
            ),
        }
    }

    pub fn announce(&self, account: &str) {
        self.lag.with_label_values(&[account]);
        for result in DeliveryResult::ALL {
            self.total.with_label_values(&[account, result.as_str()]);
        }
        for state in ["pending", "retrying", "dead"] {
            self.inbox_events.with_label_values(&[account, state]);
        }
        self.oldest_age.with_label_values(&[account]);
    }
}

impl Metrics {
    /// Shows what is not delivered of an account.
    pub fn set_inbox(&self, account: &str, figures: InboxFigures) {
        let InboxFigures { pending, retrying, dead, oldest_age_seconds } = figures;
        for (state, events) in [("pending", pending), ("retrying", retrying), ("dead", dead)] {
            let events = i64::try_from(events).unwrap_or(i64::MAX);
            self.deliveries.inbox_events.with_label_values(&[account, state]).set(events);
        }
        self.deliveries.oldest_age.with_label_values(&[account]).set(oldest_age_seconds);
    }

    /// Counts one attempt to deliver.
    pub fn count_delivery(&self, account: &str, result: DeliveryResult) {
        self.deliveries.total.with_label_values(&[account, result.as_str()]).inc();
    }

    /// Counts `seconds` from received to delivered.
    pub fn observe_delivery_lag(&self, account: &str, seconds: f64) {
        self.deliveries.lag.with_label_values(&[account]).observe(seconds);
    }
}
