//! Records a call before it leaves, unless its reference is taken.

use std::time::Duration;

use super::journalled::Journalled;
use super::money::amount_minor;
use crate::clock::milliseconds;
use crate::outbound::call::classify::{InDoubt, Verdict, WhyNotSent};
use crate::payment::Fingerprint;
use crate::store::{Begun, NewPayment, Unsent};
use crate::trace;
use crate::wire::NotSent;

/// Added to the longest time a call can take, before another process may consider it abandoned.
const HOLD_MARGIN: Duration = Duration::from_secs(60);

/// Records the call, unless its reference is taken; where it `may_leave`, with its first attempt in the same commit.
/// Where nothing can be begun, an earlier call under the reference is still looked up: its caller may be back because
/// the outcome was unknown, and would take "not sent" for the outcome of that call.
///
/// # Errors
/// What the caller learns about a call that could not be begun.
pub(super) async fn begin(
    payment: &Journalled<'_>,
    reference: &str,
    may_leave: bool,
) -> Result<Begun, Verdict> {
    let now_ms = payment.now_ms();
    let new = || new_payment(payment, reference, now_ms);
    let verdict = match payment.egress.stopping.has_begun() {
        true => Verdict::NotSent(WhyNotSent::Unreachable(NotSent::Stopping)),
        false => {
            let begun = match may_leave {
                true => payment.timed(payment.store.begin_sending(new())).await,
                false => payment.timed(payment.store.begin(new())).await,
            };
            match begun {
                Ok(begun) => return Ok(begun),
                // A call that was only begun is closed by the next start, and never sent.
                Err(error) if may_leave && error.may_be_written() => {
                    tracing::error!(payment = %payment.id, "nothing was sent so far: {error}");
                    Verdict::InDoubt(InDoubt::MaybeJournalled)
                }
                Err(error) => {
                    tracing::error!(
                        account = payment.call.account.name,
                        "nothing was sent, the journal cannot be used: {error}"
                    );
                    Verdict::NotSent(WhyNotSent::NotJournalled)
                }
            }
        }
    };
    let (account, operation) = (&payment.call.account.name, &payment.call.operation.name);
    let earlier = payment.store.find_payment(account, operation, reference).await;
    match earlier.ok().flatten().filter(|view| !view.row.payment.frees_its_reference()) {
        Some(view) if view.row.fingerprint == new().fingerprint => Ok(Begun::Known(view)),
        Some(view) => Ok(Begun::Reused(view)),
        None => {
            if let Verdict::InDoubt(_) = verdict {
                payment.unsent.add(Unsent::MaybeBegun(Box::new(new())));
            }
            Err(verdict)
        }
    }
}

fn new_payment(payment: &Journalled<'_>, reference: &str, now_ms: i64) -> NewPayment {
    let call = payment.call;
    let (account, operation) = (call.account, call.operation);
    let waits = [account.limits.max_wait, account.retry.resolve_for, HOLD_MARGIN]
        .into_iter()
        .fold(account.timeouts.total, Duration::saturating_add);
    NewPayment {
        id: payment.id.clone(),
        account: account.name.clone(),
        provider: account.provider.name.clone(),
        operation: operation.name.clone(),
        kind: account.provider.kind_of(operation).map(|kind| kind.word().to_owned()),
        reference: reference.to_owned(),
        fingerprint: Fingerprint::of(operation, call.parameters),
        parameters: call.parameters.text().to_owned(),
        place: account.places.get(&operation.name).copied(),
        amount_minor: amount_minor(call),
        currency: account.currency.clone(),
        notice_within_ms: account.retry.notice_within.map(milliseconds),
        trace: trace::current().map(|place| place.to_string()),
        now_ms,
        lease_ms: milliseconds(waits),
    }
}
