//! Order within a reference: of its open events exactly one, the head, has a time for its next attempt. The others wait
//! with none until it is out of the way, so that a claim needs to look at heads only.

use rusqlite::{OptionalExtension, Row, params};

use super::super::job::Work;
use super::super::names;

/// An open event, as far as order is concerned.
pub(super) struct Open {
    pub(super) sequence: i64,
    pub(super) next_attempt_at: Option<i64>,
    claimed: bool,
}

impl Open {
    /// Whether somebody is delivering it at `now_ms`, in store time.
    pub(super) fn in_flight(&self, now_ms: i64) -> bool {
        self.claimed && self.next_attempt_at.is_some_and(|until| until > now_ms)
    }
}

/// The open event of the reference that came first. Two probes of one index, however long the queue is.
pub(super) fn earliest_open(
    work: &Work<'_>,
    account: &str,
    reference: &str,
) -> rusqlite::Result<Option<Open>> {
    let mut earliest: Option<Open> = None;
    for name in names::of(work.connection, account)? {
        let mut statement = work.connection.prepare_cached(EARLIEST_OPEN)?;
        let found = statement.query_row(params![name, reference], open).optional()?;
        earliest = earliest.into_iter().chain(found).min_by_key(|event| event.sequence);
    }
    Ok(earliest)
}

pub(super) const EARLIEST_OPEN: &str = "
    SELECT sequence, next_attempt_at, lease IS NOT NULL FROM inbox
    WHERE sequence = (SELECT min(first) FROM (
        SELECT min(sequence) AS first FROM inbox INDEXED BY inbox_reference
            WHERE account = ?1 AND reference = ?2 AND state = 'pending'
        UNION ALL
        SELECT min(sequence) FROM inbox INDEXED BY inbox_reference
            WHERE account = ?1 AND reference = ?2 AND state = 'retrying'))";

/// After the head was closed: the earliest of the waiting events becomes due.
pub(super) fn promote_next(
    work: &mut Work<'_>,
    account: &str,
    reference: Option<&str>,
) -> rusqlite::Result<()> {
    let Some(reference) = reference else { return Ok(()) };
    match earliest_open(work, account, reference)? {
        Some(next) if next.next_attempt_at.is_none() => make_due(work, next.sequence),
        _ => Ok(()),
    }
}

/// Whether the event may be attempted, given that it has just been opened again. If so, a head that came later steps
/// back, unless it is being delivered: then the event is next after that.
pub(super) fn take_the_lead(
    work: &mut Work<'_>,
    account: &str,
    reference: Option<&str>,
    sequence: i64,
) -> rusqlite::Result<bool> {
    let Some(reference) = reference else { return Ok(true) };
    let Some(earliest) = earliest_open(work, account, reference)? else { return Ok(true) };
    if earliest.sequence < sequence {
        return Ok(false);
    }
    let head = match earliest.next_attempt_at {
        Some(_) => Some(earliest),
        // The head is further back: it was being delivered when an earlier event was opened again.
        None => head(work, account, reference)?,
    };
    let Some(head) = head else { return Ok(true) };
    if head.in_flight(work.now_ms) {
        return Ok(false);
    }
    step_back(work, head.sequence)?;
    Ok(true)
}

fn head(work: &Work<'_>, account: &str, reference: &str) -> rusqlite::Result<Option<Open>> {
    for name in names::of(work.connection, account)? {
        let mut statement = work.connection.prepare_cached(HEAD)?;
        if let Some(head) = statement.query_row(params![name, reference], open).optional()? {
            return Ok(Some(head));
        }
    }
    Ok(None)
}

pub(super) const HEAD: &str = "
    SELECT sequence, next_attempt_at, lease IS NOT NULL FROM inbox INDEXED BY inbox_reference
    WHERE account = ?1 AND reference = ?2 AND state IN ('pending', 'retrying')
        AND next_attempt_at IS NOT NULL
    LIMIT 1";

/// Whether an event that is still open must let an earlier one go first; that one becomes due.
pub(super) fn yield_to_earlier(
    work: &mut Work<'_>,
    account: &str,
    reference: Option<&str>,
    sequence: i64,
) -> rusqlite::Result<bool> {
    let Some(reference) = reference else { return Ok(false) };
    match earliest_open(work, account, reference)? {
        Some(earliest) if earliest.sequence < sequence => {
            make_due(work, earliest.sequence)?;
            Ok(true)
        }
        _ => Ok(false),
    }
}

fn make_due(work: &mut Work<'_>, sequence: i64) -> rusqlite::Result<()> {
    let sql = "UPDATE inbox SET next_attempt_at = ?2 WHERE sequence = ?1";
    work.connection.prepare_cached(sql)?.execute(params![sequence, work.now_ms]).map(|_| ())
}

/// Without its lease: should a delivery that ran out of time still come back, it settles nothing.
fn step_back(work: &mut Work<'_>, sequence: i64) -> rusqlite::Result<()> {
    let sql = "UPDATE inbox SET next_attempt_at = NULL, lease = NULL WHERE sequence = ?1";
    work.connection.prepare_cached(sql)?.execute([sequence]).map(|_| ())
}

fn open(row: &Row<'_>) -> rusqlite::Result<Open> {
    Ok(Open { sequence: row.get(0)?, next_attempt_at: row.get(1)?, claimed: row.get(2)? })
}
