//! The events beside an event: the other open ones of its account and reference.

use rusqlite::{OptionalExtension, Row, params};

use super::super::job::Work;
use super::super::names;
use crate::store::inbox::steps::Neighbour;

/// No event has this number.
pub(super) const NONE: i64 = 0;

/// The earliest open event beside the one with that `sequence`. Two probes of one index, however long the queue is.
pub(super) fn earliest(
    work: &Work<'_>,
    account: &str,
    reference: Option<&str>,
    sequence: i64,
) -> rusqlite::Result<Option<Neighbour>> {
    let found = beside(work, EARLIEST, account, reference, sequence)?;
    Ok(found.into_iter().min_by_key(|event| event.sequence))
}

pub(super) const EARLIEST: &str = "
    SELECT sequence, next_attempt_at, lease IS NOT NULL FROM inbox
    WHERE sequence = (SELECT min(first) FROM (
        SELECT min(sequence) AS first FROM inbox INDEXED BY inbox_reference
            WHERE account = ?1 AND reference = ?2 AND state = 'pending' AND sequence <> ?3
        UNION ALL
        SELECT min(sequence) FROM inbox INDEXED BY inbox_reference
            WHERE account = ?1 AND reference = ?2 AND state = 'retrying' AND sequence <> ?3))";

/// The open event beside it that has a time for its next attempt. Reads the queue up to that event.
pub(super) fn head(
    work: &Work<'_>,
    account: &str,
    reference: Option<&str>,
    sequence: i64,
) -> rusqlite::Result<Option<Neighbour>> {
    Ok(beside(work, HEAD, account, reference, sequence)?.pop())
}

pub(super) const HEAD: &str = "
    SELECT sequence, next_attempt_at, lease IS NOT NULL FROM inbox INDEXED BY inbox_reference
    WHERE account = ?1 AND reference = ?2 AND state IN ('pending', 'retrying')
        AND next_attempt_at IS NOT NULL AND sequence <> ?3
    LIMIT 1";

/// What `sql` finds, under each name of the account.
fn beside(
    work: &Work<'_>,
    sql: &str,
    account: &str,
    reference: Option<&str>,
    sequence: i64,
) -> rusqlite::Result<Vec<Neighbour>> {
    let Some(reference) = reference else { return Ok(Vec::new()) };
    let mut statement = work.connection.prepare_cached(sql)?;
    let neighbour = |row: &Row<'_>| {
        Ok(Neighbour { sequence: row.get(0)?, due_ms: row.get(1)?, is_leased: row.get(2)? })
    };
    let mut found = Vec::new();
    for name in names::of(work.connection, account)? {
        let values = params![name, reference, sequence];
        found.extend(statement.query_row(values, neighbour).optional()?);
    }
    Ok(found)
}
