//! The end of a claim: delivered, to be tried again, given up, or handed back.

use rusqlite::{OptionalExtension, params};

use super::super::job::Work;
use super::order;
use crate::store::{Attempt, EventState, Lease, Settled, Settlement};

/// Characters kept of an error: enough to know it by, too few to smuggle a body in.
const ERROR_CHARS_MAX: usize = 300;

/// The longest pause between two attempts, whatever the caller asks for: ten years.
const PAUSE_MAX_MS: i64 = 10 * 366 * 24 * 60 * 60 * 1000;

struct Leased {
    sequence: i64,
    account: String,
    reference: Option<String>,
    lease: Option<i64>,
}

pub(super) fn settle(
    work: &mut Work<'_>,
    lease: &Lease,
    settlement: &Settlement,
    now_ms: i64,
) -> rusqlite::Result<Settled> {
    let Some(event) = find(work, lease)? else { return Ok(Settled::Superseded) };
    let error = short_error(settlement);
    let error = error.as_deref();
    record(work, event.sequence, settlement, error)?;
    if event.lease != Some(lease.token) {
        return Ok(Settled::Superseded);
    }
    match settlement {
        Settlement::Delivered(_) => close(work, &event, EventState::Delivered, error, now_ms)?,
        Settlement::Dead { .. } => close(work, &event, EventState::Dead, error, now_ms)?,
        Settlement::Retry { after_ms, .. } => {
            let at_ms = unless_behind(work, &event, (*after_ms).clamp(0, PAUSE_MAX_MS))?;
            work.connection.prepare_cached(RETRY)?.execute(params![
                event.sequence,
                at_ms,
                error
            ])?;
        }
        Settlement::Released => {
            let at_ms = unless_behind(work, &event, 0)?;
            work.connection.prepare_cached(RELEASE)?.execute(params![event.sequence, at_ms])?;
        }
    }
    work.wake(&event.account);
    Ok(Settled::Done)
}

const RETRY: &str = "
    UPDATE inbox SET state = 'retrying', lease = NULL, next_attempt_at = ?2, last_error = ?3
    WHERE sequence = ?1";

const RELEASE: &str = "
    UPDATE inbox SET lease = NULL, next_attempt_at = ?2, attempts = attempts - 1,
        first_attempt_at = CASE attempts WHEN 1 THEN NULL ELSE first_attempt_at END
    WHERE sequence = ?1";

pub(super) const CLOSE: &str = "
    UPDATE inbox SET state = ?2, lease = NULL, next_attempt_at = NULL, closed_at = ?3, closed_tick = ?5,
        delivered_at = CASE ?2 WHEN 'delivered' THEN ?3 ELSE delivered_at END,
        last_error = coalesce(?4, last_error)
    WHERE sequence = ?1";

fn find(work: &Work<'_>, lease: &Lease) -> rusqlite::Result<Option<Leased>> {
    work.connection
        .prepare_cached("SELECT sequence, account, reference, lease FROM inbox WHERE id = ?1")?
        .query_row([lease.id.as_str()], |row| {
            Ok(Leased {
                sequence: row.get(0)?,
                account: row.get(1)?,
                reference: row.get(2)?,
                lease: row.get(3)?,
            })
        })
        .optional()
}

/// The event is out of the way: the next one of its reference may go.
fn close(
    work: &mut Work<'_>,
    event: &Leased,
    state: EventState,
    error: Option<&str>,
    now_ms: i64,
) -> rusqlite::Result<()> {
    work.connection.prepare_cached(CLOSE)?.execute(params![
        event.sequence,
        state.as_str(),
        now_ms,
        error,
        work.now_ms
    ])?;
    order::promote_next(work, &event.account, event.reference.as_deref())
}

/// The time after `after_ms`, or no time at all when an event that came earlier was replayed meanwhile and goes first.
fn unless_behind(
    work: &mut Work<'_>,
    event: &Leased,
    after_ms: i64,
) -> rusqlite::Result<Option<i64>> {
    let reference = event.reference.as_deref();
    let behind = order::yield_to_earlier(work, &event.account, reference, event.sequence)?;
    Ok((!behind).then(|| work.now_ms.saturating_add(after_ms)))
}

/// Why the attempt failed; `None` if it did not, or was none.
fn short_error(settlement: &Settlement) -> Option<String> {
    match settlement {
        Settlement::Delivered(_) | Settlement::Released => None,
        Settlement::Retry { error, .. } | Settlement::Dead { error, .. } => {
            Some(error.chars().take(ERROR_CHARS_MAX).collect())
        }
    }
}

fn record(
    work: &Work<'_>,
    sequence: i64,
    settlement: &Settlement,
    error: Option<&str>,
) -> rusqlite::Result<()> {
    let Attempt { started_at_ms, duration_ms, http_status } = match settlement {
        Settlement::Delivered(attempt)
        | Settlement::Retry { attempt, .. }
        | Settlement::Dead { attempt, .. } => attempt,
        Settlement::Released => return Ok(()),
    };
    work.connection
        .prepare_cached(RECORD)?
        .execute(params![sequence, started_at_ms, duration_ms, http_status, error])
        .map(|_| ())
}

pub(super) const RECORD: &str = "
    INSERT INTO delivery_attempt (sequence, attempt, started_at, duration_ms, http_status, error)
    SELECT ?1, coalesce(max(attempt), 0) + 1, ?2, ?3, ?4, ?5
    FROM delivery_attempt WHERE sequence = ?1";
