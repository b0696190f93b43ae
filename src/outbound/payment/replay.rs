//! Telling a caller what the journal knows: of a call that somebody else makes, or that was made before.

use std::time::Instant;

use super::super::Outbound;
use super::super::call::attempt::{Exchange, PreparedCall};
use super::super::call::classify::Verdict;
use super::conclude::{rules_of, stored};
use super::query::{Asked, ask};
use crate::clock::later;
use crate::outcome::Outcome;
use crate::payment::{Final, State};
use crate::problem::{Code, Problem};
use crate::store::{PaymentView, StoredAnswer};
use crate::wire::Answer;

/// The same call is being made or was made: wait for its end, a bounded time, and repeat its answer.
pub(super) async fn wait_for(
    outbound: &Outbound,
    call: &PreparedCall<'_>,
    mut view: PaymentView,
) -> Result<Exchange, Problem> {
    let until = later(Instant::now(), call.account.timeouts.total);
    let mut changes = outbound.store.payment_changes(&view.row.id);
    loop {
        // Looked at after subscribing, so that no change falls between.
        let now = outbound.store.payment(&view.row.id).await;
        view = match now {
            Ok(now) => now.unwrap_or(view),
            // It knew the call a moment ago: "not sent" would be untrue.
            Err(error) => {
                tracing::error!(payment = %view.row.id, "the journal cannot be read: {error}");
                return told_to_wait(outbound, call, view).await;
            }
        };
        if let Some(end) = view.row.end() {
            return over(outbound, call, end, &view).await;
        }
        let is_making = matches!(view.row.payment.state, State::Ready | State::Sending { .. });
        let left = until.saturating_duration_since(Instant::now());
        if !is_making || left.is_zero() || outbound.stopping.has_begun() {
            return told_to_wait(outbound, call, view).await;
        }
        // Whether it changed, time is up or the process stops: look once more.
        let changed = outbound.stopping.unless(changes.changed());
        let _ = tokio::time::timeout(left, changed).await;
    }
}

/// Nobody is told to wait for nothing: the journal owes an event from now on, whoever learns the end.
async fn told_to_wait(
    outbound: &Outbound,
    call: &PreparedCall<'_>,
    view: PaymentView,
) -> Result<Exchange, Problem> {
    if view.row.owes_event {
        return Err(in_progress());
    }
    match outbound.store.promise_event(&view.row.id).await {
        Ok(view) => match view.row.end() {
            Some(end) => over(outbound, call, end, &view).await,
            None => Err(in_progress()),
        },
        Err(error) => {
            tracing::error!(payment = %view.row.id, "no event of its end can be promised: {error}");
            Err(in_progress())
        }
    }
}

fn in_progress() -> Problem {
    Problem::new(
        Code::InProgress,
        Outcome::Unknown,
        "a call with this reference is under way or its outcome is not known yet: nothing was sent for this one",
    )
}

/// The end of the earlier call, or of the one that stands in its place.
async fn over(
    outbound: &Outbound,
    call: &PreparedCall<'_>,
    end: Final,
    view: &PaymentView,
) -> Result<Exchange, Problem> {
    let other = match standing(outbound, view).await {
        None => return replay(outbound, call, end, view).await,
        Some(Stands::Unlike) => return Err(in_progress()),
        Some(Stands::Same(other)) => other,
    };
    let promised = outbound.store.promise_event(&other.row.id).await.ok();
    match promised.and_then(|view| view.row.end().map(|end| (end, view))) {
        Some((end, view)) => replay(outbound, call, end, &view).await,
        None => Err(in_progress()),
    }
}

/// What stands under the reference of a call that came to nothing.
enum Stands {
    /// An earlier call with the same parameters that was made after all.
    Same(Box<PaymentView>),
    /// Another one, or nobody can tell.
    Unlike,
}

