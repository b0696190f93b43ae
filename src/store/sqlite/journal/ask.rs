//! Payments to be asked about: handed out for a while, and what asking brought.

use std::fmt::Write as _;

use rusqlite::params;

use super::super::job::Work;
use super::super::names;
use super::announce::announce;
use super::moves::{find, keep_answer, notice_due};
use super::save::{Entry, save, schedule, take_step};
use super::{rows, siblings};
use crate::payment::{Final, Finding, Input, Rules, State};
use crate::provider::Flag;
use crate::store::{
    AskTimes, AskedAnswer, JournalError, OutcomeEvent, PaymentId, PaymentRow, PaymentView,
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
    event: Option<OutcomeEvent>,
) -> rusqlite::Result<Result<PaymentView, JournalError>> {
    let mut row = match find(work, id)? {
        Ok(row) => row,
        Err(error) => return Ok(Err(error)),
    };
    let (finding, mut detail) = describe(answer, &row, rules);
    let doubt = doubt(work, &row, answer)?;
    let input = match doubt {
        Doubt::None => Input::Asked { asked_at_ms: times.asked_at_ms, finding },
        Doubt::IsNotOurs => Input::Superseded,
        // What stands under these ids elsewhere says nothing about where it was made.
        Doubt::Differs(_) if row.payment.is_elsewhere(rules) => {
            Input::Asked { asked_at_ms: times.asked_at_ms, finding: Finding::Unclear }
        }
        Doubt::Differs(_) => Input::Differs,
    };
    let transition = match take_step(work, &mut row, input, rules, times.now_ms) {
        Ok(transition) => transition,
        Err(error) => return Ok(Err(error)),
    };
    row.asks = row.asks.saturating_add(1);
    let event = event.filter(|_| !matches!(doubt, Doubt::Differs(_)));
    match doubt {
        Doubt::None => keep(work, &mut row, answer)?,
        Doubt::IsNotOurs => detail.push_str(", as an earlier call under this reference"),
        Doubt::Differs(flags) => object(&mut row, answer, flags, &mut detail),
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

/// What speaks against a payment that was found being the one that was asked about.
enum Doubt {
    None,
    /// It is another call's under the same reference, and this one's attempts all came to nothing.
    IsNotOurs,
    Differs(Vec<Flag>),
}

fn doubt(work: &Work<'_>, row: &PaymentRow, answer: &AskedAnswer) -> rusqlite::Result<Doubt> {
    let AskedAnswer::Found {
        provider_reference, amount_minor, amount_unreadable, currency, ..
    } = answer
    else {
        return Ok(Doubt::None);
    };
    let told = provider_reference.as_deref();
    if let Some(told) = told
        && siblings::is_of_a_sibling(work, row, told)?
    {
        return Ok(match row.payment.is_in_doubt() && row.payment.open.is_empty() {
            true => Doubt::IsNotOurs,
            false => Doubt::Differs(vec![Flag::EarlierCall]),
        });
    }
    let flags = row.objections(told, *amount_minor, *amount_unreadable, currency.as_deref());
    Ok(if flags.is_empty() { Doubt::None } else { Doubt::Differs(flags) })
}

/// Keeps what was found of the payment.
fn keep(work: &Work<'_>, row: &mut PaymentRow, answer: &AskedAnswer) -> rusqlite::Result<()> {
    let AskedAnswer::Found { provider_reference, answer, .. } = answer else { return Ok(()) };
    if provider_reference.is_some() {
        row.provider_reference.clone_from(provider_reference);
    }
    let accepted = row.payment.state == State::Settled(Final::Accepted);
    match answer.as_ref().filter(|_| accepted) {
        Some(answer) => keep_answer(work, row, answer, "query"),
        None => Ok(()),
    }
}

/// Writes down what speaks against what was found.
fn object(row: &mut PaymentRow, answer: &AskedAnswer, flags: Vec<Flag>, detail: &mut String) {
    for flag in &flags {
        let _ = write!(detail, ", {}", flag.word());
    }
    row.amount_differs |= flags.contains(&Flag::AmountMismatch);
    if let (true, AskedAnswer::Found { provider_reference, .. }) =
        (flags.contains(&Flag::ConflictingReference), answer)
    {
        row.conflicting_reference.clone_from(provider_reference);
    }
    row.just_flagged.extend(flags);
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
