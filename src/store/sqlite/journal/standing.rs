//! What of the journal depends on the configuration. It is also read from a store of an earlier version: what that did not
//! know is left open.

use std::collections::BTreeMap;

use rusqlite::Connection;

use super::super::names;
use super::rows;
use crate::store::journal::names::joined;
use crate::store::{AccountNames, OpenAt, Standing};

/// What the store holds for the configured `accounts`.
pub(in super::super) fn of(
    connection: &Connection,
    accounts: &[AccountNames],
) -> rusqlite::Result<Standing> {
    if !has(connection, "SELECT 1 FROM sqlite_schema WHERE name = 'payment'")? {
        return Ok(Standing::default());
    }
    let names = connection
        .prepare_cached(NAMES)?
        .query_map([], |row| row.get(0))?
        .collect::<rusqlite::Result<_>>()?;
    let count = |sql, name: &str| -> rusqlite::Result<u64> {
        let count: i64 = connection.prepare_cached(sql)?.query_row([name], |row| row.get(0))?;
        Ok(count.max(0).unsigned_abs())
    };
    Standing::of(accounts, &known(connection)?, open_at(connection, accounts)?, names, |name| {
        Ok((count(KEPT, name)?, count(KEPT_OPEN, name)?))
    })
}

/// Payments that are not over, by account, operation and place.
pub(in super::super) fn open_at(
    connection: &Connection,
    accounts: &[AccountNames],
) -> rusqlite::Result<Vec<OpenAt>> {
    let current = joined(&known(connection)?, accounts);
    let knows_places = "SELECT 1 FROM pragma_table_info('payment') WHERE name = 'place'";
    let sql = match has(connection, knows_places)? {
        true => OPEN.to_owned(),
        false => OPEN.replace("place,", "NULL,").replace(", place", ""),
    };
    let mut statement = connection.prepare_cached(&sql)?;
    let mut rows = statement.query([])?;
    let mut all = Vec::new();
    while let Some(row) = rows.next()? {
        let name: String = row.get(0)?;
        let place: Option<String> = row.get(2)?;
        all.push(OpenAt {
            account: current.get(&name).unwrap_or(&name).clone(),
            operation: row.get(1)?,
            place: place.map(|text| rows::place_of(&text)).transpose()?,
            in_doubt: row.get::<_, i64>(3)?.max(0).unsigned_abs(),
            on_their_way: row.get::<_, i64>(4)?.max(0).unsigned_abs(),
        });
    }
    Ok(all)
}

/// Few, however many payments there are in all. The list of states is the index's own.
pub(super) const OPEN: &str = "
    SELECT account, operation, place, count(doubtful_since), count(*) - count(doubtful_since)
    FROM payment INDEXED BY payment_unsettled
    WHERE state IN ('ready', 'sending', 'unknown') AND (state <> 'ready' OR doubtful_since IS NOT NULL)
    GROUP BY account, operation, place";

/// One step of an index for each name, however many payments it has.
pub(super) const NAMES: &str = "
    WITH RECURSIVE name(account) AS (
        SELECT min(account) FROM payment
        UNION ALL
        SELECT (SELECT min(account) FROM payment WHERE account > name.account)
        FROM name WHERE name.account IS NOT NULL)
    SELECT account FROM name WHERE account IS NOT NULL";

pub(super) const KEPT: &str = "SELECT count(*) FROM payment WHERE account = ?1";

const KEPT_OPEN: &str =
    "SELECT count(*) FROM payment WHERE account = ?1 AND state IN ('ready', 'sending', 'unknown')";

/// What the store says of names.
fn known(connection: &Connection) -> rusqlite::Result<BTreeMap<String, String>> {
    match has(connection, "SELECT 1 FROM sqlite_schema WHERE name = 'account_name'")? {
        true => names::all(connection),
        false => Ok(BTreeMap::new()),
    }
}

fn has(connection: &Connection, sql: &str) -> rusqlite::Result<bool> {
    connection.prepare_cached(sql)?.exists([])
}
