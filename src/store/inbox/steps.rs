//! Decisions about events, as plain functions: an event as it is, its neighbours, what is requested and the
//! time in; what changes out. Stores load, call these in a transaction, and save; a step holds no connection, so that it
//! can be repeated.
//!
//! **Order within a reference.** Of its open events exactly one, the head, has a time for its next attempt. The others
//! wait with none until it is out of the way, so that a claim needs to look at heads only.
//!
//! Times are store time in milliseconds; what is called a date is the wall clock's.

use super::types::{Attempt, EventState, Intake, Lease, NewEvent, Settlement};
use super::{AttemptRecord, Retention};

/// Events handed out by one claim at most, so that one account does not fill a transaction.
pub(in crate::store) const CLAIM_MAX: usize = 256;

/// Events that an operator's command or a sweep changes in one transaction: a few milliseconds of work.
pub(in crate::store) const STEP: usize = 200;

/// Characters kept of an error: enough to know it by, too few to smuggle a body in.
const ERROR_CHARS_MAX: usize = 300;

/// The longest pause between two attempts, whatever the caller asks for: ten years.
const PAUSE_MAX_MS: i64 = 10 * 366 * 24 * 60 * 60 * 1000;

/// How far the delivery of an event got: what steps read and change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::store) struct Progress {
    pub state: EventState,
    /// Attempts of this round: since the event came or was replayed.
    pub attempts: u32,
    /// When this round began.
    pub first_attempt_at_ms: Option<i64>,
    /// When the next attempt is due or, with a lease, when that ends. `None` when closed or behind an earlier event.
    pub due_ms: Option<i64>,
    /// The token of the newest lease, until it is settled.
    pub lease: Option<i64>,
    pub last_error: Option<String>,
    /// A date.
    pub delivered_at_ms: Option<i64>,
    /// A date.
    pub closed_at_ms: Option<i64>,
    /// The same in store time.
    pub closed_tick: Option<i64>,
    pub discard_reason: Option<String>,
    pub replays: u32,
}

/// Another open event of the same account and reference.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::store) struct Neighbour {
    pub sequence: i64,
    pub due_ms: Option<i64>,
    pub is_leased: bool,
}

/// What a step changes of a neighbour: when it is due. Should it have a lease, that is taken from it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::store) struct Nudge {
    pub sequence: i64,
    pub due_ms: Option<i64>,
}

/// What a step makes of an event, and of one beside it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::store) struct Stepped {
    pub progress: Progress,
    pub nudge: Option<Nudge>,
}

/// What an operator does to an event.
#[derive(Clone, Debug)]
pub(in crate::store) enum Operation {
    Replay,
    /// `now_ms` is a date.
    Discard {
        reason: String,
        now_ms: i64,
    },
}

/// What an operation comes to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::store) enum Operated {
    Changed(Stepped),
    /// It is being delivered right now.
    InFlight,
    Unchanged,
}

/// A new event at `now_ms`; `is_behind` says whether its reference has open events already.
pub(in crate::store) fn receive(event: &NewEvent, is_behind: bool, now_ms: i64) -> Progress {
    let (state, error) = match &event.intake {
        Intake::Deliver | Intake::DeliverInterim { .. } => (EventState::Pending, None),
        Intake::Park { reason } => (EventState::Dead, Some(reason.clone())),
    };
    Progress {
        state,
        attempts: 0,
        first_attempt_at_ms: None,
        due_ms: (state.is_open() && !is_behind).then_some(now_ms),
        lease: None,
        last_error: error,
        delivered_at_ms: None,
        closed_at_ms: (!state.is_open()).then_some(event.received_at_ms),
        closed_tick: (!state.is_open()).then_some(now_ms),
        discard_reason: None,
        replays: 0,
    }
}

/// The text in place of the event's own where it is late: where an event of the same reference and kind and another status is
/// in the inbox already. Of two that come together the one that is stored later is late.
pub(in crate::store) fn text_if_late(event: &NewEvent) -> Option<&str> {
    match &event.intake {
        Intake::DeliverInterim { if_late } if event.reference.is_some() => Some(if_late),
        Intake::Deliver | Intake::DeliverInterim { .. } | Intake::Park { .. } => None,
    }
}

