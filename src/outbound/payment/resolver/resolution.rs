//! What is done about one payment: a question, and what follows from its answer.

use std::time::{Duration, Instant};

use super::super::super::Outbound;
use super::super::super::call::attempt::{PreparedCall, attempt};
use super::super::super::call::backoff;
use super::super::conclude::{Listener, conclude, millis, note_resolved, rules_of};
use super::super::event;
use super::super::last_look::Announced;
use super::super::money_of;
use super::super::poll::{Learned, question};
use super::stranded;
use crate::clock::later;
use crate::config::Account;
use crate::json::parse_object;
use crate::limits::CircuitState;
use crate::metrics::CallClass;
use crate::payment::{Final, Next};
use crate::store::{Closure, JournalError, PaymentView};

/// Attempts at one payment, those inside the call included, after which nothing more is sent: what was sent in vain so
/// often and is not at the provider is called off.
const RESENDS_MAX: u32 = 10;

/// Asks once, and sends once more or calls it off where the answer allows it.
pub(super) async fn resolve(
    outbound: &Outbound,
    account: &Account,
    payment: &PaymentView,
) -> Result<(), JournalError> {
    let row = &payment.row;
    let (Some(operation), Ok(parameters)) =
        (account.provider.operation(&row.operation), parse_object(payment.parameters.as_bytes()))
    else {
        stranded::note(outbound, row, "operation");
        return Ok(());
    };
    let limits = outbound.limiters.of(account);
    let call = PreparedCall { account, limits, operation, parameters: &parameters };
    let pause = backoff::in_background(age(outbound, payment), backoff::random());
    let asked = question(outbound, &call, &row.id, pause, None).await?;
    let Some(Learned { view, is_absent }) = asked else {
        // The next process asks at once.
        return Ok(outbound.store.hand_over(&row.id).await?);
    };
    let rules = rules_of(account, operation);
    if view.row.payment.is_in_doubt() && view.row.payment.is_elsewhere(&rules) {
        stranded::note(outbound, &view.row, &view.row.payment.differs_from_here(&rules));
    }
    match view.row.payment.next(&rules) {
        Next::Send if view.row.payment.attempts < RESENDS_MAX => {
            resend(outbound, &call, &view).await
        }
        Next::Send if is_absent => call_off(outbound, &call, &view).await,
        Next::Send | Next::Rest(_) | Next::Ask | Next::Wait => Ok(()),
    }
}

/// How long ago the last attempt left.
fn age(outbound: &Outbound, payment: &PaymentView) -> Duration {
    let now_ms = outbound.store.time_ms();
    let since_ms = payment.row.last_attempt_tick.unwrap_or(now_ms);
    Duration::from_millis(u64::try_from(now_ms.saturating_sub(since_ms)).unwrap_or(0))
}

/// It provably did not land. The caller asked for it once: it is made once, with the ids it had.
async fn resend(
    outbound: &Outbound,
    call: &PreparedCall<'_>,
    view: &PaymentView,
) -> Result<(), JournalError> {
    let circuit = call.limits.circuit(CallClass::Create).state();
    if circuit == CircuitState::Open || outbound.stopping.has_begun() {
        return Ok(());
    }
    if let Some(minor) = money_of(call) {
        let again = call.limits.money.reserve_again(minor, age(outbound, view), Instant::now());
        if let Err(refused) = again {
            tracing::warn!(
                pause_ms = millis(refused.retry_after),
                "a payment that did not land is not sent again yet: over the account's money per hour"
            );
            return Ok(());
        }
    }
    let (id, rules) = (&view.row.id, rules_of(call.account, call.operation));
    let at = Instant::now();
    let number = match outbound.store.about_to_send(id, rules, outbound.clock.unix_ms()).await {
        Ok(number) => number,
        // The operator knows; it goes on when the freeze ends.
        Err(JournalError::Frozen(_)) => return Ok(()),
        Err(error) => return Err(error),
    };
    let announced = Announced::new(outbound, id, number, at);
    let deadline = later(Instant::now(), call.account.timeouts.total);
    let attempted = attempt(outbound, call, deadline, &announced).await;
    let verdict = announced.verdict(attempted);
    // What left just now is asked about soon, however often it was asked about before.
    let pause = backoff::in_background(Duration::ZERO, backoff::random());
    let after = (pause, Listener::Application);
    conclude(outbound, call, id, number, &verdict, after).await;
    match outbound.stopping.has_begun() {
        true => Ok(outbound.store.hand_over(id).await?),
        false => Ok(()),
    }
}

/// It was sent as often as it may be, and the provider has just said once more that it has nothing.
async fn call_off(
    outbound: &Outbound,
    call: &PreparedCall<'_>,
    view: &PaymentView,
) -> Result<(), JournalError> {
    let row = &view.row;
    let reason = format!("{} attempts did not reach the provider", row.payment.attempts);
    let event = Listener::Application.event(outbound, call, None, reason.clone());
    let (closure, rules) = (Closure::Abandoned { reason }, rules_of(call.account, call.operation));
    let now_ms = outbound.clock.unix_ms();
    let view = outbound.store.close_case(&row.id, closure, rules, event, now_ms).await?;
    note_resolved(outbound, &view);
    Ok(())
}

/// Tells the end of a settled payment to whoever waits for it.
pub(super) async fn tell(
    outbound: &Outbound,
    account: &Account,
    payment: &PaymentView,
) -> Result<(), JournalError> {
    let row = &payment.row;
    let Some(operation) = account.provider.operation(&row.operation) else {
        tracing::error!(payment = %row.id, "its operation is no longer in the profile: its end cannot be told");
        return Ok(());
    };
    let why = match row.end() {
        Some(Final::NotSent) => "it was not sent",
        _ => "the provider refused it",
    };
    let now = outbound.clock.now();
    let event = event::announcing(account, operation, None, why.to_owned(), now);
    outbound.store.tell_owed(&row.id, event, now.as_millisecond()).await
}
