//! Taking a step: the rules first, then the row, its history, and a word to whoever waits for it.

use rusqlite::{named_params, params};

use super::super::job::Work;
use super::account_key;
use crate::payment::{Final, Input, Rules, State, Transition, step};
use crate::provider::Flag;
use crate::store::{JournalError, PaymentRow};

/// Characters kept of a reason: enough to know it by, too few to smuggle a body in.
const DETAIL_CHARS_MAX: usize = 300;

/// Entries of one payment's history from which on asks that changed nothing are no longer listed; they are counted still.
const ASKS_LISTED_MAX: i64 = 200;

/// What the history says about a step.
pub(super) struct Entry<'a> {
    pub(super) what: &'a str,
    pub(super) attempt: Option<u32>,
    pub(super) detail: Option<&'a str>,
    pub(super) at_ms: i64,
}

/// Lets `input` happen to `row`, in memory, at a moment that the wall clock calls `now_ms`. Nothing is written.
pub(super) fn take_step(
    work: &Work<'_>,
    row: &mut PaymentRow,
    input: Input,
    rules: &Rules,
    now_ms: i64,
) -> Result<Transition, JournalError> {
    let transition = step(&row.payment, input, rules, work.now_ms)
        .map_err(|why| JournalError::Forbidden { id: row.id.clone(), why })?;
    let was_settled = matches!(row.payment.state, State::Settled(_));
    row.payment = transition.payment;
    if transition.contradicts {
        row.contradicted = true;
        row.just_flagged.push(Flag::Contradicted);
    }
    row.just_resolved |= transition.resolves;
    match row.payment.state {
        State::Settled(_) if !was_settled || transition.contradicts => {
            (row.settled_at_ms, row.settled_tick) = (Some(now_ms), Some(work.now_ms));
        }
        State::Settled(_) => {}
        State::Ready | State::Sending { .. } | State::Unknown { .. } => {
            (row.settled_at_ms, row.settled_tick) = (None, None);
        }
    }
    Ok(transition)
}

/// When it is to be asked about next, in store time: given `in_doubt_ms` while it is unknown, and `accepted_ms` while it is accepted
/// and nothing final was heard of it.
pub(super) fn schedule(row: &mut PaymentRow, in_doubt_ms: Option<i64>, accepted_ms: Option<i64>) {
    let over = row.payment.status.is_some_and(|status| status.is_final());
    row.next_ask_at_ms = match row.payment.state {
        State::Unknown { .. } => in_doubt_ms,
        State::Settled(Final::Accepted) if !over => accepted_ms,
        State::Ready | State::Sending { .. } | State::Settled(_) => None,
    };
}

/// Writes the row and one more entry of its history.
pub(super) fn save(
    work: &mut Work<'_>,
    row: &PaymentRow,
    entry: &Entry<'_>,
) -> rusqlite::Result<()> {
    let payment = &row.payment;
    work.connection.prepare_cached(SAVE)?.execute(named_params! {
        ":sequence": row.sequence,
        ":provider_reference": row.provider_reference,
        ":state": payment.state.as_str(),
        ":attempts": payment.attempts,
        ":open_attempts": payment.open.bits().cast_signed(),
        ":told": payment.told.as_str(),
        ":doubtful_since": payment.doubtful_since_ms,
        ":absences": payment.absence.answers,
        ":last_absence_at": payment.absence.last_ms,
        ":status": payment.status.map(|status| status.word()),
        ":provider_code": row.provider_code,
        ":last_attempt_at": row.last_attempt_at_ms,
        ":last_attempt_tick": row.last_attempt_tick,
        ":settled_at": row.settled_at_ms,
        ":settled_tick": row.settled_tick,
        ":asks": row.asks,
        ":next_ask_at": row.next_ask_at_ms,
        ":notified_at": row.notified_at_ms,
        ":amount_differs": row.amount_differs,
        ":contradicted": row.contradicted,
        ":owes_event": row.owes_event,
        ":place": payment.place.map(|place| place.to_string()),
        ":conflicting_reference": row.conflicting_reference,
    })?;
    record(work, row, entry)?;
    work.wake(row.id.as_str());
    if row.next_ask_at_ms.is_some() || (row.owes_event && row.end().is_some()) {
        work.wake(&account_key(&row.account));
    }
    Ok(())
}

const SAVE: &str = "
    UPDATE payment SET provider_reference = :provider_reference, state = :state,
        attempts = :attempts, open_attempts = :open_attempts, told = :told,
        doubtful_since = :doubtful_since, absences = :absences, last_absence_at = :last_absence_at,
        status = :status, provider_code = :provider_code, last_attempt_at = :last_attempt_at,
        last_attempt_tick = :last_attempt_tick, settled_at = :settled_at,
        settled_tick = :settled_tick, asks = :asks, next_ask_at = :next_ask_at,
        notified_at = :notified_at, amount_differs = :amount_differs, contradicted = :contradicted,
        owes_event = :owes_event, place = :place,
        conflicting_reference = :conflicting_reference
    WHERE sequence = :sequence";

/// Adds to the history.
pub(super) fn record(work: &Work<'_>, row: &PaymentRow, entry: &Entry<'_>) -> rusqlite::Result<()> {
    let detail: Option<String> =
        entry.detail.map(|detail| detail.chars().take(DETAIL_CHARS_MAX).collect());
    let state = row.payment.state.as_str();
    let mut statement = work.connection.prepare_cached(RECORD)?;
    let values = params![
        row.sequence,
        entry.at_ms,
        entry.what,
        entry.attempt,
        state,
        detail,
        ASKS_LISTED_MAX
    ];
    statement.execute(values).map(|_| ())
}

const RECORD: &str = "
    INSERT INTO payment_history (sequence, entry, at, what, attempt, state, detail)
    SELECT ?1, coalesce(max(entry), 0) + 1, ?2, ?3, ?4, ?5, ?6
    FROM payment_history WHERE sequence = ?1
    HAVING ?3 <> 'asked' OR ?5 <> 'unknown' OR coalesce(max(entry), 0) < ?7";