/// The event is handed out for `lease_ms`, under a lease called `token`.
pub(in crate::store) fn claim(
    progress: Progress,
    token: i64,
    lease_ms: i64,
    now_ms: i64,
) -> Progress {
    Progress {
        attempts: progress.attempts.saturating_add(1),
        first_attempt_at_ms: progress.first_attempt_at_ms.or(Some(now_ms)),
        due_ms: Some(lease_end(lease_ms, now_ms)),
        lease: Some(token),
        ..progress
    }
}

/// When a lease ends that begins now: at least a millisecond later, or the event would be handed out twice.
pub(in crate::store) fn lease_end(lease_ms: i64, now_ms: i64) -> i64 {
    now_ms.saturating_add(lease_ms.max(1))
}

/// The claim under `lease` ends, on `date_ms`. `None` when that is not the newest lease: then nothing changes. `earliest` is
/// the event's earliest neighbour.
pub(in crate::store) fn settle(
    progress: Progress,
    sequence: i64,
    lease: &Lease,
    settlement: &Settlement,
    earliest: Option<Neighbour>,
    now_ms: i64,
    date_ms: i64,
) -> Option<Stepped> {
    if progress.lease != Some(lease.token) {
        return None;
    }
    let progress = Progress { lease: None, ..progress };
    Some(match settlement {
        Settlement::Delivered(_) => {
            let delivered_at_ms = Some(date_ms);
            let progress = Progress { delivered_at_ms, ..progress };
            close(progress, EventState::Delivered, earliest, now_ms, date_ms)
        }
        Settlement::Dead { error, .. } => {
            let last_error = Some(short(error));
            let progress = Progress { last_error, ..progress };
            close(progress, EventState::Dead, earliest, now_ms, date_ms)
        }
        Settlement::Retry { after_ms, error, .. } => {
            let (state, last_error) = (EventState::Retrying, Some(short(error)));
            let progress = Progress { state, last_error, ..progress };
            again_after(progress, sequence, (*after_ms).clamp(0, PAUSE_MAX_MS), earliest, now_ms)
        }
        Settlement::Released => {
            let attempts = progress.attempts.saturating_sub(1);
            let first_attempt_at_ms = progress.first_attempt_at_ms.filter(|_| attempts > 0);
            let progress = Progress { attempts, first_attempt_at_ms, ..progress };
            again_after(progress, sequence, 0, earliest, now_ms)
        }
    })
}

/// The attempt that a settlement reports, for the record, whichever lease it was made under.
pub(in crate::store) fn attempt(settlement: &Settlement) -> Option<AttemptRecord> {
    let record = |attempt: &Attempt, error: Option<&String>| {
        Some(AttemptRecord { attempt: attempt.clone(), error: error.map(|error| short(error)) })
    };
    match settlement {
        Settlement::Delivered(attempt) => record(attempt, None),
        Settlement::Retry { attempt, error, .. } | Settlement::Dead { attempt, error } => {
            record(attempt, Some(error))
        }
        Settlement::Released => None,
    }
}

fn short(error: &str) -> String {
    error.chars().take(ERROR_CHARS_MAX).collect()
}

/// Whether an operation needs the head of the reference: only an event that is opened again takes its place.
pub(in crate::store) fn needs_head(
    sequence: i64,
    operation: &Operation,
    earliest: Option<Neighbour>,
) -> bool {
    matches!(operation, Operation::Replay)
        && earliest.is_some_and(|it| it.sequence > sequence && it.due_ms.is_none())
}

