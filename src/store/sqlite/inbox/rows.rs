//! Reading the inbox: pages, single events, counts. Also the one place that turns rows into our types.

use std::collections::BTreeMap;

use bytes::Bytes;
use rusqlite::types::{Type, Value};
use rusqlite::{Connection, OptionalExtension, Row, ToSql, params, params_from_iter};

use super::super::job::Work;
use super::super::names::{self, IS_ONE_OF, current};
use crate::store::inbox::steps::{Nudge, Progress, Stepped};
use crate::store::page;
use crate::store::{
    AccountCounts, Attempt, AttemptRecord, Cursor, EventDetail, EventId, EventRow, EventState,
    Filter, Listing,
};

/// The last of them is by how much the wall clock is ahead of store time.
const COLUMNS: &str = concat!(
    "id, sequence, ",
    current!("inbox.account"),
    ", provider, event_name, kind, type, status, reference, \
    provider_reference, verified_by, received_at, duplicates, last_seen_at, state, attempts, \
    next_attempt_at, lease IS NOT NULL, last_error, delivered_at, closed_at, discard_reason, replays, \
    (SELECT wall - time FROM store_time)"
);

/// What steps read and change, as the first columns of a row.
macro_rules! progress_columns {
    () => {
        "state, attempts, first_attempt_at, next_attempt_at, lease, last_error, delivered_at, closed_at, \
         closed_tick, discard_reason, replays"
    };
}
pub(super) use progress_columns;

/// Rows for [`queued`].
macro_rules! select_queued {
    () => {
        concat!(
            "SELECT ",
            super::rows::progress_columns!(),
            ", sequence, account, reference FROM inbox"
        )
    };
}
pub(super) use select_queued;

/// An event as steps see it, with what its neighbours are found by.
pub(super) struct Queued {
    pub(super) progress: Progress,
    pub(super) sequence: i64,
    pub(super) account: String,
    pub(super) reference: Option<String>,
}

pub(super) fn queued(row: &Row<'_>) -> rusqlite::Result<Queued> {
    Ok(Queued {
        progress: progress(row)?,
        sequence: row.get(11)?,
        account: row.get(12)?,
        reference: row.get(13)?,
    })
}

pub(super) fn progress(row: &Row<'_>) -> rusqlite::Result<Progress> {
    Ok(Progress {
        state: state(row, 0)?,
        attempts: row.get(1)?,
        first_attempt_at_ms: row.get(2)?,
        due_ms: row.get(3)?,
        lease: row.get(4)?,
        last_error: row.get(5)?,
        delivered_at_ms: row.get(6)?,
        closed_at_ms: row.get(7)?,
        closed_tick: row.get(8)?,
        discard_reason: row.get(9)?,
        replays: row.get(10)?,
    })
}

/// Writes what a step made of an event, which was `before`, and of one beside it.
pub(super) fn save(
    work: &Work<'_>,
    sequence: i64,
    before: &Progress,
    Stepped { progress, nudge }: &Stepped,
) -> rusqlite::Result<()> {
    let attempts: [&dyn ToSql; 6] = [
        &sequence,
        &progress.due_ms,
        &progress.lease,
        &progress.attempts,
        &progress.first_attempt_at_ms,
        &progress.last_error,
    ];
    if before.state == progress.state && progress.state.is_open() {
        work.connection.prepare_cached(SAVE_ATTEMPTS)?.execute(attempts)?;
    } else {
        let state: [&dyn ToSql; 6] = [
            &progress.state.as_str(),
            &progress.delivered_at_ms,
            &progress.closed_at_ms,
            &progress.closed_tick,
            &progress.discard_reason,
            &progress.replays,
        ];
        work.connection.prepare_cached(SAVE)?.execute([attempts, state].as_flattened())?;
    }
    let Some(Nudge { sequence, due_ms }) = nudge else { return Ok(()) };
    work.connection.prepare_cached(NUDGE)?.execute(params![sequence, due_ms]).map(|_| ())
}

/// Between two states of an open event: naming a column that does not change would still have its indexes written.
pub(super) const SAVE_ATTEMPTS: &str = "
    UPDATE inbox SET next_attempt_at = ?2, lease = ?3, attempts = ?4, first_attempt_at = ?5, last_error = ?6
    WHERE sequence = ?1";

pub(super) const SAVE: &str = "
    UPDATE inbox SET next_attempt_at = ?2, lease = ?3, attempts = ?4, first_attempt_at = ?5, last_error = ?6,
        state = ?7, delivered_at = ?8, closed_at = ?9, closed_tick = ?10, discard_reason = ?11, replays = ?12
    WHERE sequence = ?1";

pub(super) const NUDGE: &str =
    "UPDATE inbox SET next_attempt_at = ?2, lease = NULL WHERE sequence = ?1";

/// One page of the events that match, newest first.
pub(super) fn list(
    connection: &Connection,
    filter: &Filter,
    after: Option<Cursor>,
    limit: usize,
) -> rusqlite::Result<Listing> {
    let (conditions, mut values) = conditions(filter);
    values.push(Value::Integer(after.map_or(i64::MAX, |Cursor(sequence)| sequence)));
    let sql = format!(
        "SELECT {COLUMNS} FROM inbox WHERE {conditions} AND sequence < ? \
         ORDER BY sequence DESC LIMIT {limit}"
    );
    let events: Vec<EventRow> = connection
        .prepare(&sql)?
        .query_map(params_from_iter(values), event_row)?
        .collect::<rusqlite::Result<_>>()?;
    let next = page::next(&events, limit, |row| row.sequence);
    Ok(Listing { events, next })
}

