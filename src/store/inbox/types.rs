//! An event on its way through the inbox: received, claimed, settled.

use bytes::Bytes;
use strum::{EnumString, IntoStaticStr, VariantArray};

use crate::store::EventId;

/// A verified notification and the event made from it, ready to be stored.
#[derive(Clone, Debug)]
pub struct NewEvent {
    /// Made by the caller ([`EventId::generate`]), so that `event` can contain it.
    pub id: EventId,
    pub account: String,
    /// The provider profile's name.
    pub provider: String,
    /// Two notifications of one account with the same key are the same event. At most one of them is stored.
    pub dedupe_key: String,
    /// The provider's name for the event, if it gave one.
    pub event_name: Option<String>,
    pub kind: Option<String>,
    /// The CloudEvents type, as in `countersign.payout.succeeded`.
    pub event_type: String,
    pub status: Option<String>,
    /// The merchant's own order id. Events with the same account and reference are delivered in order.
    pub reference: Option<String>,
    pub provider_reference: Option<String>,
    /// The request body exactly as it came; empty for an event that no notification brought.
    pub body: Bytes,
    /// The exact text that was signed.
    pub param: String,
    /// The normalised event as JSON text; `None` when the param could not be understood.
    pub event: Option<String>,
    /// The id of the provider key that verified it.
    pub verified_by: Option<String>,
    pub received_at_ms: i64,
    pub intake: Intake,
}

/// What to do with a new event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Intake {
    /// It is to be delivered.
    Deliver,
    /// The same, but it tells a state that may not be the last one: with an event of the same account, reference and kind
    /// in the inbox that has another status, `if_late` is stored in place of [`NewEvent::event`].
    DeliverInterim { if_late: String },
    /// It is kept as a dead letter, for a person to look at.
    Park { reason: String },
}

/// The answer to a notification that was offered to the inbox. Both mean: it is on disk.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Received {
    Stored,
    Duplicate {
        /// The id under which it was stored the first time.
        id: EventId,
        /// Whether the signed text was the same too, or only the dedupe key.
        same_text: bool,
    },
}

/// Where an event stands. `Pending` and `Retrying` are *open*; the others are *closed*.
#[derive(
    Clone,
    Copy,
    Debug,
    PartialEq,
    Eq,
    Hash,
    PartialOrd,
    Ord,
    EnumString,
    IntoStaticStr,
    VariantArray,
)]
#[strum(serialize_all = "snake_case")]
pub enum EventState {
    /// No attempt has failed yet.
    Pending,
    /// An attempt failed, another one will follow.
    Retrying,
    /// The application took it.
    Delivered,
    /// Given up: a dead letter.
    Dead,
    /// An operator decided that it is not to be delivered.
    Discarded,
}

impl EventState {
    /// The word used in the database, in metrics and on the command line.
    pub fn as_str(self) -> &'static str {
        self.into()
    }

    /// The state that is written `word`.
    pub fn from_word(word: &str) -> Option<Self> {
        word.parse().ok()
    }

    /// Whether delivery still goes on.
    pub fn is_open(self) -> bool {
        matches!(self, Self::Pending | Self::Retrying)
    }
}

/// The right to deliver one event, for a limited time.
///
/// Only the newest lease of an event can settle it; an older one changes nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lease {
    pub id: EventId,
    pub(in crate::store) token: i64,
}

/// An event handed out for delivery.
#[derive(Clone, Debug)]
pub struct Claimed {
    pub lease: Lease,
    pub account: String,
    pub reference: Option<String>,
    pub event_type: String,
    /// The normalised event as JSON text.
    pub event: Option<String>,
    /// The provider's param, verbatim.
    pub param: String,
    pub received_at_ms: i64,
    /// When this round of attempts began, in store time: the first claim, or the first one after a replay.
    pub first_attempt_at_ms: i64,
    /// Attempts of this round, this one included.
    pub attempts: u32,
    /// How often an operator replayed the event.
    pub replays: u32,
}

/// How one attempt went, for the record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Attempt {
    pub started_at_ms: i64,
    pub duration_ms: i64,
    /// The application's HTTP status, if it answered.
    pub http_status: Option<u16>,
}

/// What is to become of a claimed event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Settlement {
    /// The application took it.
    Delivered(Attempt),
    /// To be tried again after `after_ms`. `error` is short, and never a body.
    Retry { attempt: Attempt, after_ms: i64, error: String },
    /// Given up.
    Dead { attempt: Attempt, error: String },
    /// Nothing was tried: handed back, and due at once.
    Released,
}

/// Whether a settlement had an effect.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Settled {
    Done,
    /// The lease had run out and another one was given, or the event was closed or removed meanwhile. The attempt is on
    /// record, the state is unchanged.
    Superseded,
}