/// An operator wants `operation`. `earliest` is the event's earliest neighbour, `head` the one that has a time, where
/// [`needs_head`] asks for it.
pub(in crate::store) fn operate(
    progress: Progress,
    sequence: i64,
    operation: &Operation,
    earliest: Option<Neighbour>,
    head: Option<Neighbour>,
    now_ms: i64,
) -> Operated {
    let is_later = progress.due_ms.is_some_and(|due_ms| due_ms > now_ms);
    if progress.lease.is_some() && is_later {
        return Operated::InFlight;
    }
    match operation {
        // One that only waits for its time is tried at once.
        Operation::Replay if progress.state.is_open() => match is_later {
            true => {
                let progress = Progress { due_ms: Some(now_ms), ..progress };
                Operated::Changed(Stepped { progress, nudge: None })
            }
            false => Operated::Unchanged,
        },
        Operation::Replay => Operated::Changed(reopen(progress, sequence, earliest, head, now_ms)),
        Operation::Discard { reason, now_ms: date_ms } => match progress.state {
            EventState::Delivered | EventState::Discarded => Operated::Unchanged,
            EventState::Pending | EventState::Retrying | EventState::Dead => {
                let earliest = earliest.filter(|_| progress.due_ms.is_some());
                let discard_reason = Some(reason.clone());
                let progress = Progress { lease: None, discard_reason, ..progress };
                Operated::Changed(close(
                    progress,
                    EventState::Discarded,
                    earliest,
                    now_ms,
                    *date_ms,
                ))
            }
        },
    }
}

/// A closed event is open again, in its old place: a head that came later steps back, unless it is being delivered; then the
/// event is next after that.
fn reopen(
    progress: Progress,
    sequence: i64,
    earliest: Option<Neighbour>,
    head: Option<Neighbour>,
    now_ms: i64,
) -> Stepped {
    let is_first = earliest.is_none_or(|earliest| earliest.sequence > sequence);
    // The head is further back where it was being delivered when an earlier event was opened again.
    let head = earliest.filter(|earliest| earliest.due_ms.is_some()).or(head);
    let in_flight =
        head.is_some_and(|head| head.is_leased && head.due_ms.is_some_and(|it| it > now_ms));
    let leads = is_first && !in_flight;
    let progress = Progress {
        state: EventState::Pending,
        attempts: 0,
        first_attempt_at_ms: None,
        due_ms: leads.then_some(now_ms),
        closed_at_ms: None,
        closed_tick: None,
        discard_reason: None,
        replays: progress.replays.saturating_add(1),
        ..progress
    };
    // Without its lease: should a delivery that ran out of time still come back, it settles nothing.
    let nudge = head.filter(|_| leads).map(|it| Nudge { sequence: it.sequence, due_ms: None });
    Stepped { progress, nudge }
}

/// The event is out of the way: the earliest of those that wait for it becomes due.
fn close(
    progress: Progress,
    state: EventState,
    earliest: Option<Neighbour>,
    now_ms: i64,
    date_ms: i64,
) -> Stepped {
    let (closed_at_ms, closed_tick) = (Some(date_ms), Some(now_ms));
    let progress = Progress { state, due_ms: None, closed_at_ms, closed_tick, ..progress };
    let waiting = earliest.filter(|earliest| earliest.due_ms.is_none());
    Stepped { progress, nudge: waiting.map(|it| due_at(it, now_ms)) }
}

/// The event stays open: due after `after_ms`, or waiting where one that came earlier was replayed meanwhile and goes first.
fn again_after(
    progress: Progress,
    sequence: i64,
    after_ms: i64,
    earliest: Option<Neighbour>,
    now_ms: i64,
) -> Stepped {
    let before = earliest.filter(|earliest| earliest.sequence < sequence);
    let due_ms = before.is_none().then(|| now_ms.saturating_add(after_ms));
    Stepped {
        progress: Progress { due_ms, ..progress },
        nudge: before.map(|it| due_at(it, now_ms)),
    }
}

fn due_at(neighbour: Neighbour, now_ms: i64) -> Nudge {
    Nudge { sequence: neighbour.sequence, due_ms: Some(now_ms) }
}

impl Retention {
    /// Events that reached `state` before this moment are removed; `None` for open ones, which never are.
    pub(in crate::store) fn oldest_kept_ms(self, state: EventState, now_ms: i64) -> Option<i64> {
        let kept_ms = match state {
            EventState::Pending | EventState::Retrying => return None,
            EventState::Delivered | EventState::Discarded => self.delivered_ms,
            EventState::Dead => self.dead_ms,
        };
        Some(now_ms.saturating_sub(kept_ms.max(0)))
    }

    /// Dedupe keys of removed events that were last seen before this moment are forgotten.
    pub(in crate::store) fn oldest_key_ms(self, now_ms: i64) -> i64 {
        now_ms.saturating_sub(self.seen_ms.max(0))
    }
}
