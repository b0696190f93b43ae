//! Status queries: payments are handed out to be queried, and what a query brought.

use super::{Changes, Decision, Facts, Moment, keep, notice_due, schedule, take};
use crate::payment::{Final, Finding, Input, Rules};
use crate::provider::Flag;
use crate::store::{OutcomeEvent, PaymentRow, PaymentView, QueryAnswer, QueryTimes};

/// Hands a payment that is due to `owner`, and makes it due again when the lease ends.
pub fn claim(row: &PaymentRow, owner: &str, lease_ms: i64, now_ms: i64) -> PaymentRow {
    // At least a millisecond: a lease that ends as it begins would hand the payment out twice.
    let until_ms = now_ms.saturating_add(lease_ms.max(1));
    PaymentRow { next_query_at_ms: Some(until_ms), owner: owner.to_owned(), ..row.clone() }
}

/// Makes a payment that is to be queried some time due at once.
pub(super) fn hand_over(row: &PaymentRow, now_ms: i64) -> Option<Changes> {
    let due = || Changes::of(PaymentRow { next_query_at_ms: Some(now_ms), ..row.clone() });
    row.next_query_at_ms.is_some().then(due)
}

/// What a query brought. One that was under way while the payment came to nothing may still find it.
pub(super) fn asked(
    view: &PaymentView,
    facts: Facts,
    answer: &QueryAnswer,
    rules: Rules,
    times: QueryTimes,
    event: Option<&OutcomeEvent>,
    at: Moment,
) -> Decision {
    let mut row = view.row.clone();
    let (finding, mut detail) = describe(answer, &row, &rules);
    let doubt = doubt(&row, facts.is_of_a_sibling, answer);
    let queried_at_ms = times.queried_at_ms;
    let input = match doubt {
        Doubt::None => Input::Queried { queried_at_ms, finding, rules },
        Doubt::IsNotOurs => Input::Superseded,
        // What these ids mean elsewhere says nothing about the place where it was made.
        Doubt::Differs(_) if row.payment.is_elsewhere(&rules) => {
            Input::Queried { queried_at_ms, finding: Finding::Unclear, rules }
        }
        Doubt::Differs(_) => Input::Differs,
    };
    let transition = take(&mut row, input, at)?;
    row.queries = row.queries.saturating_add(1);
    let event = event.filter(|_| !matches!(doubt, Doubt::Differs(_)));
    let mut kept = None;
    match (doubt, answer) {
        (Doubt::None, QueryAnswer::Found { provider_reference, answer, .. }) => {
            if provider_reference.is_some() {
                row.provider_reference.clone_from(provider_reference);
            }
            let answer = answer.as_ref().filter(|_| row.end() == Some(Final::Accepted));
            kept = answer.and_then(|answer| keep(view, answer, true));
        }
        (Doubt::None, QueryAnswer::NotFound | QueryAnswer::Unclear { .. }) => {}
        (Doubt::IsNotOurs, _) => detail.push_str(", as an earlier call under this reference"),
        (Doubt::Differs(flags), answer) => {
            for flag in &flags {
                detail.push_str(", ");
                detail.push_str(flag.word());
            }
            row.object(&flags, answer.provider_reference());
            row.just_flagged.extend(flags);
        }
    }
    let next_ask_ms = times.query_after_ms.map(|after_ms| at.after(after_ms));
    schedule(&mut row, next_ask_ms, next_ask_ms);
    if event.is_none() && row.is_over_unnoticed() {
        // Only its caller was told. Without a notification in time there is one more query, for the event.
        row.next_query_at_ms = notice_due(&row, at);
    }
    let changes = Changes::told(row, "asked", None, Some(detail), at);
    let changes = Changes { answer: kept, ..changes };
    let changes = changes.with_event(&transition, event);
    Ok(Some(changes.stopping(&transition, facts.younger, at)))
}

/// Why a payment that was found may not be the one that was queried.
enum Doubt {
    None,
    /// It is another call's under the same reference, and this one's attempts all came to nothing.
    IsNotOurs,
    Differs(Vec<Flag>),
}

fn doubt(row: &PaymentRow, is_of_a_sibling: bool, answer: &QueryAnswer) -> Doubt {
    let QueryAnswer::Found {
        provider_reference, amount_minor, amount_unreadable, currency, ..
    } = answer
    else {
        return Doubt::None;
    };
    if is_of_a_sibling {
        return match row.payment.is_in_doubt() && row.payment.open.is_empty() {
            true => Doubt::IsNotOurs,
            false => Doubt::Differs(vec![Flag::EarlierCall]),
        };
    }
    let reference = provider_reference.as_deref();
    let flags = row.objections(reference, *amount_minor, *amount_unreadable, currency.as_deref());
    if flags.is_empty() { Doubt::None } else { Doubt::Differs(flags) }
}

fn describe(answer: &QueryAnswer, row: &PaymentRow, rules: &Rules) -> (Finding, String) {
    match answer {
        QueryAnswer::NotFound if row.payment.is_elsewhere(rules) => {
            let differs = row.payment.differs_from_here(rules);
            (Finding::Unclear, format!("unclear: not found, but it was made elsewhere ({differs})"))
        }
        QueryAnswer::Found { status, .. } => {
            let word = status.map_or("with a status that is not known", |status| status.word());
            (Finding::Found { status: *status }, format!("found, {word}"))
        }
        QueryAnswer::NotFound => (Finding::NotFound, "not found".to_owned()),
        QueryAnswer::Unclear { reason } => (Finding::Unclear, format!("unclear: {reason}")),
    }
}
