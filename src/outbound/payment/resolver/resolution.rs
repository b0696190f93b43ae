//! The resolution of one payment: a status query, and what follows from its answer.

use std::time::Duration;

use super::stranded::Logged;
use crate::clock::{instant, later, milliseconds};
use crate::limits::CircuitState;
use crate::outbound::call::backoff;
use crate::outbound::payment::attempt::{announce, attempt};
use crate::outbound::payment::event;
use crate::outbound::payment::journalled::Journalled;
use crate::outbound::payment::money::counted_minor;
use crate::outbound::payment::query::{Queried, record_query};
use crate::payment::Next;
use crate::store::{Closure, JournalError, PaymentView, Step, Store};

/// Attempts at one payment, including those inside the call, after which nothing more is sent: a payment that was sent
/// this often and is not at the provider is called off.
const RESENDS_MAX: u32 = 10;

/// Queries once, and sends once more or calls it off where the answer allows it.
pub(super) async fn resolve(
    payment: &Journalled<'_>,
    view: &PaymentView,
    stranded: &Logged,
) -> Result<(), JournalError> {
    let pause = backoff::in_background(age(payment.store, view), backoff::random());
    let queried = record_query(payment, pause, None).await?;
    let Some(Queried { view, is_absent }) = queried else {
        // The next process queries at once.
        return payment.step(Step::HandOver).await.map(drop);
    };
    let (row, rules) = (&view.row, payment.rules());
    if row.payment.is_in_doubt() && row.payment.is_elsewhere(&rules) {
        stranded.log(&row.id, &row.payment.differs_from_here(&rules));
    }
    match row.payment.next(&rules) {
        Next::Send if row.payment.attempts < RESENDS_MAX => resend(payment, &view).await,
        Next::Send if is_absent => call_off(payment, row.payment.attempts).await,
        Next::Send | Next::Rest(_) | Next::Query | Next::Wait => Ok(()),
    }
}

/// How long ago the last attempt left.
fn age(store: &dyn Store, view: &PaymentView) -> Duration {
    let now_ms = store.time_ms();
    let since_ms = view.row.last_attempt_tick.unwrap_or(now_ms);
    Duration::from_millis(u64::try_from(now_ms.saturating_sub(since_ms)).unwrap_or(0))
}

/// It provably did not arrive. The caller asked for it once: it is made once, with the same ids.
async fn resend(payment: &Journalled<'_>, view: &PaymentView) -> Result<(), JournalError> {
    let (call, stopping) = (payment.call, &payment.egress.stopping);
    let circuit = call.limits.circuit(call.class()).state();
    if circuit == CircuitState::Open || stopping.has_begun() {
        return Ok(());
    }
    if let Some(minor) = counted_minor(call) {
        let age = age(payment.store, view);
        let again = call.limits.money.reserve_again(minor, age, instant());
        if let Err(refused) = again {
            tracing::warn!(
                pause_ms = milliseconds(refused.retry_after),
                "a payment that did not arrive is not sent again yet: over the account's money per hour"
            );
            return Ok(());
        }
    }
    let announced = match announce(payment).await {
        Ok(announced) => announced,
        // The operator knows; it continues when the freeze ends.
        Err(JournalError::Frozen(_)) => return Ok(()),
        Err(error) => return Err(error),
    };
    let deadline = later(instant(), call.account.timeouts.total);
    // A payment that has just left is queried soon, however often it was queried before.
    let pause = backoff::in_background(Duration::ZERO, backoff::random());
    attempt(payment, announced, deadline, pause, None).await;
    match stopping.has_begun() {
        true => payment.step(Step::HandOver).await.map(drop),
        false => Ok(()),
    }
}

/// It was sent as often as allowed, and the provider has just said again that it has nothing.
async fn call_off(payment: &Journalled<'_>, attempts: u32) -> Result<(), JournalError> {
    let reason = format!("{attempts} attempts did not reach the provider");
    let (call, now) = (payment.call, payment.egress.clock.now());
    let event = event::announcing(call.account, call.operation, reason.clone(), now);
    let closure = Closure::Abandoned { reason, rules: payment.rules() };
    let now_ms = now.as_millisecond();
    payment.step(Step::Close { closure, event: Some(event), now_ms }).await.map(drop)
}
