//! What the provider posts: how it was answered, and how fast.

use prometheus::{HistogramVec, IntCounterVec, Registry};

use super::register::{counter, histogram};
use super::{Metrics, NotificationResult, buckets};

/// The label of an event that the profile does not list, and of what could not be verified: what a stranger sends is never
/// a label.
pub const OTHER_EVENT: &str = "other";

pub(super) struct Notifications {
    /// `countersign_notifications_total{account,event,result}`: `event` is one of the profile's event names, or `other`.
    pub total: IntCounterVec,
    /// `countersign_notification_duration_seconds{account}`: from the whole notification to the finished answer.
    pub duration: HistogramVec,
}

impl Notifications {
    pub fn new(registry: &Registry) -> Self {
        Self {
            total: counter(
                registry,
                "countersign_notifications_total",
                "Notifications answered, by event and result",
                &["account", "event", "result"],
            ),
            duration: histogram(
                registry,
                "countersign_notification_duration_seconds",
                "Time from a whole notification to its finished answer",
                &["account"],
                buckets::NOTIFICATION,
            ),
        }
    }

    pub fn announce<'a>(&self, account: &str, events: impl Iterator<Item = &'a str>) {
        self.duration.with_label_values(&[account]);
        for result in NotificationResult::ALL {
            self.total.with_label_values(&[account, OTHER_EVENT, result.as_str()]);
        }
        for event in events {
            // What is not verified has no event's name, so these three are all that can come.
            for result in [
                NotificationResult::Accepted,
                NotificationResult::Duplicate,
                NotificationResult::Unavailable,
            ] {
                self.total.with_label_values(&[account, event, result.as_str()]);
            }
        }
    }
}

impl Metrics {
    /// Counts one answered notification, which took `seconds`; `event` is one of the profile's names or [`OTHER_EVENT`].
    pub fn count_notification(
        &self,
        account: &str,
        event: &str,
        result: NotificationResult,
        seconds: f64,
    ) {
        self.notifications.total.with_label_values(&[account, event, result.as_str()]).inc();
        self.notifications.duration.with_label_values(&[account]).observe(seconds);
    }
}
