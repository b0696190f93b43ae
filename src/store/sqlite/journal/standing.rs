//! What of the journal depends on the configuration. It is also read from a store of an earlier version: what that did not
//! know is left open.

use std::collections::BTreeMap;

use rusqlite::Connection;

use super::super::names;
use super::rows;
use crate::store::{AccountNames, LeftBehind, OpenAt, Standing};

/// What stands when `accounts` are configured.
pub(in super::super) fn of(
    connection: &Connection,
    accounts: &[AccountNames],
) -> rusqlite::Result<Standing> {
    if !has(connection, "SELECT 1 FROM sqlite_schema WHERE name = 'payment'")? {
        return Ok(Standing::default());
    }
    let open = open_at(connection, accounts)?;
    let mut left_behind = left_behind(connection, accounts, &open)?;
    left_behind.extend(taken_away(connection, accounts)?);
    Ok(Standing { open, left_behind })
}

/// Payments that are not over, by account, operation and place.
pub(in super::super) fn open_at(
    connection: &Connection,
    accounts: &[AccountNames],
) -> rusqlite::Result<Vec<OpenAt>> {
    let current = current(connection, accounts)?;
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

/// Payments of accounts that are not among `accounts`.
fn left_behind(
    connection: &Connection,
    accounts: &[AccountNames],
    open: &[OpenAt],
) -> rusqlite::Result<Vec<LeftBehind>> {
    let current = current(connection, accounts)?;
    let names: Vec<String> = connection
        .prepare_cached(NAMES)?
        .query_map([], |row| row.get(0))?
        .collect::<rusqlite::Result<_>>()?;
    let mut left: BTreeMap<String, LeftBehind> = BTreeMap::new();
    for name in names {
        let account = current.get(&name).unwrap_or(&name);
        if accounts.iter().any(|known| known.name == *account) {
            continue;
        }
        let kept: i64 = connection.prepare_cached(KEPT)?.query_row([&name], |row| row.get(0))?;
        let its = open.iter().filter(|open| open.account == *account);
        let entry = left.entry(account.clone()).or_default();
        entry.account.clone_from(account);
        entry.payments += kept.max(0).unsigned_abs();
        entry.open = its.map(|open| open.in_doubt + open.on_their_way).sum();
    }
    Ok(left.into_values().collect())
}

/// Payments under the former name of an account that become those of an account of its own.
fn taken_away(
    connection: &Connection,
    accounts: &[AccountNames],
) -> rusqlite::Result<Vec<LeftBehind>> {
    let is_account = |name: &str| accounts.iter().any(|account| account.name == name);
    let mut taken = Vec::new();
    for (name, said) in known(connection)? {
        if name == said || !is_account(&name) || !is_account(&said) {
            continue;
        }
        let count = |sql| -> rusqlite::Result<u64> {
            let count: i64 =
                connection.prepare_cached(sql)?.query_row([&name], |row| row.get(0))?;
            Ok(count.max(0).unsigned_abs())
        };
        let (payments, open) = (count(KEPT)?, count(KEPT_OPEN)?);
        if payments > 0 {
            taken.push(LeftBehind { account: name, was_part_of: Some(said), payments, open });
        }
    }
    Ok(taken)
}

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

/// What each name of the store is called when `accounts` are configured.
fn current(
    connection: &Connection,
    accounts: &[AccountNames],
) -> rusqlite::Result<BTreeMap<String, String>> {
    Ok(names::joined(&known(connection)?, accounts))
}

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
