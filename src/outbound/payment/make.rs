//! Makes a call that was begun: attempts and, when one ends in doubt, status queries, until the outcome is known or
//! time is up.

use tokio::time::Instant;

use super::attempt::{announce, attempt};
use super::journalled::Journalled;
use super::last_look::Announced;
use super::money::Money;
use super::poll::{HANDED_OVER_AFTER, poll};
use crate::clock::{instant, later};
use crate::outbound::call::classify::{InDoubt, Verdict, WhyNotSent};
use crate::outbound::call::repeat::{Exchange, Repeats};
use crate::payment::{Next, State};
use crate::store::{JournalError, PaymentView};

/// Makes the call. Its first attempt was announced when the payment was begun, not before `begun_at`. Returns the
/// result of its own attempts, and the payment as the journal has it, where that could be recorded.
pub(super) async fn make(
    payment: &Journalled<'_>,
    (first, begun_at): (u32, Instant),
    money: &mut Money,
) -> (Exchange, Option<PaymentView>) {
    let (account, stopping) = (payment.call.account, &payment.egress.stopping);
    let (rules, total) = (payment.rules(), account.timeouts.total);
    let deadline = later(instant(), total);
    let poll_until = later(deadline, account.retry.resolve_for);
    let ask_after = account.retry.resolve_for.saturating_add(HANDED_OVER_AFTER);
    let mut attempt_until = deadline;
    let mut repeats = Repeats::of(payment.call, deadline);
    let mut announced = Announced::new(payment, first, begun_at);
    let (verdict, view) = loop {
        let (verdict, view) =
            attempt(payment, announced, attempt_until, ask_after, Some(deadline)).await;
        repeats.count(&verdict);
        let Some(view) = view else { break (verdict, None) };
        let is_ready = matches!(view.row.payment.state, State::Ready);
        match view.row.payment.next(&rules) {
            Next::Send if is_ready => {
                let is_again = verdict.nothing_happened_yet()
                    && stopping.unless(repeats.go_again(&verdict)).await == Some(true);
                if !is_again {
                    let view = payment.give_up(&verdict.reason()).await;
                    break (verdict, view);
                }
            }
            Next::Query | Next::Wait => {
                let view = poll(payment, poll_until, deadline).await;
                let next = view.as_ref().map(|view| view.row.payment.next(&rules));
                let may_send = next == Some(Next::Send) && !stopping.has_begun();
                let is_again = may_send && repeats.attempts < account.retry.attempts;
                if !is_again || money.renew().is_err() {
                    break (verdict, view);
                }
                // A resend is a new attempt at a call whose own time is over: it gets the whole time-out again.
                attempt_until = later(instant(), total);
            }
            // If it may be sent, an earlier attempt is still in doubt, and a resend did not leave: the resolver
            // continues.
            Next::Rest(_) | Next::Send => break (verdict, Some(view)),
        }
        announced = match payment.timed(announce(payment)).await {
            Ok(announced) => announced,
            Err(error) => break stopped(payment, &error).await,
        };
    };
    (Exchange { attempts: repeats.attempts, verdict, is_replay: false }, view)
}

/// The journal does not allow another attempt. A call that was never sent is given up, so that its reference is free
/// again.
async fn stopped(payment: &Journalled<'_>, error: &JournalError) -> (Verdict, Option<PaymentView>) {
    tracing::error!(payment = %payment.id, "nothing more was sent: {error}");
    let verdict = Verdict::NotSent(match error {
        JournalError::Frozen(freeze) => WhyNotSent::Frozen(freeze.reason.clone()),
        _ => WhyNotSent::NotJournalled,
    });
    match payment.give_up(&verdict.reason()).await {
        // The announcement may turn out to be on disk, and nothing written since prevents that.
        None if error.may_be_written() => (Verdict::InDoubt(InDoubt::MaybeJournalled), None),
        view => (verdict, view),
    }
}
