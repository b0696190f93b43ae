//! The provider's notifications and how they were answered; the inbox, and the deliveries to the application.

use super::labels::{OTHER_EVENT, UNVERIFIED, VERIFIED};
use super::{AnnouncedAccount, Metrics};

/// Undelivered events of one account.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct InboxFigures {
    /// Events without a failed attempt.
    pub pending: u64,
    /// Events that wait for another attempt.
    pub retrying: u64,
    /// Dead letters.
    pub dead: u64,
    /// Time since the oldest pending or retrying event was received; 0 when there is none.
    pub oldest_age_seconds: f64,
}

impl Metrics {
    pub(super) fn announce_events(&self, account: &AnnouncedAccount<'_>) {
        let name = account.name;
        for result in UNVERIFIED {
            self.all.notifications.with_label_values(&[name, OTHER_EVENT, result]);
        }
        for event in account.events.iter().copied().chain([OTHER_EVENT]) {
            for result in VERIFIED {
                self.all.notifications.with_label_values(&[name, event, result]);
            }
        }
    }

    /// Counts one answered notification, which took `seconds`; `event` is one of the profile's names or [`OTHER_EVENT`].
    pub fn count_notification(
        &self,
        account: &str,
        event: &str,
        result: impl Into<&'static str>,
        seconds: f64,
    ) {
        self.all.notifications.with_label_values(&[account, event, result.into()]).inc();
        self.all.notification_duration.with_label_values(&[account]).observe(seconds);
    }

    /// Shows an account's undelivered events.
    pub fn set_inbox(&self, account: &str, figures: InboxFigures) {
        let InboxFigures { pending, retrying, dead, oldest_age_seconds } = figures;
        for (state, events) in [("pending", pending), ("retrying", retrying), ("dead", dead)] {
            let events = i64::try_from(events).unwrap_or(i64::MAX);
            self.all.inbox_events.with_label_values(&[account, state]).set(events);
        }
        self.all.inbox_oldest_age.with_label_values(&[account]).set(oldest_age_seconds);
    }

    /// Counts one attempt to deliver.
    pub fn count_delivery(&self, account: &str, result: impl Into<&'static str>) {
        self.all.deliveries.with_label_values(&[account, result.into()]).inc();
    }

    /// Counts `seconds` from received to delivered.
    pub fn observe_delivery_lag(&self, account: &str, seconds: f64) {
        self.all.delivery_lag.with_label_values(&[account]).observe(seconds);
    }
}
