//! Payments to be asked about: handed out for a while, and what asking brought.

use rusqlite::params;

use super::super::job::Work;
use super::moves::{find, keep_answer};
use super::rows;
use super::save::{Entry, save, schedule, take_step};
use crate::payment::{Final, Finding, Input, Rules, State};
use crate::store::{AskedAnswer, JournalError, PaymentId, PaymentRow, PaymentView};

/// Hands out payments of `account` in `state` that are due, and makes them due again when the lease ends.
pub(super) fn claim(
    work: &mut Work<'_>,
    account: &str,
    state: &str,
    now_ms: i64,
    limit: usize,
    lease_ms: i64,
) -> rusqlite::Result<Vec<PaymentView>> {
    let sql = format!("SELECT {} FROM payment {DUE}", rows::COLUMNS);
    let limit = i64::try_from(limit).unwrap_or(i64::MAX);
    let due: Vec<PaymentRow> = work
        .connection
        .prepare_cached(&sql)?
        .query_map(params![account, state, now_ms, limit], rows::payment_row)?
        .collect::<rusqlite::Result<_>>()?;
    // At least a millisecond: a lease that ends as it begins would hand the payment out twice.
    let until = now_ms.saturating_add(lease_ms.max(1));
    due.into_iter()
        .map(|mut row| {
            work.connection
                .prepare_cached("UPDATE payment SET next_ask_at = ?2 WHERE sequence = ?1")?
                .execute(params![row.sequence, until])?;
            row.next_ask_at_ms = Some(until);
            rows::view(work.connection, row)
        })
        .collect()
}

pub(super) const DUE: &str = "INDEXED BY payment_due
    WHERE account = ?1 AND state = ?2 AND next_ask_at <= ?3
    ORDER BY next_ask_at LIMIT ?4";

/// When a question was put, and when to put the next one.
#[derive(Clone, Copy)]
pub(super) struct Times {
    pub(super) asked_at_ms: i64,
    pub(super) next_ask_at_ms: Option<i64>,
    pub(super) now_ms: i64,
}

/// Writes down what asking brought.
pub(super) fn asked(
    work: &mut Work<'_>,
    id: &PaymentId,
    answer: &AskedAnswer,
    rules: &Rules,
    times: Times,
) -> rusqlite::Result<Result<PaymentView, JournalError>> {
    let mut row = match find(work, id)? {
        Ok(row) => row,
        Err(error) => return Ok(Err(error)),
    };
    let (finding, detail) = describe(answer);
    let input = Input::Asked { asked_at_ms: times.asked_at_ms, finding };
    if let Err(error) = take_step(&mut row, input, rules, times.now_ms) {
        return Ok(Err(error));
    }
    row.asks = row.asks.saturating_add(1);
    if let AskedAnswer::Found { provider_reference, amount_minor, currency, answer, .. } = answer {
        row.amount_differs |= row.differs_from(*amount_minor, currency.as_deref());
        if provider_reference.is_some() {
            row.provider_reference.clone_from(provider_reference);
        }
        let accepted = row.payment.state == State::Settled(Final::Accepted);
        if let (true, Some(answer)) = (accepted, answer) {
            keep_answer(work, &row, answer, "query")?;
        }
    }
    schedule(&mut row, times.next_ask_at_ms, times.next_ask_at_ms);
    let entry = Entry { what: "asked", attempt: None, detail: Some(&detail), at_ms: times.now_ms };
    save(work, &row, &entry)?;
    rows::view(work.connection, row).map(Ok)
}

fn describe(answer: &AskedAnswer) -> (Finding, String) {
    match answer {
        AskedAnswer::Found { status, .. } => {
            let word = status.map_or("with a status that is not known", |status| status.word());
            (Finding::Found { status: *status }, format!("found, {word}"))
        }
        AskedAnswer::NotFound => (Finding::NotFound, "not found".to_owned()),
        AskedAnswer::Unclear { reason } => (Finding::Unclear, format!("unclear: {reason}")),
    }
}
