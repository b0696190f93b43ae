//! The status query: asks the provider for the outcome of a call, and records what it says.

use std::time::Duration;

use tokio::time::Instant;

use super::event;
use super::journalled::Journalled;
use crate::clock::{instant, later, milliseconds};
use crate::config::Account;
use crate::json::parse_object;
use crate::outbound::call::attempt::Egress;
use crate::outbound::call::classify::Verdict;
use crate::outbound::call::prepared::PreparedCall;
use crate::provider::{Flag, LookedUp, Normalised};
use crate::store::{JournalError, PaymentView, QueryAnswer, QueryTimes, Step, StoredAnswer};
use crate::wire::Answer;

/// The longest time a status query may take, including the wait for the rate: a provider that takes longer is queried
/// again later.
const QUERY_MAX: Duration = Duration::from_secs(20);

/// A call that reached the provider.
pub(super) struct Found {
    /// What the provider knows of it.
    pub data: String,
    /// Its whole answer to the query.
    pub answer: Answer,
}

/// Queries once; `None` where the provider says that it has no such call. It is a call like any other: signed, limited and
/// counted.
///
/// # Errors
/// Why nothing was learned, in a few words, never a body.
#[tracing::instrument(name = "question", target = "countersign_phase", skip_all)]
pub(super) async fn query(
    egress: &Egress,
    call: &PreparedCall<'_>,
) -> Result<Option<Found>, String> {
    let PreparedCall { account, operation, parameters, .. } = *call;
    let query = operation.resolved_by.as_ref();
    let query = query
        .and_then(|it| account.provider.operation(&it.operation))
        .ok_or("the profile has no query for it")?;
    let text =
        operation.lookup(parameters).ok_or("the call lacks a member that the query needs")?;
    let question =
        parse_object(text.as_bytes()).map_err(|_| "the query's parameters are not JSON")?;
    let limits = call.limits.clone();
    let call = PreparedCall { account, limits, operation: query, parameters: &question };
    let limit = query_limit(account);
    let attempt = egress.attempt(&call, later(instant(), limit), None);
    // A query may be dropped at any moment: it changes nothing.
    let verdict = tokio::time::timeout(limit, attempt)
        .await
        .map_err(|_| format!("no answer within {} s", limit.as_secs_f32()))?;
    let Verdict::Answered { answer, understood } = verdict else { return Err(verdict.reason()) };
    match account.provider.looked_up(operation, parameters, &understood) {
        LookedUp::Found { data } => Ok(Some(Found { data, answer })),
        LookedUp::NotFound => Ok(None),
        LookedUp::Unclear { why } => Err(format!("{why}, answered with code {}", understood.code)),
    }
}

/// The longest time that one status query to the account's provider takes.
pub(super) fn query_limit(account: &Account) -> Duration {
    account.timeouts.total.min(QUERY_MAX)
}

/// The result of one status query.
pub(super) struct Queried {
    pub view: PaymentView,
    /// The provider said that it has no such call.
    pub is_absent: bool,
}

/// Queries once and records what the provider says. The event for the application is in the same commit, unless the
/// caller still listens, which it does until `heard_until`. While the payment stays in doubt, it is due again after
/// `again_after`. Returns `None` when the stop began first: then nothing was learned.
///
/// # Errors
/// When what the provider said could not be recorded.
pub(super) async fn record_query(
    payment: &Journalled<'_>,
    again_after: Duration,
    heard_until: Option<Instant>,
) -> Result<Option<Queried>, JournalError> {
    let (store, egress, call) = (payment.store, payment.egress, payment.call);
    let queried_at_ms = store.time_ms();
    let querying = query(egress, call);
    let Some(answer) = egress.stopping.unless(querying).await else { return Ok(None) };
    let is_absent = matches!(answer, Ok(None));
    let now = egress.clock.now();
    let found = answer.as_ref().ok().and_then(Option::as_ref);
    let reported = found.and_then(|found| call.reported(&found.data, now));
    let answer = answered(call, answer, reported.as_ref());
    let why = "the provider was queried and does not have it".to_owned();
    // Decided only now that the answer is there: the caller may have left during the query.
    let event = event::unless_heard(heard_until, call, reported, why, now);
    let now_ms = now.as_millisecond();
    let times =
        QueryTimes { queried_at_ms, query_after_ms: Some(milliseconds(again_after)), now_ms };
    let view = payment.step(Step::Queried { answer, rules: payment.rules(), times, event }).await?;
    Ok(Some(Queried { view, is_absent }))
}

/// What the provider said, as an input for the journal.
fn answered(
    call: &PreparedCall<'_>,
    answer: Result<Option<Found>, String>,
    reported: Option<&Normalised>,
) -> QueryAnswer {
    match answer {
        Ok(Some(found)) => QueryAnswer::Found {
            status: reported.and_then(|reported| reported.status),
            amount_minor: reported.and_then(|it| it.amount.as_ref()).map(|amount| amount.minor),
            amount_unreadable: reported
                .is_some_and(|reported| reported.flags.contains(&Flag::AmountUnreadable)),
            provider_reference: reported.and_then(|it| it.provider_reference.clone()),
            currency: call.account.currency.clone(),
            answer: Some(stored(&found.answer)),
        },
        Ok(None) => QueryAnswer::NotFound,
        Err(reason) => QueryAnswer::Unclear { reason },
    }
}

/// An answer as the journal keeps it.
pub(super) fn stored(answer: &Answer) -> StoredAnswer {
    StoredAnswer { status: answer.status.as_u16(), body: answer.body.clone() }
}
