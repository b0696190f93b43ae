//! Payments to be asked about: handed out for a while, and what asking brought.

use rusqlite::params;

use super::super::job::Work;
use super::super::names;
use super::announce::announce;
use super::moves::{find, keep_answer, notice_due};
use super::rows;
use super::save::{Entry, save, schedule, take_step};
use crate::payment::{Final, Finding, Input, Rules, State};
use crate::store::{
    Announce, AskTimes, AskedAnswer, JournalError, PaymentId, PaymentRow, PaymentView,
};

/// Hands out payments of `account` in `state` that are due, and makes them due again when the lease ends.
pub(super) fn claim(
    work: &mut Work<'_>,
    holder: &str,
    account: &str,
    state: &str,
    limit: usize,
    lease_ms: i64,
) -> rusqlite::Result<Vec<PaymentView>> {
    let sql = format!("SELECT {} FROM payment {DUE}", rows::COLUMNS);
    let mut due: Vec<PaymentRow> = Vec::new();
    for name in names::of(work.connection, account)? {
        let room = i64::try_from(limit - due.len()).unwrap_or(i64::MAX);
        let mut statement = work.connection.prepare_cached(&sql)?;
        for row in
            statement.query_map(params![name, state, work.now_ms, room], rows::payment_row)?
        {
            due.push(row?);
        }
    }
    // At least a millisecond: a lease that ends as it begins would hand the payment out twice.
    let until = work.now_ms.saturating_add(lease_ms.max(1));
    due.into_iter()
        .map(|mut row| {
            work.connection
                .prepare_cached(
                    "UPDATE payment SET next_ask_at = ?2, holder = ?3 WHERE sequence = ?1",
                )?
                .execute(params![row.sequence, until, holder])?;
            row.next_ask_at_ms = Some(until);
            rows::view(work.connection, row)
        })
        .collect()
}

pub(super) const DUE: &str = "INDEXED BY payment_due
    WHERE account = ?1 AND state = ?2 AND next_ask_at <= ?3
    ORDER BY next_ask_at LIMIT ?4";

/// Writes down what asking brought.
pub(super) fn asked(
    work: &mut Work<'_>,
    id: &PaymentId,
    answer: &AskedAnswer,
    rules: &Rules,
    times: AskTimes,
    event: Option<Announce>,
) -> rusqlite::Result<Result<PaymentView, JournalError>> {
    let mut row = match find(work, id)? {
        Ok(row) => row,
        Err(error) => return Ok(Err(error)),
    };
    let (finding, detail) = describe(answer, &row, rules);
    let input = Input::Asked { asked_at_ms: times.asked_at_ms, finding };
    let transition = match take_step(work, &mut row, input, rules, times.now_ms) {
        Ok(transition) => transition,
        Err(error) => return Ok(Err(error)),
    };
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
    let next_ask_ms = times.ask_after_ms.map(|after_ms| work.now_ms.saturating_add(after_ms));
    schedule(&mut row, next_ask_ms, next_ask_ms);
    if event.is_none() && row.is_over_unnoticed() {
        // Its caller was told, and nobody else: without a notification in time it is asked about once more, for the event.
        row.next_ask_at_ms = notice_due(work, &row)?;
    }
    let detail = announce(work, &mut row, &transition, event, detail)?;
    let entry = Entry { what: "asked", attempt: None, detail: Some(&detail), at_ms: times.now_ms };
    save(work, &row, &entry)?;
    rows::view(work.connection, row).map(Ok)
}

fn describe(answer: &AskedAnswer, row: &PaymentRow, rules: &Rules) -> (Finding, String) {
    match answer {
        AskedAnswer::NotFound if row.payment.is_elsewhere(rules) => {
            let differs = row.payment.differs_from_here(rules);
            (Finding::Unclear, format!("unclear: not found, but it was made elsewhere ({differs})"))
        }
        AskedAnswer::Found { status, .. } => {
            let word = status.map_or("with a status that is not known", |status| status.word());
            (Finding::Found { status: *status }, format!("found, {word}"))
        }
        AskedAnswer::NotFound => (Finding::NotFound, "not found".to_owned()),
        AskedAnswer::Unclear { reason } => (Finding::Unclear, format!("unclear: {reason}")),
    }
}
