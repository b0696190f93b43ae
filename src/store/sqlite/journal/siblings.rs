//! Calls under the same reference: one that came to nothing leaves the reference free, and another may be begun.

use rusqlite::params;

use super::super::job::Work;
use super::super::names;
use super::save::{Entry, save, schedule, take_step};
use super::{owed, rows};
use crate::payment::{Input, Rules, State};
use crate::store::PaymentRow;

/// The provider has `made` after all: what was begun under its reference since must not be made too. What has not left is
/// over; what may have left is in doubt, and no further attempt of it is allowed.
pub(super) fn supersede_younger(
    work: &mut Work<'_>,
    made: &PaymentRow,
    now_ms: i64,
) -> rusqlite::Result<()> {
    for mut row in younger(work, made)? {
        let came_to_nothing = row.payment.open.is_empty();
        // In doubt only for the provider's word "duplicate": asking finds out, and tells the application.
        if came_to_nothing && matches!(row.payment.state, State::Unknown { .. }) {
            continue;
        }
        // It is allowed whatever the state.
        if take_step(work, &mut row, Input::Superseded, &Rules::new(0, 0), now_ms).is_err() {
            continue;
        }
        schedule(&mut row, Some(work.now_ms), None);
        if row.owes_event && row.end().is_some() {
            // Who waits for it is told of the one that was made: "failed" would be taken for the end of both.
            row.owes_event = false;
            owed::owe_of_made(work, made)?;
        }
        let detail = format!("call {} under this reference was made after all", made.generation);
        let entry =
            Entry { what: "superseded", attempt: None, detail: Some(&detail), at_ms: now_ms };
        save(work, &row, &entry)?;
    }
    Ok(())
}

fn younger(work: &Work<'_>, made: &PaymentRow) -> rusqlite::Result<Vec<PaymentRow>> {
    let sql = format!("SELECT {} FROM payment {YOUNGER}", rows::COLUMNS);
    let mut statement = work.connection.prepare_cached(&sql)?;
    let mut found = Vec::new();
    for name in names::of(work.connection, &made.account)? {
        let values = params![name, made.operation, made.reference, made.generation];
        let rows = statement.query_map(values, rows::payment_row)?;
        found.extend(rows.collect::<rusqlite::Result<Vec<_>>>()?);
    }
    Ok(found)
}

pub(super) const YOUNGER: &str = "
    WHERE account = ?1 AND operation = ?2 AND reference = ?3 AND generation > ?4
        AND state IN ('ready', 'sending', 'unknown')";

/// Whether the provider's transaction is that of another call under the same reference.
pub(super) fn is_of_a_sibling(
    work: &Work<'_>,
    row: &PaymentRow,
    provider_reference: &str,
) -> rusqlite::Result<bool> {
    let mut statement = work.connection.prepare_cached(SIBLING)?;
    for name in names::of(work.connection, &row.account)? {
        let values = params![name, row.operation, row.reference, provider_reference, row.sequence];
        if statement.exists(values)? {
            return Ok(true);
        }
    }
    Ok(false)
}

pub(super) const SIBLING: &str = "
    SELECT 1 FROM payment WHERE account = ?1 AND operation = ?2 AND reference = ?3
        AND provider_reference = ?4 AND sequence <> ?5";
