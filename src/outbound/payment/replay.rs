//! What a caller learns from the journal: about its own call, or about the same call that is under way or was made
//! before.

use super::journalled::Journalled;
use super::query::{query, stored};
use crate::clock::{instant, later};
use crate::outbound::call::classify::{InDoubt, Verdict};
use crate::outbound::call::repeat::Exchange;
use crate::outcome::Outcome;
use crate::payment::{Final, State};
use crate::problem::{Code, Problem};
use crate::store::{PaymentView, Step, Store, StoredAnswer};
use crate::wire::Answer;

/// The same call is under way or was made before: waits for its end, for a bounded time, and repeats its answer, byte
/// for byte.
///
/// # Errors
/// When the call's end is not known in time (the application then gets an event), and when it was not sent.
pub(super) async fn replay(
    payment: &Journalled<'_>,
    view: PaymentView,
) -> Result<Exchange, Problem> {
    let view = wait(payment, view).await;
    let (_, view) = end_or_promise(payment.store, view).await?;
    let view = standing(payment.store, view).await.ok_or_else(in_progress)?;
    let (end, view) = end_or_promise(payment.store, view).await?;
    match end {
        Final::Accepted | Final::Rejected => {
            let verdict = settled_answer(payment, end, &view).await;
            Ok(Exchange { attempts: 0, verdict, is_replay: true })
        }
        Final::NotSent => Err(Problem::not_sent(
            Code::ProviderUnreachable,
            "the call with this reference that was under way was not sent",
        )),
    }
}

/// What the caller of its own call learns. The last attempt's verdict counts only where the journal says the same: an
/// earlier attempt may still be in doubt, or have been settled otherwise.
pub(super) async fn report(
    payment: &Journalled<'_>,
    exchange: Exchange,
    view: Option<PaymentView>,
) -> Exchange {
    let own = exchange.verdict.outcome(payment.call.operation);
    let view = match view {
        Some(view) => standing(payment.store, view).await,
        None => None,
    };
    let journalled = view.as_ref().and_then(|view| view.row.payment.outcome());
    let verdict = match view.as_ref().and_then(|view| view.row.end().zip(Some(view))) {
        _ if journalled == Some(own) => exchange.verdict,
        Some((end, view)) => settled_answer(payment, end, view).await,
        // Nothing is recorded: only an accepted or unknown outcome counts.
        None if matches!(own, Outcome::Accepted | Outcome::Unknown) => exchange.verdict,
        None => Verdict::InDoubt(InDoubt::Unrecorded),
    };
    Exchange { verdict, ..exchange }
}

/// Waits while the call is under way, no longer than its time-out. Returns the payment as it was last read.
async fn wait(payment: &Journalled<'_>, mut view: PaymentView) -> PaymentView {
    let (store, stopping) = (payment.store, &payment.egress.stopping);
    let until = later(instant(), payment.call.account.timeouts.total);
    let mut changes = store.payment_changes(payment.id);
    loop {
        // Read after subscribing, so that no change is missed.
        view = match store.payment(payment.id).await {
            Ok(now) => now.unwrap_or(view),
            // The journal had the call a moment ago: "not sent" would be wrong.
            Err(error) => {
                tracing::error!(payment = %payment.id, "the journal cannot be read: {error}");
                return view;
            }
        };
        let is_making = matches!(view.row.payment.state, State::Ready | State::Sending { .. });
        let left = until.saturating_duration_since(instant());
        if !is_making || left.is_zero() || stopping.has_begun() {
            return view;
        }
        // Whether it changed, time is up or the process stops: read it again.
        let _ = tokio::time::timeout(left, stopping.unless(changes.changed())).await;
    }
}

/// The payment's end. If there is none yet, the application is owed an event from now on.
async fn end_or_promise(
    store: &dyn Store,
    view: PaymentView,
) -> Result<(Final, PaymentView), Problem> {
    let view = match view.row.end().is_some() || view.row.owes_event {
        true => view,
        false => store.step(&view.row.id, Step::PromiseEvent).await.map_err(|error| {
            tracing::error!(payment = %view.row.id, "no event of its end can be promised: {error}");
            in_progress()
        })?,
    };
    view.row.end().map(|end| (end, view)).ok_or_else(in_progress)
}

fn in_progress() -> Problem {
    Problem::new(
        Code::InProgress,
        Outcome::Unknown,
        "a call with this reference is under way or its outcome is not known yet: nothing was sent for this one",
    )
}

/// The payment that has the reference of `view`. While a later call is under way, an earlier one may turn out to have
/// been made. The later one is then not made, and its "rejected" or "not sent" would be taken for the end of the
/// earlier. `None` when the earlier one has other parameters, or cannot be read.
async fn standing(store: &dyn Store, view: PaymentView) -> Option<PaymentView> {
    let row = &view.row;
    if row.generation == 1 || !row.payment.frees_its_reference() {
        return Some(view);
    }
    match store.find_payment(&row.account, &row.operation, &row.reference).await {
        Ok(Some(other)) if other.row.payment.frees_its_reference() => Some(view),
        Ok(Some(other)) if other.row.fingerprint == row.fingerprint => Some(other),
        Ok(_) | Err(_) => None,
    }
}

/// The provider's answer to a settled call: the stored one or, where a notification reported the end, what the provider
/// answers to a status query now.
async fn settled_answer(payment: &Journalled<'_>, end: Final, view: &PaymentView) -> Verdict {
    // A refusal that was contradicted later is still stored, but is no longer the answer to this payment.
    let fits = |verdict: &Verdict| verdict.outcome(payment.call.operation) == end.outcome();
    let kept = view.answer.as_ref().and_then(|answer| answered(payment, answer));
    if let Some(verdict) = kept.filter(fits) {
        return verdict;
    }
    if view.row.payment.is_elsewhere(&payment.rules()) {
        // The provider has another payment under this reference.
        return Verdict::Settled(end);
    }
    let querying = query(payment.egress, payment.call);
    let queried = payment.egress.stopping.unless(querying).await;
    let found = queried.and_then(Result::ok).flatten();
    let reported = found.and_then(|found| answered(payment, &stored(&found.answer)));
    reported.filter(fits).unwrap_or(Verdict::Settled(end))
}

/// A stored answer, as if it had just arrived.
fn answered(payment: &Journalled<'_>, answer: &StoredAnswer) -> Option<Verdict> {
    let understood = payment.call.account.provider.read_answer(&answer.body)?;
    let status = http::StatusCode::from_u16(answer.status).ok()?;
    let answer = Answer { status, headers: http::HeaderMap::new(), body: answer.body.clone() };
    Some(Verdict::Answered { answer, understood })
}
