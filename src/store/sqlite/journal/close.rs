//! Cases that end without the provider's word, and cases that are handed over.

use rusqlite::params;

use super::super::job::Work;
use super::account_key;
use super::announce::announce;
use super::moves::{find, notice_due};
use super::rows;
use super::save::{Entry, save, schedule, take_step};
use crate::payment::{Input, Rules, Ruling};
use crate::store::{Closure, JournalError, OutcomeEvent, PaymentId, PaymentView};

/// Settles a payment in doubt.
pub(super) fn close_case(
    work: &mut Work<'_>,
    id: &PaymentId,
    closure: &Closure,
    rules: &Rules,
    event: Option<OutcomeEvent>,
    now_ms: i64,
) -> rusqlite::Result<Result<PaymentView, JournalError>> {
    let mut row = match find(work, id)? {
        Ok(row) => row,
        Err(error) => return Ok(Err(error)),
    };
    let (input, what, detail) = describe(closure);
    let transition = match take_step(work, &mut row, input, rules, now_ms) {
        Ok(transition) => transition,
        Err(error) => return Ok(Err(error)),
    };
    let notice_at_ms = notice_due(work, &row)?;
    schedule(&mut row, None, notice_at_ms);
    let detail = announce(work, &mut row, &transition, event, detail)?;
    save(work, &row, &Entry { what, attempt: None, detail: Some(&detail), at_ms: now_ms })?;
    rows::view(work.connection, row).map(Ok)
}

fn describe(closure: &Closure) -> (Input, &'static str, String) {
    match closure {
        Closure::Abandoned { reason } => (Input::Abandoned, "abandoned", reason.clone()),
        Closure::ByHand { ruling, reason } => {
            let word = match ruling {
                Ruling::Accepted => "accepted",
                Ruling::Rejected => "rejected",
            };
            (Input::ByHand(*ruling), "settled_by_hand", format!("{word}: {reason}"))
        }
    }
}

/// Makes a payment that is to be asked about due at once.
pub(super) fn hand_over(work: &mut Work<'_>, id: &PaymentId) -> rusqlite::Result<()> {
    let sql = "UPDATE payment SET next_ask_at = ?2 WHERE id = ?1 AND next_ask_at IS NOT NULL
               RETURNING account";
    let mut statement = work.connection.prepare_cached(sql)?;
    let accounts: Vec<String> = statement
        .query_map(params![id.as_str(), work.now_ms], |row| row.get(0))?
        .collect::<rusqlite::Result<_>>()?;
    for account in accounts {
        work.wake(&account_key(&account));
    }
    Ok(())
}
