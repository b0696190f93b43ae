//! Telling a caller what the journal knows: of a call that somebody else makes, or that was made before.

use std::time::Instant;

use super::Outbound;
use super::asking::{Asked, ask};
use super::attempts::{Exchange, PreparedCall};
use super::classify::{Verdict, outcome};
use super::journaled::{not_journalled, stored};
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
    let until = Instant::now() + call.account.timeouts.total;
    let mut changes = outbound.store.payment_changes(&view.row.id);
    loop {
        if let Some(end) = view.row.end() {
            return replay(outbound, call, end, &view).await;
        }
        let is_making = matches!(view.row.payment.state, State::Ready | State::Sending { .. });
        let left = until.saturating_duration_since(Instant::now());
        if !is_making || tokio::time::timeout(left, changes.changed()).await.is_err() {
            return Err(Problem::new(
                Code::InProgress,
                Outcome::Unknown,
                "a call with this reference is under way or its outcome is not known yet: nothing was sent for this one",
            ));
        }
        let now = outbound.store.payment(&view.row.id).await;
        view = now.map_err(|error| not_journalled(call, &error))?.unwrap_or(view);
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

/// The end of a call that its own caller waited for.
pub(super) async fn settled(
    outbound: &Outbound,
    call: &PreparedCall<'_>,
    attempts: u32,
    verdict: Verdict,
    view: PaymentView,
) -> Exchange {
    let is_the_answer = match &verdict {
        Verdict::Answered { understood, .. } => {
            outcome(call.operation, understood.meaning) != Outcome::Unknown
        }
        Verdict::Unreadable { .. } | Verdict::NoAnswer(_) => false,
        _ => true,
    };
    // Otherwise it was found by asking, or told by a notification: the create's own answer is lost.
    let verdict = match (is_the_answer, view.row.end()) {
        (false, Some(end)) => known_answer(outbound, call, end, &view).await,
        (true, _) | (false, None) => verdict,
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
    if let Some(verdict) = view.answer.as_ref().and_then(|answer| answered(call, answer)) {
        return verdict;
    }
    let asked = ask(outbound, call.account, call.operation, call.parameters).await;
    let told = match &asked {
        Asked::Found { answer, .. } => answered(call, &stored(answer)),
        Asked::NotFound | Asked::Unclear(_) => None,
    };
    told.unwrap_or_else(|| Verdict::Settled(end.outcome()))
}

/// A stored answer as if it had just come.
fn answered(call: &PreparedCall<'_>, answer: &StoredAnswer) -> Option<Verdict> {
    let understood = call.account.provider.read_answer(&answer.body)?;
    let status = http::StatusCode::from_u16(answer.status).ok()?;
    let answer = Answer { status, headers: http::HeaderMap::new(), body: answer.body.clone() };
    Some(Verdict::Answered { answer, understood })
}
