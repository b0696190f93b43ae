//! Events that are owed: to whoever was told to wait for a payment's end, or could not be told it.

use rusqlite::{Connection, params};

use super::super::job::Work;
use super::super::names;
use super::account_key;
use super::announce;
use super::moves::find;
use super::rows;
use super::save::{Entry, save};
use crate::store::{JournalError, OutcomeEvent, PaymentId, PaymentRow, PaymentView};

/// Owes an event of the payment's end, unless it is settled.
pub(super) fn promise(
    work: &mut Work<'_>,
    id: &PaymentId,
) -> rusqlite::Result<Result<PaymentView, JournalError>> {
    let mut row = match find(work, id)? {
        Ok(row) => row,
        Err(error) => return Ok(Err(error)),
    };
    if row.end().is_none() && !row.owes_event {
        row.owes_event = true;
        owe(work, &row)?;
    }
    rows::view(work.connection, row).map(Ok)
}

/// Owes an event of a payment whose caller heard nothing. Of one that a notification told of there is an event.
pub(super) fn unheard(work: &mut Work<'_>, id: &PaymentId) -> rusqlite::Result<()> {
    let Ok(row) = find(work, id)? else { return Ok(()) };
    if row.notified_at_ms.is_none() {
        owe(work, &row)?;
        work.wake(&account_key(&row.account));
    }
    Ok(())
}

/// Owes an event of a payment that turned out to have been made, unless a notification tells of it.
pub(super) fn owe_of_made(work: &Work<'_>, made: &PaymentRow) -> rusqlite::Result<()> {
    match made.notified_at_ms {
        Some(_) => Ok(()),
        None => owe(work, made),
    }
}

fn owe(work: &Work<'_>, row: &PaymentRow) -> rusqlite::Result<()> {
    let sql = "UPDATE payment SET owes_event = 1 WHERE sequence = ?1";
    work.connection.prepare_cached(sql)?.execute([row.sequence]).map(|_| ())
}

/// Settled payments of `account` whose event is owed.
pub(super) fn list(
    connection: &Connection,
    account: &str,
    limit: usize,
) -> rusqlite::Result<Vec<PaymentView>> {
    let sql = format!("SELECT {} FROM payment {OWED}", rows::COLUMNS);
    let mut owed: Vec<PaymentRow> = Vec::new();
    for name in names::of(connection, account)? {
        let room = i64::try_from(limit - owed.len()).unwrap_or(i64::MAX);
        let mut statement = connection.prepare_cached(&sql)?;
        for row in statement.query_map(params![name, room], rows::payment_row)? {
            owed.push(row?);
        }
    }
    owed.into_iter().map(|row| rows::view(connection, row)).collect()
}

pub(super) const OWED: &str = "INDEXED BY payment_owed
    WHERE account = ?1 AND owes_event = 1 AND settled_at IS NOT NULL LIMIT ?2";

/// Stores the event, and owes it no longer.
pub(super) fn tell(
    work: &mut Work<'_>,
    id: &PaymentId,
    event: OutcomeEvent,
    now_ms: i64,
) -> rusqlite::Result<Result<(), JournalError>> {
    let mut row = match find(work, id)? {
        Ok(row) => row,
        Err(error) => return Ok(Err(error)),
    };
    if !row.owes_event || row.end().is_none() {
        return Ok(Ok(()));
    }
    row.owes_event = false;
    let detail = format!("event {}", announce::store(work, &event.complete(&row))?);
    let entry = Entry { what: "told", attempt: None, detail: Some(&detail), at_ms: now_ms };
    save(work, &row, &entry)?;
    Ok(Ok(()))
}
