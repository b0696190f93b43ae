//! Handing out events for delivery. A claimed event stays where it is and becomes due again when its lease ends, so
//! there is nothing to repair after a crash.

use rusqlite::{Connection, OptionalExtension, Row, params};

use super::super::job::Work;
use super::super::names::{self, current};
use super::rows::{self, progress_columns};
use super::steps;
use crate::random;
use crate::store::inbox::steps::{Progress, Stepped};
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
    let (token, now_ms) = (token(), work.now_ms);
    let mut find = work.connection.prepare_cached(CLAIMED)?;
    let (claimed, before, progress) = find.query_row([sequence], |row| {
        let before = rows::progress(row)?;
        let progress = steps::claim(before.clone(), token, lease_ms, now_ms);
        Ok((claimed(row, token, &progress)?, before, progress))
    })?;
    rows::save(work, sequence, &before, &Stepped { progress, nudge: None })?;
    Ok(claimed)
}

pub(super) const CLAIMED: &str = concat!(
    "SELECT ",
    progress_columns!(),
    ", id, ",
    current!("inbox.account"),
    ", reference, type, event, param, received_at FROM inbox JOIN inbox_text USING (sequence) WHERE sequence = ?1"
);

fn claimed(row: &Row<'_>, token: i64, progress: &Progress) -> rusqlite::Result<Claimed> {
    Ok(Claimed {
        lease: Lease { id: rows::id(row, 11)?, token },
        account: row.get(12)?,
        reference: row.get(13)?,
        event_type: row.get(14)?,
        event: row.get(15)?,
        param: row.get(16)?,
        received_at_ms: row.get(17)?,
        first_attempt_at_ms: progress.first_attempt_at_ms.unwrap_or_default(),
        attempts: progress.attempts,
        replays: progress.replays,
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
    let (mut held, end_ms) = (0, steps::lease_end(lease_ms, work.now_ms));
    for Lease { id, token } in leases {
        held += statement.execute(params![id.as_str(), token, end_ms])?;
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

/// Tells one claim of an event from the next. Random, because two processes may claim.
fn token() -> i64 {
    // Without randomness no id could have been made either; an old lease then counts as a new one.
    i64::from_ne_bytes(random::bytes().unwrap_or_default())
}
