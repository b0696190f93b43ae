//! The switch that stops everything of an account that moves money.

use rusqlite::{Connection, OptionalExtension, Row, params};

use super::super::job::Work;
use super::super::names::{IS_ONE_OF, current};
use crate::store::Freeze;

pub(super) fn freeze(
    work: &mut Work<'_>,
    account: &str,
    reason: &str,
    now_ms: i64,
) -> rusqlite::Result<()> {
    let again = format!("UPDATE freeze SET reason = ? WHERE {IS_ONE_OF}");
    if work.connection.prepare_cached(&again)?.execute([reason, account, account])? > 0 {
        return Ok(());
    }
    let sql = "INSERT INTO freeze (account, reason, since) VALUES (?1, ?2, ?3)";
    work.connection.prepare_cached(sql)?.execute(params![account, reason, now_ms]).map(|_| ())
}

pub(super) fn unfreeze(work: &mut Work<'_>, account: &str) -> rusqlite::Result<bool> {
    let sql = format!("DELETE FROM freeze WHERE {IS_ONE_OF}");
    Ok(work.connection.prepare_cached(&sql)?.execute([account, account])? > 0)
}

/// The freeze that holds for an account, under whichever of its names.
pub(super) fn of(connection: &Connection, account: &str) -> rusqlite::Result<Option<Freeze>> {
    let sql = format!("SELECT account, reason, since FROM freeze WHERE {IS_ONE_OF} LIMIT 1");
    connection.prepare_cached(&sql)?.query_row([account, account], read).optional()
}

/// Every freeze that holds, one for each account.
pub(super) fn all(connection: &Connection) -> rusqlite::Result<Vec<Freeze>> {
    let sql = concat!(
        "SELECT ",
        current!("freeze.account"),
        " AS name, reason, min(since) FROM freeze GROUP BY name ORDER BY name"
    );
    connection.prepare_cached(sql)?.query_map([], read)?.collect()
}

fn read(row: &Row<'_>) -> rusqlite::Result<Freeze> {
    Ok(Freeze { account: row.get(0)?, reason: row.get(1)?, since_ms: row.get(2)? })
}
