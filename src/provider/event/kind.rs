//! The words of our events: their subject, its status, and warnings for the application.

use serde::{Deserialize, Serialize};
use strum::{Display, IntoStaticStr};

/// The type of an event that no rule of the profile, or none of its status words, explains.
pub const UNRECOGNISED: &str = "countersign.unrecognised";

/// What an event is about.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, Hash, Deserialize, Serialize, Display, IntoStaticStr,
)]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case")]
pub enum EventKind {
    /// Money sent to a payee.
    Payout,
    /// Money received by QR code or on a payment page.
    Collection,
    /// Money given back.
    Refund,
    /// Permission to debit an account.
    Authorization,
    /// Money taken under an authorization.
    Debit,
    /// The provider settled with the merchant.
    Settlement,
    /// The provider answered a support case.
    Ticket,
}

/// Its status. [`EventKind::statuses`] are those that a kind has.
#[derive(
    Clone,
    Copy,
    Debug,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Hash,
    Deserialize,
    Serialize,
    Display,
    IntoStaticStr,
)]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case")]
pub enum EventStatus {
    /// It happened; final.
    Succeeded,
    /// It can be used.
    Active,
    /// It did not happen; final.
    Failed,
    /// It was cancelled; final.
    Cancelled,
    /// It may still succeed or fail.
    Pending,
    /// The only status of settlements.
    Reported,
    /// The only status of tickets.
    Updated,
}

impl EventStatus {
    /// Whether it cannot change any more.
    pub fn is_final(self) -> bool {
        !matches!(self, Self::Pending)
    }

    /// The word for it, as in event types.
    pub fn word(self) -> &'static str {
        self.into()
    }
}

/// A warning to the application in an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, IntoStaticStr)]
#[serde(rename_all = "kebab-case")]
#[strum(serialize_all = "kebab-case")]
pub enum Flag {
    /// The event's name differs from its status member, which decided.
    StatusMismatch,
    /// An older state that arrived after a final one.
    Stale,
    /// The amount differs from what was sent.
    AmountMismatch,
    /// The amount cannot be read.
    AmountUnreadable,
    /// The provider reported another transaction under this reference earlier: it may have been made twice.
    ConflictingReference,
    /// It is about a payment of another account, or may be.
    OtherAccount,
    /// It happened after it was reported as not happened, or the provider says so.
    Contradicted,
    /// According to its time, it is about an earlier call under this reference.
    EarlierCall,
    /// Found by a status query, not reported by a notification.
    Synthesised,
    /// The journal has no such reference.
    Unexpected,
}

impl Flag {
    /// A contradiction between a notification or an answer and the payment as it was sent. Each is counted.
    pub const CONFLICTS: [Self; 6] = [
        Self::AmountMismatch,
        Self::AmountUnreadable,
        Self::ConflictingReference,
        Self::OtherAccount,
        Self::Contradicted,
        Self::EarlierCall,
    ];

    /// The word for it, as in an event's `flags`.
    pub fn word(self) -> &'static str {
        self.into()
    }
}

impl EventKind {
    /// The statuses that events of this kind can have, in the order of preference for words that could mean several.
    pub fn statuses(self) -> &'static [EventStatus] {
        use EventStatus::{Active, Cancelled, Failed, Pending, Reported, Succeeded, Updated};
        match self {
            Self::Payout | Self::Collection | Self::Debit => &[Succeeded, Failed, Pending],
            Self::Refund => &[Succeeded, Failed, Cancelled, Pending],
            Self::Authorization => &[Active, Failed, Cancelled],
            Self::Settlement => &[Reported],
            Self::Ticket => &[Updated],
        }
    }

    /// The status of every event of this kind, if there is only one.
    pub fn only_status(self) -> Option<EventStatus> {
        match self.statuses() {
            [only] => Some(*only),
            _ => None,
        }
    }

    /// The word for it, as in event types.
    pub fn word(self) -> &'static str {
        self.into()
    }
}
