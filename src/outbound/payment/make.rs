//! Making a call that was begun: attempts and, when one ends in doubt, status queries, until it is known what became of the
//! call or time is up.

use tokio::time::Instant;

use super::attempt::{announce, attempt};
use super::journalled::Journalled;
use super::last_look::Announced;
use super::money::Money;
use super::poll::{HANDED_OVER_AFTER, poll};
use crate::clock::{instant, later};
use crate::outbound::call::classify::{InDoubt, Verdict, WhyNotSent};
use crate::outbound::call::repeat::Repeats;
use crate::payment::{Next, State};
use crate::store::{JournalError, PaymentView};

/// What came of a call: its last attempt's own verdict, and what the journal says, where it could be told.
pub(super) struct Made {
    pub attempts: u32,
    pub verdict: Verdict,
    pub view: Option<PaymentView>,
}

/// Makes the call. Its first attempt was announced when the payment was begun, not before `begun_at`.
pub(super) async fn make(
    payment: &Journalled<'_>,
    (first, begun_at): (u32, Instant),
    money: &mut Money,
) -> Made {
    let (account, stopping) = (payment.call.account, &payment.egress.stopping);
    let (rules, total) = (payment.rules(), account.timeouts.total);
    let deadline = later(instant(), total);
    let poll_until = later(deadline, account.retry.resolve_for);
    let ask_after = account.retry.resolve_for.saturating_add(HANDED_OVER_AFTER);
    let mut attempt_until = deadline;
    let mut repeats = Repeats::of(payment.call, deadline);
    let mut announced = Announced::new(payment, first, begun_at);
    loop {
        let (verdict, view) =
            attempt(payment, announced, attempt_until, ask_after, Some(deadline)).await;
        repeats.count(&verdict);
        let attempts = repeats.attempts;
        let Some(view) = view else { return Made { attempts, verdict, view } };
        let is_ready = matches!(view.row.payment.state, State::Ready);
        match view.row.payment.next(&rules) {
            Next::Send if is_ready => {
                let is_again = verdict.nothing_happened_yet()
                    && stopping.unless(repeats.go_again(&verdict)).await == Some(true);
                if !is_again {
                    let view = payment.give_up(&verdict.reason()).await;
                    return Made { attempts, verdict, view };
                }
            }
            Next::Ask | Next::Wait => {
                let view = poll(payment, poll_until, deadline).await;
                let next = view.as_ref().map(|view| view.row.payment.next(&rules));
                let may_send = next == Some(Next::Send) && !stopping.has_begun();
                let is_again = may_send && attempts < account.retry.attempts;
                if !is_again || money.renew().is_err() {
                    return Made { attempts, verdict, view };
                }
                // A resend is a new attempt at a call whose first time is over: it has the whole of it again.
                attempt_until = later(instant(), total);
            }
            // Where it may be sent, an earlier attempt is still in doubt, and a resend did not leave: the resolver goes on.
            Next::Rest(_) | Next::Send => return Made { attempts, verdict, view: Some(view) },
        }
        announced = match payment.timed(announce(payment)).await {
            Ok(announced) => announced,
            Err(error) => return stopped(payment, attempts, &error).await,
        };
    }
}

/// The journal does not let another attempt leave. What was never sent is given up, so that its reference is free again.
async fn stopped(payment: &Journalled<'_>, attempts: u32, error: &JournalError) -> Made {
    tracing::error!(payment = %payment.id, "nothing more was sent: {error}");
    let verdict = Verdict::NotSent(match error {
        JournalError::Frozen(freeze) => WhyNotSent::Frozen(freeze.reason.clone()),
        _ => WhyNotSent::NotJournalled,
    });
    let view = payment.give_up(&verdict.reason()).await;
    match view {
        // The announcement may come to life, and nothing that was written since keeps it from that.
        None if error.may_be_written() => {
            Made { attempts, verdict: Verdict::InDoubt(InDoubt::MaybeJournalled), view }
        }
        view => Made { attempts, verdict, view },
    }
}
