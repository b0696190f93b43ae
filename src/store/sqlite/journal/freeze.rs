//! The switch that stops everything of an account that moves money.

use rusqlite::{Connection, OptionalExtension, Row, params};

use super::super::job::Work;
use crate::store::Freeze;

pub(super) fn freeze(
    work: &mut Work<'_>,
    account: &str,
    reason: &str,
    now_ms: i64,
) -> rusqlite::Result<()> {
    let sql = "INSERT INTO freeze (account, reason, since) VALUES (?1, ?2, ?3)
               ON CONFLICT (account) DO UPDATE SET reason = ?2";
    work.connection.prepare_cached(sql)?.execute(params![account, reason, now_ms]).map(|_| ())
}

pub(super) fn unfreeze(work: &mut Work<'_>, account: &str) -> rusqlite::Result<bool> {
    let sql = "DELETE FROM freeze WHERE account = ?1";
    Ok(work.connection.prepare_cached(sql)?.execute([account])? > 0)
}

pub(super) fn of(connection: &Connection, account: &str) -> rusqlite::Result<Option<Freeze>> {
    let sql = "SELECT account, reason, since FROM freeze WHERE account = ?1";
    connection.prepare_cached(sql)?.query_row([account], read).optional()
}

pub(super) fn all(connection: &Connection) -> rusqlite::Result<Vec<Freeze>> {
    let sql = "SELECT account, reason, since FROM freeze ORDER BY account";
    connection.prepare_cached(sql)?.query_map([], read)?.collect()
}

fn read(row: &Row<'_>) -> rusqlite::Result<Freeze> {
    Ok(Freeze { account: row.get(0)?, reason: row.get(1)?, since_ms: row.get(2)? })
}
