//! The status query: asking the provider what became of a call, and recording what it says.

use std::time::Duration;

use tokio::time::Instant;

use super::super::call::attempt::Egress;
use super::super::call::classify::Verdict;
use super::super::call::prepared::PreparedCall;
use super::event;
use super::journalled::{Journalled, millis};
use crate::clock::{instant, later};
use crate::config::Account;
use crate::json::parse_object;
use crate::provider::{Flag, LookedUp, Normalised};
use crate::store::{AskTimes, AskedAnswer, JournalError, PaymentView, StoredAnswer};
use crate::wire::{Answer, NoLook};

/// The longest a status query takes, waiting for the rate included: a provider that answers later is queried again later.
const QUERY_MAX: Duration = Duration::from_secs(20);

/// What the provider said.
#[derive(Debug)]
pub(super) enum Reported {
    /// The call landed. `data` is what the provider knows of it, `answer` its whole answer to the query.
    Found { data: String, answer: Answer },
    /// The provider knows no such call.
    NotFound,
    /// Nothing; the reason is short, and never a body.
    Unclear(String),
}

/// Queries once. It is a call like any other: signed, limited and counted.
#[tracing::instrument(name = "question", target = "countersign_phase", skip_all)]
pub(super) async fn query(egress: &Egress, call: &PreparedCall<'_>) -> Reported {
    let PreparedCall { account, operation, parameters, .. } = *call;
    let Some(query) =
        operation.resolved_by.as_ref().and_then(|it| account.provider.operation(&it.operation))
    else {
        return Reported::Unclear("the profile knows no query for it".to_owned());
    };
    let Some(text) = operation.lookup(parameters) else {
        return Reported::Unclear("the call lacks a member that the query needs".to_owned());
    };
    let Ok(question) = parse_object(text.as_bytes()) else {
        return Reported::Unclear("the question is not JSON".to_owned());
    };
    let limits = call.limits.clone();
    let call = PreparedCall { account, limits, operation: query, parameters: &question };
    let limit = query_limit(account);
    let attempt = egress.attempt(&call, later(instant(), limit), &NoLook);
    // A query may be dropped at any moment: it changes nothing.
    let Ok(verdict) = tokio::time::timeout(limit, attempt).await else {
        return Reported::Unclear(format!("no answer within {} s", limit.as_secs_f32()));
    };
    match verdict {
        Verdict::Answered { answer, understood } => {
            match account.provider.looked_up(operation, parameters, &understood) {
                LookedUp::Found { data } => Reported::Found { data, answer },
                LookedUp::NotFound => Reported::NotFound,
                LookedUp::Unclear { why } => {
                    Reported::Unclear(format!("{why}, answered with code {}", understood.code))
                }
            }
        }
        other => Reported::Unclear(other.reason()),
    }
}

/// How long one status query to the account's provider takes at most.
pub(super) fn query_limit(account: &Account) -> Duration {
    account.timeouts.total.min(QUERY_MAX)
}

/// What one status query brought.
pub(super) struct Queried {
    pub view: PaymentView,
    /// The provider said that it has nothing of the kind.
    pub is_absent: bool,
}

/// Queries once and records what the provider says, with the event for the application in the same commit unless a caller
/// listens, who does so until `heard_until`. While the payment stays in doubt, it is due again after `again_after`. `None`
/// when the stop began first: then nothing was asked.
///
/// # Errors
/// When what the provider said could not be recorded.
pub(super) async fn record_query(
    payment: &Journalled<'_>,
    again_after: Duration,
    heard_until: Option<Instant>,
) -> Result<Option<Queried>, JournalError> {
    let (store, egress, call) = (payment.store, payment.egress, payment.call);
    let asked_at_ms = store.time_ms();
    let querying = query(egress, call);
    let Some(answer) = egress.stopping.unless(querying).await else { return Ok(None) };
    let is_absent = matches!(answer, Reported::NotFound);
    let now = egress.clock.now();
    let reported = match &answer {
        Reported::Found { data, .. } => call.reported(data, now),
        Reported::NotFound | Reported::Unclear(_) => None,
    };
    let answer = answered(call, answer, reported.as_ref());
    let why = "the provider was asked and does not have it".to_owned();
    // Not before the answer is there: the caller may have left while the provider was asked.
    let event = event::unless_heard(heard_until, call, reported, why, now);
    let now_ms = now.as_millisecond();
    let times = AskTimes { asked_at_ms, ask_after_ms: Some(millis(again_after)), now_ms };
    let view = store.asked(payment.id, answer, payment.rules(), times, event).await?;
    payment.note_resolved(&view);
    Ok(Some(Queried { view, is_absent }))
}

/// What the provider said, in the journal's words.
fn answered(
    call: &PreparedCall<'_>,
    answer: Reported,
    reported: Option<&Normalised>,
) -> AskedAnswer {
    match answer {
        Reported::Found { answer, .. } => AskedAnswer::Found {
            status: reported.and_then(|reported| reported.status),
            amount_minor: reported.and_then(|it| it.amount.as_ref()).map(|amount| amount.minor),
            amount_unreadable: reported
                .is_some_and(|reported| reported.flags.contains(&Flag::AmountUnreadable)),
            provider_reference: reported.and_then(|it| it.provider_reference.clone()),
            currency: call.account.currency.clone(),
            answer: Some(stored(&answer)),
        },
        Reported::NotFound => AskedAnswer::NotFound,
        Reported::Unclear(reason) => AskedAnswer::Unclear { reason },
    }
}

/// An answer as the journal keeps it.
pub(super) fn stored(answer: &Answer) -> StoredAnswer {
    StoredAnswer { status: answer.status.as_u16(), body: answer.body.clone() }
}