/// The filter as SQL, with its values in order.
pub(super) fn conditions(filter: &Filter) -> (String, Vec<Value>) {
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
    add("reference = ?", filter.reference.clone().map(Value::Text));
    add("received_at >= ?", filter.from_ms.map(Value::Integer));
    add("received_at < ?", filter.until_ms.map(Value::Integer));
    if !filter.states.is_empty() {
        // The words are our own constants.
        let words: Vec<_> =
            filter.states.iter().map(|state| format!("'{}'", state.as_str())).collect();
        conditions.push(format!("state IN ({})", words.join(", ")));
    }
    (conditions.join(" AND "), values)
}

/// One event with its texts and attempts.
pub(super) fn show(connection: &Connection, id: &EventId) -> rusqlite::Result<Option<EventDetail>> {
    let sql = format!("SELECT {COLUMNS} FROM inbox WHERE id = ?1");
    let row = connection.prepare_cached(&sql)?.query_row([id.as_str()], event_row).optional()?;
    let Some(row) = row else { return Ok(None) };
    let (body, param, event) = connection
        .prepare_cached("SELECT body, param, event FROM inbox_text WHERE sequence = ?1")?
        .query_row([row.sequence], |texts| {
            Ok((texts.get::<_, Vec<u8>>(0)?, texts.get(1)?, texts.get(2)?))
        })?;
    let attempts = attempts(connection, row.sequence)?;
    Ok(Some(EventDetail { row, body: Bytes::from(body), param, event, attempts }))
}

fn attempts(connection: &Connection, sequence: i64) -> rusqlite::Result<Vec<AttemptRecord>> {
    let sql = "SELECT started_at, duration_ms, http_status, error FROM delivery_attempt \
               WHERE sequence = ?1 ORDER BY attempt";
    connection
        .prepare_cached(sql)?
        .query_map([sequence], |row| {
            let attempt = Attempt {
                started_at_ms: row.get(0)?,
                duration_ms: row.get(1)?,
                http_status: row.get(2)?,
            };
            Ok(AttemptRecord { attempt, error: row.get(3)? })
        })?
        .collect()
}

/// Events by account and state, accounts in alphabetical order.
pub(super) fn counts(connection: &Connection) -> rusqlite::Result<Vec<AccountCounts>> {
    let current = names::all(connection)?;
    let sql = "SELECT account, state, events FROM inbox_count ORDER BY account";
    let mut statement = connection.prepare_cached(sql)?;
    let mut rows = statement.query([])?;
    let mut all: BTreeMap<String, AccountCounts> = BTreeMap::new();
    let mut last = None;
    while let Some(row) = rows.next()? {
        let name: String = row.get(0)?;
        let account = current.get(&name).unwrap_or(&name);
        let counts = all.entry(account.clone()).or_default();
        counts.account.clone_from(account);
        if last.as_ref() != Some(&name) {
            let oldest = [counts.oldest_open_at_ms, oldest_open(connection, &name)?];
            counts.oldest_open_at_ms = oldest.into_iter().flatten().min();
        }
        last = Some(name);
        counts.add(state(row, 1)?, row.get::<_, i64>(2)?.max(0).unsigned_abs());
    }
    Ok(all.into_values().collect())
}

fn oldest_open(connection: &Connection, account: &str) -> rusqlite::Result<Option<i64>> {
    connection.prepare_cached(OLDEST_OPEN)?.query_row([account], |row| row.get(0)).optional()
}

pub(super) const OLDEST_OPEN: &str = "
    SELECT received_at FROM inbox WHERE sequence = (SELECT min(first) FROM (
        SELECT min(sequence) AS first FROM inbox INDEXED BY inbox_state
            WHERE account = ?1 AND state = 'pending'
        UNION ALL
        SELECT min(sequence) FROM inbox INDEXED BY inbox_state
            WHERE account = ?1 AND state = 'retrying'))";

/// As people see it: with dates.
fn event_row(row: &Row<'_>) -> rusqlite::Result<EventRow> {
    let (due_ms, ahead_ms): (Option<i64>, i64) = (row.get(16)?, row.get(23)?);
    Ok(EventRow {
        id: id(row, 0)?,
        sequence: row.get(1)?,
        account: row.get(2)?,
        provider: row.get(3)?,
        event_name: row.get(4)?,
        kind: row.get(5)?,
        event_type: row.get(6)?,
        status: row.get(7)?,
        reference: row.get(8)?,
        provider_reference: row.get(9)?,
        verified_by: row.get(10)?,
        received_at_ms: row.get(11)?,
        duplicates: row.get(12)?,
        last_seen_at_ms: row.get(13)?,
        state: state(row, 14)?,
        attempts: row.get(15)?,
        next_attempt_at_ms: due_ms.map(|due_ms| due_ms.saturating_add(ahead_ms)),
        claimed: row.get(17)?,
        last_error: row.get(18)?,
        delivered_at_ms: row.get(19)?,
        closed_at_ms: row.get(20)?,
        discard_reason: row.get(21)?,
        replays: row.get(22)?,
    })
}

/// The event id in `column`.
pub(super) fn id(row: &Row<'_>, column: usize) -> rusqlite::Result<EventId> {
    let text: String = row.get(column)?;
    text.parse().map_err(|error| {
        rusqlite::Error::FromSqlConversionFailure(column, Type::Text, Box::new(error))
    })
}

/// The state in `column`.
pub(super) fn state(row: &Row<'_>, column: usize) -> rusqlite::Result<EventState> {
    let word: String = row.get(column)?;
    EventState::from_word(&word).ok_or_else(|| {
        let problem = format!("`{word}` is not a state");
        rusqlite::Error::FromSqlConversionFailure(column, Type::Text, problem.into())
    })
}
