//! The steps of whoever makes a call: announce an attempt, say how it ended, give up.

use rusqlite::{Connection, OptionalExtension, params};

use super::super::job::Work;
use super::announce::announce as announce_event;
use super::save::{Entry, save, schedule, take_step};
use super::{freeze, rows, siblings};
use crate::payment::{Final, Input, Rules, State};
use crate::provider::{CodeMeaning, Flag};
use crate::store::{
    ANSWER_BYTES_MAX, Conclusion, JournalError, Leave, OutcomeEvent, PaymentId, PaymentRow,
    PaymentView, StoredAnswer,
};

/// Rules for steps that they do not bear on.
fn no_rules() -> Rules {
    Rules::new(i64::MAX, u32::MAX)
}

/// The payment, or the error that there is none.
pub(super) fn find(
    work: &Work<'_>,
    id: &PaymentId,
) -> rusqlite::Result<Result<PaymentRow, JournalError>> {
    let found = rows::by_id(work.connection, id)?;
    Ok(found.ok_or_else(|| JournalError::NoSuchPayment(id.clone())))
}

/// Announces the next attempt, by `holder`.
pub(super) fn about_to_send(
    work: &mut Work<'_>,
    id: &PaymentId,
    rules: &Rules,
    holder: &str,
    now_ms: i64,
) -> rusqlite::Result<Result<u32, JournalError>> {
    let row = match find(work, id)? {
        Ok(row) => row,
        Err(error) => return Ok(Err(error)),
    };
    if let Some(freeze) = freeze::of(work.connection, &row.account)? {
        return Ok(Err(JournalError::Frozen(freeze)));
    }
    let announced = announce(work, row, rules, now_ms)?;
    if announced.is_ok() {
        hold(work, id, Some(holder))?;
    }
    Ok(announced.map(|row| row.payment.attempts))
}

/// The first attempt of a payment that was begun in this transaction.
pub(super) fn announce_first(
    work: &mut Work<'_>,
    row: PaymentRow,
    now_ms: i64,
) -> rusqlite::Result<PaymentRow> {
    let announced = announce(work, row, &no_rules(), now_ms)?;
    // A payment that was only written down may be sent.
    announced.map_err(|error| rusqlite::Error::ToSqlConversionFailure(error.into()))
}

fn announce(
    work: &mut Work<'_>,
    mut row: PaymentRow,
    rules: &Rules,
    now_ms: i64,
) -> rusqlite::Result<Result<PaymentRow, JournalError>> {
    let was_in_doubt = !row.payment.open.is_empty();
    if let Err(error) = take_step(work, &mut row, Input::AboutToSend, rules, now_ms) {
        return Ok(Err(error));
    }
    (row.last_attempt_at_ms, row.last_attempt_tick) = (Some(now_ms), Some(work.now_ms));
    schedule(&mut row, None, None);
    let what = if was_in_doubt { "resending" } else { "sending" };
    let attempt = Some(row.payment.attempts);
    save(work, &row, &Entry { what, attempt, detail: None, at_ms: now_ms })?;
    Ok(Ok(row))
}

/// Whether this attempt is still the one under way, and `holder`'s beyond that store time.
pub(super) fn may_leave(
    connection: &Connection,
    id: &PaymentId,
    attempt: u32,
    holder: &str,
    held_beyond_ms: i64,
) -> rusqlite::Result<Leave> {
    let sql = "SELECT account FROM payment WHERE id = ?1 AND state = 'sending' AND attempts = ?2
               AND holder = ?3 AND held_until > ?4";
    let account: Option<String> = connection
        .prepare_cached(sql)?
        .query_row(params![id.as_str(), attempt, holder, held_beyond_ms], |row| row.get(0))
        .optional()?;
    let Some(account) = account else { return Ok(Leave::Withdrawn) };
    let freeze = freeze::of(connection, &account)?;
    Ok(freeze.map_or(Leave::Granted, Leave::Frozen))
}

/// Writes down how an attempt ended.
pub(super) fn conclude(
    work: &mut Work<'_>,
    id: &PaymentId,
    attempt: u32,
    conclusion: &Conclusion,
    ask_after_ms: i64,
    event: Option<OutcomeEvent>,
    now_ms: i64,
) -> rusqlite::Result<Result<PaymentView, JournalError>> {
    let mut row = match find(work, id)? {
        Ok(row) => row,
        Err(error) => return Ok(Err(error)),
    };
    let (input, what, detail) = describe(attempt, conclusion);
    let was = row.payment.state;
    let transition = match take_step(work, &mut row, input, &no_rules(), now_ms) {
        Ok(transition) => transition,
        Err(error) => return Ok(Err(error)),
    };
    if let Conclusion::Answered { code, provider_reference, answer, meaning } = conclusion {
        row.provider_code = Some(*code);
        match (&row.provider_reference, provider_reference) {
            (None, _) => row.provider_reference.clone_from(provider_reference),
            // A notification came first, and told of another transaction.
            (Some(known), Some(told)) if known != told => {
                row.conflicting_reference = Some(told.clone());
                row.just_flagged.push(Flag::ConflictingReference);
            }
            (Some(_), _) => {}
        }
        if decides(&row, *meaning) {
            keep_answer(work, &row, answer, "create")?;
        }
    }
    if was != row.payment.state {
        let notice_at_ms = notice_due(work, &row)?;
        let next_ask_ms = work.now_ms.saturating_add(ask_after_ms);
        schedule(&mut row, Some(next_ask_ms), notice_at_ms);
    }
    hold(work, id, None)?;
    let detail = announce_event(work, &mut row, &transition, event, detail)?;
    let entry = Entry { what, attempt: Some(attempt), detail: Some(&detail), at_ms: now_ms };
    save(work, &row, &entry)?;
    if transition.contradicts {
        siblings::supersede_younger(work, &row, now_ms)?;
    }
    rows::view(work.connection, row).map(Ok)
}

