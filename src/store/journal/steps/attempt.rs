//! The steps of a call that is being made: an attempt is announced, may leave, ends; the caller gives up.

use super::{Changes, Decision, Facts, Moment, keep, notice_due, schedule, take};
use crate::payment::{Final, Input, Rules, State};
use crate::provider::{CodeMeaning, Flag};
use crate::store::{
    Conclusion, Freeze, JournalError, Leave, OutcomeEvent, PaymentRow, PaymentView,
};

/// Announces the next attempt, unless the account is frozen.
pub(super) fn about_to_send(row: &PaymentRow, facts: Facts, rules: Rules, at: Moment) -> Decision {
    if let Some(freeze) = facts.freeze {
        return Err(JournalError::Frozen(freeze));
    }
    let mut row = row.clone();
    row.owner = facts.owner.unwrap_or(row.owner);
    row.leased_until_ms = at.after(row.lease_ms);
    announce(row, Input::AboutToSend { rules }, at)
}

/// Announces the first attempt of a payment that was begun in this transaction.
pub fn first_attempt(row: &PaymentRow, at: Moment) -> Decision {
    announce(row.clone(), Input::FirstAttempt, at)
}

fn announce(mut row: PaymentRow, input: Input, at: Moment) -> Decision {
    let what = if row.payment.open.is_empty() { "sending" } else { "resending" };
    take(&mut row, input, at)?;
    (row.last_attempt_at_ms, row.last_attempt_tick) = (Some(at.date_ms), Some(at.time_ms));
    schedule(&mut row, None, None);
    let attempt = Some(row.payment.attempts);
    Ok(Some(Changes::told(row, what, attempt, None, at)))
}

/// Whether this attempt is still the one under way, and `owner`'s beyond that store time.
pub fn may_leave(
    row: Option<&PaymentRow>,
    freeze: Option<Freeze>,
    attempt: u32,
    owner: &str,
    leased_beyond_ms: i64,
) -> Leave {
    let is_ours = row.is_some_and(|row| {
        row.payment.state == State::Sending { attempt }
            && row.owner == owner
            && row.leased_until_ms > leased_beyond_ms
    });
    match (is_ours, freeze) {
        (false, _) => Leave::Withdrawn,
        (true, Some(freeze)) => Leave::Frozen(freeze),
        (true, None) => Leave::Granted,
    }
}

/// How an attempt ended. `younger` are the later calls under the reference that are not over, which matter where the
/// payment had come to nothing.
pub(super) fn conclude(
    view: &PaymentView,
    younger: Vec<PaymentRow>,
    attempt: u32,
    conclusion: &Conclusion,
    query_after_ms: i64,
    event: Option<&OutcomeEvent>,
    at: Moment,
) -> Decision {
    let mut row = view.row.clone();
    let (input, what, detail) = describe(attempt, conclusion);
    let transition = take(&mut row, input, at)?;
    let mut answer = None;
    if let Conclusion::Answered { code, provider_reference, answer: told, meaning } = conclusion {
        row.provider_code = Some(*code);
        match (&row.provider_reference, provider_reference) {
            (None, _) => row.provider_reference.clone_from(provider_reference),
            // A notification came first, and named another transaction.
            (Some(known), Some(told)) if known != told => {
                row.conflicting_reference = Some(told.clone());
                row.just_flagged.push(Flag::ConflictingReference);
            }
            (Some(_), _) => {}
        }
        answer = keep(view, told, false).filter(|_| decides(&row, *meaning));
    }
    if view.row.payment.state != row.payment.state {
        let notice_at_ms = notice_due(&row, at);
        schedule(&mut row, Some(at.after(query_after_ms)), notice_at_ms);
    }
    // The step shows that its process is at work.
    row.leased_until_ms = at.after(row.lease_ms);
    let changes = Changes::told(row, what, Some(attempt), Some(detail), at);
    let changes = Changes { answer, ..changes }.with_event(&transition, event);
    Ok(Some(changes.stopping(&transition, younger, at)))
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

/// Whether this answer is the one that says how the payment ended.
fn decides(row: &PaymentRow, meaning: CodeMeaning) -> bool {
    match row.end() {
        Some(Final::Accepted) => meaning == CodeMeaning::Accepted,
        Some(Final::Rejected) => true,
        Some(Final::NotSent) | None => false,
    }
}

/// Nothing more will be sent.
pub(super) fn give_up(row: &PaymentRow, reason: &str, at: Moment) -> Decision {
    let mut after = row.clone();
    take(&mut after, Input::GaveUp, at)?;
    if after.payment.state == row.payment.state {
        return Ok(None);
    }
    Ok(Some(Changes::told(after, "gave_up", None, Some(reason.to_owned()), at)))
}
