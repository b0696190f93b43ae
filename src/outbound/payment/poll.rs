//! Polling for the outcome within the call.

use std::time::Duration;

use tokio::time::Instant;

use super::journalled::Journalled;
use super::query::record_query;
use crate::clock::{instant, later};
use crate::outbound::call::backoff;
use crate::payment::Next;
use crate::store::PaymentView;

/// The shortest pause before a status query: with full jitter alone, a pause can be zero.
const PAUSE_MIN: Duration = Duration::from_millis(100);

/// When the resolver takes over, after the caller's own polling ended.
pub(super) const HANDED_OVER_AFTER: Duration = Duration::from_secs(5);

/// Queries with growing pauses until the payment is settled or may be sent again, or until `until`; a query that is
/// under way then is still finished. A notification that arrives meanwhile ends the polling too, and so does the stop.
/// What is learned later than `heard_until` also becomes an event, because the caller may have left. Returns the
/// payment as it was last recorded; `None` if nothing was recorded.
pub(super) async fn poll(
    payment: &Journalled<'_>,
    until: Instant,
    heard_until: Instant,
) -> Option<PaymentView> {
    payment.call.operation.resolved_by.as_ref()?;
    let rules = payment.rules();
    let mut latest = None;
    for count in 0.. {
        let pause = backoff::in_call(count, backoff::random()).max(PAUSE_MIN);
        if later(instant(), pause) >= until {
            break;
        }
        match payment.egress.stopping.unless(settled_meanwhile(payment, pause)).await {
            Some(None) => {}
            Some(settled) => return settled,
            None => break,
        }
        let left = until.saturating_duration_since(instant());
        let again_after = left.saturating_add(HANDED_OVER_AFTER);
        match record_query(payment, again_after, Some(heard_until)).await {
            Ok(Some(queried)) => {
                let next = queried.view.row.payment.next(&rules);
                latest = Some(queried.view);
                if let Next::Rest(_) | Next::Send = next {
                    break;
                }
            }
            Ok(None) => break,
            Err(error) => {
                payment.unwritten(&error);
                return None;
            }
        }
    }
    latest
}

/// Waits for `pause`, or for the payment to be settled by another process, a notification or an operator. A change alone
/// is no reason to query: the queries themselves are changes.
async fn settled_meanwhile(payment: &Journalled<'_>, pause: Duration) -> Option<PaymentView> {
    let mut changes = payment.store.payment_changes(payment.id);
    let pause = tokio::time::sleep(pause);
    tokio::pin!(pause);
    loop {
        if let Ok(Some(view)) = payment.store.payment(payment.id).await
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