fn describe(attempt: u32, conclusion: &Conclusion) -> (Input, &'static str, String) {
    match conclusion {
        Conclusion::Answered { code, meaning, .. } => (
            Input::Answered { attempt, meaning: *meaning },
            "answered",
            format!("code {code}, {}", meaning_in_words(*meaning)),
        ),
        Conclusion::NotSent { reason } => (Input::NotSent { attempt }, "not_sent", reason.clone()),
        Conclusion::InDoubt { reason } => (Input::InDoubt { attempt }, "in_doubt", reason.clone()),
    }
}

fn meaning_in_words(meaning: CodeMeaning) -> &'static str {
    match meaning {
        CodeMeaning::Accepted => "accepted",
        CodeMeaning::Refused => "refused",
        CodeMeaning::StaleTimestamp => "refused for its timestamp",
        CodeMeaning::Throttled => "refused for now",
        CodeMeaning::NotFound => "refused: not found",
        CodeMeaning::Landed => "an earlier attempt landed",
        CodeMeaning::InDoubt => "in doubt",
    }
}

/// Whether this answer is the one that tells how the payment ended.
fn decides(row: &PaymentRow, meaning: CodeMeaning) -> bool {
    match row.payment.state {
        State::Settled(Final::Accepted) => meaning == CodeMeaning::Accepted,
        State::Settled(Final::Rejected) => true,
        State::Settled(Final::NotSent)
        | State::Ready
        | State::Sending { .. }
        | State::Unknown { .. } => false,
    }
}

/// Nothing more will be sent.
pub(super) fn give_up(
    work: &mut Work<'_>,
    id: &PaymentId,
    reason: &str,
    now_ms: i64,
) -> rusqlite::Result<Result<PaymentView, JournalError>> {
    let mut row = match find(work, id)? {
        Ok(row) => row,
        Err(error) => return Ok(Err(error)),
    };
    let was = row.payment.state;
    if let Err(error) = take_step(work, &mut row, Input::GaveUp, &no_rules(), now_ms) {
        return Ok(Err(error));
    }
    if was != row.payment.state {
        let entry = Entry { what: "gave_up", attempt: None, detail: Some(reason), at_ms: now_ms };
        save(work, &row, &entry)?;
    }
    rows::view(work.connection, row).map(Ok)
}

/// Keeps the answer for callers who repeat their call. That of a create is never replaced by a query's.
pub(super) fn keep_answer(
    work: &Work<'_>,
    row: &PaymentRow,
    answer: &StoredAnswer,
    from: &str,
) -> rusqlite::Result<()> {
    if answer.body.len() > ANSWER_BYTES_MAX {
        return Ok(());
    }
    let values = params![row.sequence, answer.status, answer.body.as_ref(), from];
    work.connection.prepare_cached(KEEP_ANSWER)?.execute(values).map(|_| ())
}

const KEEP_ANSWER: &str = "
    UPDATE payment_text SET answer_status = ?2, answer = ?3, answer_from = ?4
    WHERE sequence = ?1 AND (?4 = 'create' OR coalesce(answer_from, 'query') = 'query')";

/// When a notification of it is overdue, in store time, if one is expected.
pub(super) fn notice_due(work: &Work<'_>, row: &PaymentRow) -> rusqlite::Result<Option<i64>> {
    let sql = "SELECT notice_within FROM payment WHERE sequence = ?1";
    let within: Option<i64> =
        work.connection.prepare_cached(sql)?.query_row([row.sequence], |row| row.get(0))?;
    Ok(within.map(|within| work.now_ms.saturating_add(within)))
}

/// The step shows that its process is at work: its hold begins anew.
fn hold(work: &Work<'_>, id: &PaymentId, holder: Option<&str>) -> rusqlite::Result<()> {
    work.connection
        .prepare_cached(
            "UPDATE payment SET held_until = ?2 + hold, holder = coalesce(?3, holder)
             WHERE id = ?1",
        )?
        .execute(params![id.as_str(), work.now_ms, holder])
        .map(|_| ())
}
