//! Asking what became of a call within the call itself, and one question as the journal sees it.

use std::time::{Duration, Instant};

use super::super::Outbound;
use super::super::call::attempt::PreparedCall;
use super::super::call::backoff;
use super::conclude::{Listener, millis, note_resolved, rules_of, stored, unwritten};
use super::event;
use super::query::{Asked, ask};
use crate::clock::later;
use crate::payment::Next;
use crate::provider::Flag;
use crate::store::{AskTimes, AskedAnswer, JournalError, PaymentId, PaymentView};

/// The shortest pause before a question: full jitter alone can be no pause at all.
const PAUSE_MIN: Duration = Duration::from_millis(100);

/// When the resolver takes over, after the caller's own asking ended.
pub(super) const HANDED_OVER_AFTER: Duration = Duration::from_secs(5);

/// How long a call asks.
pub(super) struct Chase {
    /// The caller is answered then at the latest, but for the question under way.
    pub until: Instant,
    /// What is learned later than this becomes an event too: the caller may have left.
    pub told_until: Instant,
}

/// What asking brought.
pub(super) enum Chased {
    /// It is known what became of it.
    Settled,
    /// It provably did not land: it may be sent again, with the same ids.
    MaySend,
    /// Still in doubt when time was up, or when the process was told to stop; the resolver goes on.
    Open,
}

/// Asks with growing pauses until it is known, or time is up. A notification that arrives meanwhile ends it too.
pub(super) async fn chase(
    outbound: &Outbound,
    call: &PreparedCall<'_>,
    id: &PaymentId,
    chase: &Chase,
) -> (Chased, Option<PaymentView>) {
    let rules = rules_of(call.account, call.operation);
    let mut latest = None;
    if call.operation.resolved_by.is_none() {
        return (Chased::Open, latest);
    }
    for count in 0.. {
        let pause = backoff::in_call(count, backoff::random()).max(PAUSE_MIN);
        if later(Instant::now(), pause) >= chase.until {
            break;
        }
        match outbound.stopping.unless(told_meanwhile(outbound, id, pause)).await {
            Some(None) => {}
            Some(Some(view)) => return (Chased::Settled, Some(view)),
            None => break,
        }
        let left = chase.until.saturating_duration_since(Instant::now());
        let told_until = Some(chase.told_until);
        match question(outbound, call, id, left.saturating_add(HANDED_OVER_AFTER), told_until).await
        {
            Ok(Some(Learned { view, .. })) => match view.row.payment.next(&rules) {
                Next::Rest(_) => return (Chased::Settled, Some(view)),
                Next::Send => return (Chased::MaySend, Some(view)),
                Next::Ask | Next::Wait => latest = Some(view),
            },
            Ok(None) => break,
            Err(error) => {
                unwritten(id, &error);
                return (Chased::Open, None);
            }
        }
    }
    (Chased::Open, latest)
}

/// Waits for `pause`, or for the payment to be settled by somebody else. A change alone asks nothing: the questions
/// themselves are changes.
async fn told_meanwhile(
    outbound: &Outbound,
    id: &PaymentId,
    pause: Duration,
) -> Option<PaymentView> {
    let mut changes = outbound.store.payment_changes(id);
    let pause = tokio::time::sleep(pause);
    tokio::pin!(pause);
    loop {
        if let Ok(Some(view)) = outbound.store.payment(id).await
            && view.row.end().is_some()
        {
            return Some(view);
        }
        tokio::select! {
            () = &mut pause => return None,
            changed = changes.changed() => changed.ok()?,
        }
    }
}

/// What one question brought.
pub(super) struct Learned {
    pub view: PaymentView,
    /// The provider said that it has nothing of the kind.
    pub is_absent: bool,
}

/// Asks once and writes down what it brought, with the event for the application in the same commit unless a caller
/// listens, who does so until `told_until`. When it brought nothing, the payment is due again after `again_after`. `None`
/// when the stop began first: then nothing was asked.
pub(super) async fn question(
    outbound: &Outbound,
    call: &PreparedCall<'_>,
    id: &PaymentId,
    again_after: Duration,
    told_until: Option<Instant>,
) -> Result<Option<Learned>, JournalError> {
    let asked_at_ms = outbound.store.time_ms();
    let asked = ask(outbound, call);
    let Some(asked) = outbound.stopping.unless(asked).await else { return Ok(None) };
    let is_absent = matches!(asked, Asked::NotFound);
    let data = match &asked {
        Asked::Found { data, .. } => Some(data.as_str()),
        Asked::NotFound | Asked::Unclear(_) => None,
    };
    let why = "the provider was asked and does not have it".to_owned();
    // Not before the answer is there: the caller may have left while the provider was asked.
    let listener = Listener::until(told_until);
    let event = listener.event(outbound, call, data, why);
    let answer = learned(outbound, call, asked);
    let now_ms = outbound.clock.unix_ms();
    let ask_after_ms = Some(millis(again_after));
    let times = AskTimes { asked_at_ms, ask_after_ms, now_ms };
    let rules = rules_of(call.account, call.operation);
    let view = outbound.store.asked(id, answer, rules, times, event).await?;
    note_resolved(outbound, &view);
    Ok(Some(Learned { view, is_absent }))
}

/// What a question brought, in the journal's words.
fn learned(outbound: &Outbound, call: &PreparedCall<'_>, asked: Asked) -> AskedAnswer {
    match asked {
        Asked::Found { data, answer } => {
            let told = event::told_by(call.account, call.operation, &data, outbound.clock.now());
            let amount = told.as_ref().and_then(|told| told.amount.as_ref());
            AskedAnswer::Found {
                status: told.as_ref().and_then(|told| told.status),
                amount_minor: amount.map(|amount| amount.minor),
                amount_unreadable: told
                    .as_ref()
                    .is_some_and(|told| told.flags.contains(&Flag::AmountUnreadable)),
                provider_reference: told.as_ref().and_then(|told| told.provider_reference.clone()),
                currency: call.account.currency.clone(),
                answer: Some(stored(&answer)),
            }
        }
        Asked::NotFound => AskedAnswer::NotFound,
        Asked::Unclear(reason) => AskedAnswer::Unclear { reason },
    }
}
