//! Looking at the journal: pages, single payments, counts; and removing what is old.

use std::collections::BTreeMap;

use rusqlite::types::Value;
use rusqlite::{Connection, params, params_from_iter};

use super::super::job::Work;
use super::super::names::{self, IS_ONE_OF};
use super::rows;
use crate::store::journal::steps::kept_since_ms;
use crate::store::page;
use crate::store::{
    Cursor, HistoryEntry, PaymentCounts, PaymentDetail, PaymentFilter, PaymentId, PaymentListing,
    PaymentRow,
};

/// Payments removed in one call: a few milliseconds of work.
const STEP: usize = 200;

/// One page of the payments that match, newest first.
pub(super) fn list(
    connection: &Connection,
    filter: &PaymentFilter,
    after: Option<Cursor>,
    limit: usize,
) -> rusqlite::Result<PaymentListing> {
    let (conditions, mut values) = conditions(filter);
    values.push(Value::Integer(after.map_or(i64::MAX, |Cursor(sequence)| sequence)));
    // What SQLite takes for a whole number.
    let most = i64::try_from(limit).unwrap_or(i64::MAX);
    let sql = format!(
        "SELECT {} FROM payment WHERE {conditions} AND sequence < ? \
         ORDER BY sequence DESC LIMIT {most}",
        rows::COLUMNS
    );
    let mut payments: Vec<PaymentRow> = connection
        .prepare(&sql)?
        .query_map(params_from_iter(values), rows::payment_row)?
        .collect::<rusqlite::Result<_>>()?;
    for row in &mut payments {
        date(connection, row)?;
    }
    let next = page::next(&payments, limit, |row| row.sequence);
    Ok(PaymentListing { payments, next })
}

/// As people see it: with dates.
fn date(connection: &Connection, row: &mut PaymentRow) -> rusqlite::Result<()> {
    let sql = "SELECT wall - time FROM store_time";
    let ahead_ms: i64 = connection.prepare_cached(sql)?.query_row([], |row| row.get(0))?;
    row.next_query_at_ms = row.next_query_at_ms.map(|due_ms| due_ms.saturating_add(ahead_ms));
    Ok(())
}

fn conditions(filter: &PaymentFilter) -> (String, Vec<Value>) {
    let mut conditions = vec!["true".to_owned()];
    let mut values = Vec::new();
    if let Some(account) = &filter.account {
        conditions.push(IS_ONE_OF.to_owned());
        values.extend([Value::Text(account.clone()), Value::Text(account.clone())]);
    }
    let mut add = |condition: &str, value: Option<Value>| {
        if let Some(value) = value {
            conditions.push(condition.to_owned());
            values.push(value);
        }
    };
    add("operation = ?", filter.operation.clone().map(Value::Text));
    add("reference = ?", filter.reference.clone().map(Value::Text));
    add("begun_at >= ?", filter.from_ms.map(Value::Integer));
    add("begun_at < ?", filter.until_ms.map(Value::Integer));
    if filter.conflicting {
        conditions.push(CONFLICTING.to_owned());
    }
    if !filter.states.is_empty() {
        let places = vec!["?"; filter.states.len()].join(", ");
        conditions.push(format!("state IN ({places})"));
        values.extend(filter.states.iter().cloned().map(Value::Text));
    }
    (conditions.join(" AND "), values)
}

const CONFLICTING: &str =
    "(amount_differs = 1 OR contradicted = 1 OR conflicting_reference IS NOT NULL)";

/// One payment with its texts and its history.
pub(super) fn show(
    connection: &Connection,
    id: &PaymentId,
) -> rusqlite::Result<Option<PaymentDetail>> {
    let Some(mut row) = rows::by_id(connection, id)? else { return Ok(None) };
    date(connection, &mut row)?;
    let history = history(connection, row.sequence)?;
    let view = rows::view(connection, row)?;
    Ok(Some(PaymentDetail { view, history }))
}

fn history(connection: &Connection, sequence: i64) -> rusqlite::Result<Vec<HistoryEntry>> {
    let sql = "SELECT at, what, attempt, state, detail FROM payment_history \
               WHERE sequence = ?1 ORDER BY entry";
    connection
        .prepare_cached(sql)?
        .query_map([sequence], |row| {
            Ok(HistoryEntry {
                at_ms: row.get(0)?,
                what: row.get(1)?,
                attempt: row.get(2)?,
                state: row.get(3)?,
                detail: row.get(4)?,
            })
        })?
        .collect()
}

/// Open payments by account, accounts in alphabetical order.
pub(super) fn counts(connection: &Connection) -> rusqlite::Result<Vec<PaymentCounts>> {
    let current = names::all(connection)?;
    let mut statement = connection.prepare_cached(COUNTS)?;
    let mut rows = statement.query([])?;
    let mut all: BTreeMap<String, PaymentCounts> = BTreeMap::new();
    while let Some(row) = rows.next()? {
        let name: String = row.get(0)?;
        let account = current.get(&name).unwrap_or(&name);
        let (state, payments): (String, i64) = (row.get(1)?, row.get(2)?);
        let counts = all.entry(account.clone()).or_default();
        counts.account.clone_from(account);
        counts.add(&state, payments.max(0).unsigned_abs(), row.get(3)?);
    }
    Ok(all.into_values().collect())
}

/// Open payments are few, however many there are in all.
pub(super) const COUNTS: &str = "
    SELECT account, state, count(*), min(begun_at) FROM payment INDEXED BY payment_unsettled
    WHERE state IN ('ready', 'sending', 'unknown') GROUP BY account, state";

/// Removes some payments that were settled more than `kept_ms` ago; true when nothing is left to do.
pub(super) fn sweep(work: &mut Work<'_>, kept_ms: i64) -> rusqlite::Result<(u64, bool)> {
    let old: Vec<i64> = work
        .connection
        .prepare_cached(OLD)?
        .query_map(params![kept_since_ms(kept_ms, work.now_ms), STEP as i64], |row| row.get(0))?
        .collect::<rusqlite::Result<_>>()?;
    for sequence in &old {
        for sql in REMOVE {
            work.connection.prepare_cached(sql)?.execute([sequence])?;
        }
    }
    Ok((old.len() as u64, old.len() < STEP))
}

pub(super) const OLD: &str = "
    SELECT sequence FROM payment INDEXED BY payment_settled
    WHERE coalesce(settled_tick, settled_at) < ?1 AND settled_at IS NOT NULL
    ORDER BY coalesce(settled_tick, settled_at) LIMIT ?2";

const REMOVE: [&str; 3] = [
    "DELETE FROM payment_history WHERE sequence = ?1",
    "DELETE FROM payment_text WHERE sequence = ?1",
    "DELETE FROM payment WHERE sequence = ?1",
];
