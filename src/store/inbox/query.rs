//! What operators and metrics see of the inbox, and what operators may do to it.

use bytes::Bytes;

use super::types::{Attempt, EventState};
use crate::store::{Cursor, EventId};

/// Which events: all conditions that are set must hold.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Filter {
    pub account: Option<String>,
    /// Any of these states; empty for all.
    pub states: Vec<EventState>,
    pub reference: Option<String>,
    /// Received at or after.
    pub from_ms: Option<i64>,
    /// Received before.
    pub until_ms: Option<i64>,
}

/// A page of events, newest first.
#[derive(Clone, Debug)]
pub struct Listing {
    pub events: Vec<EventRow>,
    /// Set when there may be more.
    pub next: Option<Cursor>,
}

/// One event without its texts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EventRow {
    pub id: EventId,
    /// Order of arrival.
    pub sequence: i64,
    pub account: String,
    pub provider: String,
    pub event_name: Option<String>,
    pub kind: Option<String>,
    pub event_type: String,
    pub status: Option<String>,
    pub reference: Option<String>,
    pub provider_reference: Option<String>,
    pub verified_by: Option<String>,
    pub received_at_ms: i64,
    /// Further notifications that said the same.
    pub duplicates: u32,
    pub last_seen_at_ms: i64,
    pub state: EventState,
    /// Attempts of the current round.
    pub attempts: u32,
    /// `None` for a closed event, and for an open one that waits behind an earlier event of its reference.
    pub next_attempt_at_ms: Option<i64>,
    /// Whether it was claimed and not settled; with `next_attempt_at_ms` in the past the claim has run out.
    pub claimed: bool,
    pub last_error: Option<String>,
    pub delivered_at_ms: Option<i64>,
    pub closed_at_ms: Option<i64>,
    pub discard_reason: Option<String>,
    pub replays: u32,
}

/// Everything about one event.
#[derive(Clone, Debug)]
pub struct EventDetail {
    pub row: EventRow,
    /// The notification exactly as it came.
    pub body: Bytes,
    pub param: String,
    pub event: Option<String>,
    /// Oldest first.
    pub attempts: Vec<AttemptRecord>,
}

/// One attempt on record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AttemptRecord {
    pub attempt: Attempt,
    /// `None` when the application took the event.
    pub error: Option<String>,
}

/// The events an operator means.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Selection {
    Ids(Vec<EventId>),
    Matching(Filter),
}

/// The result for a selection.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// Events that changed.
    pub changed: u64,
    /// Events that are being delivered right now and were left alone: try again in a moment.
    pub in_flight: u64,
    /// Events that already were what was asked for.
    pub unchanged: u64,
    /// Ids that are not in the inbox.
    pub unknown: u64,
}

/// Events of one account by state.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AccountCounts {
    pub account: String,
    pub pending: u64,
    pub retrying: u64,
    pub delivered: u64,
    pub dead: u64,
    pub discarded: u64,
    /// When the oldest open event was received.
    pub oldest_open_at_ms: Option<i64>,
}

impl AccountCounts {
    /// Counts `events` more in `state`.
    pub(in crate::store) fn add(&mut self, state: EventState, events: u64) {
        *match state {
            EventState::Pending => &mut self.pending,
            EventState::Retrying => &mut self.retrying,
            EventState::Delivered => &mut self.delivered,
            EventState::Dead => &mut self.dead,
            EventState::Discarded => &mut self.discarded,
        } += events;
    }
}

/// How long closed events are kept, counted from when they were closed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Retention {
    /// Delivered and discarded events, in milliseconds.
    pub delivered_ms: i64,
    /// Dead letters, in milliseconds.
    pub dead_ms: i64,
    /// How long the dedupe key of a removed event is still known, counted from when it was last seen. The provider's
    /// signature does not age: after this time an old notification would be taken for a new one.
    pub seen_ms: i64,
}

/// What a sweep removed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Swept {
    pub events: u64,
    /// Dedupe keys whose time had come.
    pub keys: u64,
    /// Bytes that went back to the file system.
    pub freed_bytes: u64,
}
