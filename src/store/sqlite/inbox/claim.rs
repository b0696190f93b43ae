//! Handing out events for delivery. A claimed event stays where it is and becomes due again when its lease ends, so
//! there is nothing to repair after a crash.

use rusqlite::{Connection, OptionalExtension, Row, params};

use super::super::job::Work;
use super::super::names::{self, current};
use super::rows;
use crate::random;
use crate::store::{Claimed, Lease};

/// Claims at most `limit` due events of `account`, longest due first.
pub(super) fn claim(
    work: &mut Work<'_>,
    account: &str,
    limit: usize,
    lease_ms: i64,
) -> rusqlite::Result<Vec<Claimed>> {
    let mut due: Vec<i64> = Vec::new();
    for name in names::of(work.connection, account)? {
        let room = i64::try_from(limit - due.len()).unwrap_or(i64::MAX);
        let mut statement = work.connection.prepare_cached(DUE)?;
        for sequence in statement.query_map(params![name, work.now_ms, room], |row| row.get(0))? {
            due.push(sequence?);
        }
    }
    due.into_iter().map(|sequence| claim_one(work, sequence, lease_ms)).collect()
}

pub(super) const DUE: &str = "
    SELECT sequence FROM inbox INDEXED BY inbox_due
    WHERE account = ?1 AND next_attempt_at <= ?2
    ORDER BY next_attempt_at, sequence LIMIT ?3";

fn claim_one(work: &mut Work<'_>, sequence: i64, lease_ms: i64) -> rusqlite::Result<Claimed> {
    let token = token();
    work.connection.prepare_cached(LEASE)?.execute(params![
        sequence,
        work.now_ms,
        lease_end(work, lease_ms),
        token
    ])?;
    work.connection.prepare_cached(CLAIMED)?.query_row([sequence], |row| claimed(row, token))
}

pub(super) const LEASE: &str = "
    UPDATE inbox SET lease = ?4, next_attempt_at = ?3,
        attempts = attempts + 1, first_attempt_at = coalesce(first_attempt_at, ?2)
    WHERE sequence = ?1";

pub(super) const CLAIMED: &str = concat!(
    "SELECT id, ",
    current!("inbox.account"),
    ", reference, type, event, param, received_at, first_attempt_at, attempts, replays
    FROM inbox JOIN inbox_text USING (sequence) WHERE sequence = ?1"
);

fn claimed(row: &Row<'_>, token: i64) -> rusqlite::Result<Claimed> {
    Ok(Claimed {
        lease: Lease { id: rows::id(row, 0)?, token },
        account: row.get(1)?,
        reference: row.get(2)?,
        event_type: row.get(3)?,
        event: row.get(4)?,
        param: row.get(5)?,
        received_at_ms: row.get(6)?,
        first_attempt_at_ms: row.get(7)?,
        attempts: row.get(8)?,
        replays: row.get(9)?,
    })
}

/// Makes the leases that still hold end after `lease_ms`.
pub(super) fn renew(
    work: &mut Work<'_>,
    leases: &[Lease],
    lease_ms: i64,
) -> rusqlite::Result<usize> {
    let mut statement = work
        .connection
        .prepare_cached("UPDATE inbox SET next_attempt_at = ?3 WHERE id = ?1 AND lease = ?2")?;
    let mut held = 0;
    for Lease { id, token } in leases {
        held += statement.execute(params![id.as_str(), token, lease_end(work, lease_ms)])?;
    }
    Ok(held)
}

pub(super) fn next_due(connection: &Connection, account: &str) -> rusqlite::Result<Option<i64>> {
    let mut earliest: Option<i64> = None;
    for name in names::of(connection, account)? {
        let due = connection.prepare_cached(NEXT_DUE)?.query_row([name], |row| row.get(0));
        earliest = earliest.into_iter().chain(due.optional()?).min();
    }
    Ok(earliest)
}

pub(super) const NEXT_DUE: &str = "
    SELECT next_attempt_at FROM inbox INDEXED BY inbox_due
    WHERE account = ?1 AND next_attempt_at IS NOT NULL ORDER BY next_attempt_at LIMIT 1";

/// At least a millisecond: a lease that ends as it begins would hand the event out twice.
fn lease_end(work: &Work<'_>, lease_ms: i64) -> i64 {
    work.now_ms.saturating_add(lease_ms.max(1))
}

/// Tells one claim of an event from the next. Random, because two processes may claim.
fn token() -> i64 {
    // Without randomness no id could have been made either; an old lease then counts as a new one.
    i64::from_ne_bytes(random::bytes().unwrap_or_default())
}
