//! Takes one claimed event from post to settlement.

use std::sync::Arc;
use std::time::Duration;

use serde::Deserialize;
use tokio::time::sleep;
use tracing::Span;

use super::held::Hold;
use super::verdict::{DeliveryResult, decide};
use super::{Delivery, attempt};
use crate::config::Account;
use crate::random;
use crate::store::{Claimed, Settlement};
use crate::trace;

/// How long to wait before a settlement is tried again that the store could not take.
const SETTLE_PAUSE: Duration = Duration::from_secs(1);

/// Encloses one attempt. Its trace is a new one, linked to the payment's: an event may be delivered days later.
pub(super) fn span(claimed: &Claimed) -> Span {
    // The level of errors, so that the span is present for log lines of every level.
    tracing::error_span!(
        "delivery",
        account = claimed.account,
        event_id = claimed.lease.id.as_str(),
        reference = claimed.reference,
        trace.link = claimed.event.as_deref().and_then(payment_trace),
    )
}

/// The trace context in which the event's payment was made; see [`crate::provider::Normalised`].
fn payment_trace(event: &str) -> Option<String> {
    #[derive(Deserialize)]
    struct Traced {
        traceparent: Option<String>,
    }
    match trace::is_on() {
        true => serde_json::from_str::<Traced>(event).ok()?.traceparent,
        false => None,
    }
}

/// Posts the event once and settles it.
pub(super) async fn deliver(
    parts: Arc<Delivery>,
    account: Arc<Account>,
    claimed: Claimed,
    hold: Hold,
) {
    // The worker looked a moment ago and this snapshot is the same one.
    let Some(settings) = &account.delivery else { return };
    let tried = attempt::post(&parts.upstream, &parts.clock, settings, &claimed).await;
    let (settlement, result) =
        decide(&claimed, tried, settings.retry_for, parts.inbox.time_ms(), random());
    record(&parts, &claimed, &settlement, result);
    settle(&parts, &claimed, &hold, settlement).await;
}

/// Settles, however long the store takes: if this gave up, the event would be delivered again. Meanwhile the claim is
/// renewed and the attempt keeps its slot, so an account whose deliveries cannot be recorded comes to a halt.
async fn settle(parts: &Delivery, claimed: &Claimed, hold: &Hold, settlement: Settlement) {
    let mut is_first = true;
    loop {
        let now_ms = parts.clock.unix_ms();
        let settled = parts.inbox.settle(&hold.lease(), settlement.clone(), now_ms).await;
        let Err(error) = settled else { return };
        let (account, event_id) = (claimed.account.as_str(), &claimed.lease.id);
        if error.reason().is_none() {
            tracing::error!(account, %event_id, %error, "delivery not recorded");
            return;
        }
        if std::mem::take(&mut is_first) {
            tracing::error!(account, %event_id, %error, "delivery not recorded yet");
        }
        sleep(SETTLE_PAUSE).await;
    }
}

/// Counts and logs the attempt.
fn record(parts: &Delivery, claimed: &Claimed, settlement: &Settlement, result: DeliveryResult) {
    parts.metrics.count_delivery(&claimed.account, result);
    let (account, event_id) = (claimed.account.as_str(), &claimed.lease.id);
    let (event_type, reference) = (claimed.event_type.as_str(), claimed.reference.as_deref());
    let (attempts, replays) = (claimed.attempts, claimed.replays);
    macro_rules! log {
        ($level:ident, $attempt:ident, $($more:tt)*) => {
            tracing::$level!(
                account,
                %event_id,
                event_type,
                reference,
                status = $attempt.http_status,
                attempts,
                replays,
                duration_ms = $attempt.duration_ms,
                $($more)*
            )
        };
    }
    match settlement {
        Settlement::Delivered(attempt) => {
            let lag_ms = parts.clock.unix_ms().saturating_sub(claimed.received_at_ms).max(0);
            // The lag of a replay says only when an operator had time.
            if replays == 0 {
                parts.metrics.observe_delivery_lag(account, lag_ms as f64 / 1000.0);
            }
            log!(info, attempt, lag_ms, "event delivered");
        }
        Settlement::Retry { attempt, after_ms, error } => {
            let pause_ms = after_ms;
            log!(
                warn,
                attempt,
                error,
                pause_ms,
                "event not delivered, another attempt will follow"
            );
        }
        Settlement::Dead { attempt, error } => {
            log!(error, attempt, error, "event not delivered and given up: a dead letter");
        }
        Settlement::Released => {}
    }
}

/// A number from 0 up to 1. It only spreads attempts: if the random source fails, the pause is simply the longest.
fn random() -> f64 {
    random::fraction().unwrap_or(0.0)
}
