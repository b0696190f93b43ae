//! One notification as the sandbox's own pages show it.

use serde::Serialize;

/// A notification and how it went.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Notification {
    /// Counts up from 1 and never starts again.
    pub number: u64,
    /// The merchant it is for, if it is about a transaction.
    pub app_id: Option<String>,
    /// The operation that made the transaction.
    pub operation: Option<String>,
    /// The merchant's own id of the transaction.
    pub reference: Option<String>,
    pub event: Option<String>,
    /// The provider's word for the status reported.
    pub status: Option<String>,
    /// Where it goes.
    pub url: Option<String>,
    /// The text that is signed.
    pub param: String,
    /// The posted message, once it has been signed.
    pub body: Option<String>,
    /// The fault that hit it.
    pub fault: Option<&'static str>,
    pub state: NotificationState,
    /// Why it has its state.
    pub note: Option<String>,
    /// How often it was posted.
    pub attempts: u32,
    /// The HTTP status of the last answer.
    pub last_status: Option<u16>,
    /// Why the last attempt got no answer.
    pub last_error: Option<String>,
    /// RFC 3339.
    pub queued_at: String,
    /// RFC 3339.
    pub acknowledged_at: Option<String>,
}

/// The state of a notification.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum NotificationState {
    /// To be posted, for the first time or again.
    #[default]
    Waiting,
    /// Over: the merchant acknowledged it.
    Acknowledged,
    /// Over: it was posted as often as allowed.
    GivenUp,
    /// Over: a fault keeps it back.
    Withheld,
    /// Over: it cannot be posted; `note` says why.
    Refused,
}