/// An earlier call under the reference may turn out to have been made while a later one is. Then the later one is not, and
/// "rejected" or "not sent" would be taken for the end of it.
async fn standing(outbound: &Outbound, view: &PaymentView) -> Option<Stands> {
    let row = &view.row;
    if row.generation == 1 || !row.payment.frees_its_reference() {
        return None;
    }
    match outbound.store.find_payment(&row.account, &row.operation, &row.reference).await {
        Ok(Some(other)) if other.row.payment.frees_its_reference() => None,
        Ok(Some(other)) if other.row.fingerprint == row.fingerprint => {
            Some(Stands::Same(Box::new(other)))
        }
        Ok(_) | Err(_) => Some(Stands::Unlike),
    }
}

/// The answer of the earlier call, byte for byte.
async fn replay(
    outbound: &Outbound,
    call: &PreparedCall<'_>,
    end: Final,
    view: &PaymentView,
) -> Result<Exchange, Problem> {
    match end {
        Final::Accepted | Final::Rejected => {
            let verdict = known_answer(outbound, call, end, view).await;
            Ok(Exchange { attempts: 0, verdict, is_replay: true })
        }
        Final::NotSent => Err(Problem::not_sent(
            Code::ProviderUnreachable,
            "the call with this reference that was under way was not sent",
        )),
    }
}

/// The end of a call as its own caller hears it. The last attempt's verdict is told only where the journal says the same:
/// an earlier attempt may still be in doubt, or have been settled by somebody else.
pub(super) async fn told(
    outbound: &Outbound,
    call: &PreparedCall<'_>,
    attempts: u32,
    verdict: Verdict,
    view: Option<PaymentView>,
) -> Exchange {
    let own = verdict.outcome(call.operation);
    let view = match view {
        None => None,
        Some(view) => match standing(outbound, &view).await {
            None => Some(view),
            Some(Stands::Same(other)) => Some(*other),
            Some(Stands::Unlike) => None,
        },
    };
    let journalled = view.as_ref().map(|view| view.row.payment.outcome());
    let verdict = match (journalled, view.as_ref().and_then(|view| view.row.end().zip(Some(view))))
    {
        (Some(Some(outcome)), _) if outcome == own => verdict,
        (_, Some((end, view))) => known_answer(outbound, call, end, view).await,
        // The journal could not be told or does not know: only a success or a doubt may be told as it was seen.
        _ if matches!(own, Outcome::Accepted | Outcome::Unknown) => verdict,
        _ => Verdict::Settled(Outcome::Unknown),
    };
    Exchange { attempts, verdict, is_replay: false }
}

/// The provider's answer to a settled call: as it is kept or, where a notification told of the end, as the provider tells
/// when it is asked now.
async fn known_answer(
    outbound: &Outbound,
    call: &PreparedCall<'_>,
    end: Final,
    view: &PaymentView,
) -> Verdict {
    // A refusal that was contradicted later is kept, and is no answer to this payment any more.
    let fits = |verdict: &Verdict| verdict.outcome(call.operation) == end.outcome();
    let kept = view.answer.as_ref().and_then(|answer| answered(call, answer));
    if let Some(verdict) = kept.filter(fits) {
        return verdict;
    }
    if view.row.payment.is_elsewhere(&rules_of(call.account, call.operation)) {
        // What is known there under this reference is another payment.
        return Verdict::Settled(end.outcome());
    }
    let asked = ask(outbound, call);
    let told = match outbound.stopping.unless(asked).await {
        Some(Asked::Found { answer, .. }) => answered(call, &stored(&answer)),
        Some(Asked::NotFound | Asked::Unclear(_)) | None => None,
    };
    told.filter(fits).unwrap_or_else(|| Verdict::Settled(end.outcome()))
}

/// A stored answer as if it had just come.
fn answered(call: &PreparedCall<'_>, answer: &StoredAnswer) -> Option<Verdict> {
    let understood = call.account.provider.read_answer(&answer.body)?;
    let status = http::StatusCode::from_u16(answer.status).ok()?;
    let answer = Answer { status, headers: http::HeaderMap::new(), body: answer.body.clone() };
    Some(Verdict::Answered { answer, understood })
}
