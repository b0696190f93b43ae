//! The last look at the journal before a payment's first byte.
//!
//! Between its announcement and its first byte, an attempt may wait for the rate, a signature or a connection, or the
//! process may be paused. Meanwhile an operator may have frozen the account, a notification may have reported that the
//! money moved, or another process may have taken the payment over.

use std::sync::OnceLock;
use std::time::Duration;

use async_trait::async_trait;
use tokio::time::Instant;

use super::journalled::Journalled;
use crate::clock::milliseconds;
use crate::outbound::call::classify::{Verdict, WhyNotSent};
use crate::store::Leave;
use crate::wire::{LastLook, NotSent};

/// An attempt announced less than this ago leaves without another read of the journal: the announcement's own
/// transaction looked. So a freeze, or a notification, applies to everything that leaves later than this after it.
const FRESH: Duration = Duration::from_millis(50);

/// For at least this long after the look no other process may take over the payment. It is how long the process may be
/// paused between the look and the first byte without harm when another process runs. After that, the other process
/// still has to establish that the provider has nothing, which takes the profile's grace period.
const HOLD_LEFT_MIN: Duration = Duration::from_secs(30);

/// An attempt that was announced and has not left.
pub(super) struct Announced<'a> {
    payment: &'a Journalled<'a>,
    pub attempt: u32,
    /// When the announcement was about to be written to the journal.
    at: Instant,
    withheld: OnceLock<WhyNotSent>,
}

impl<'a> Announced<'a> {
    pub fn new(payment: &'a Journalled<'a>, attempt: u32, at: Instant) -> Self {
        Self { payment, attempt, at, withheld: OnceLock::new() }
    }

    /// The verdict on the attempt; if the look withheld it, with the reason.
    pub fn verdict(self, verdict: Verdict) -> Verdict {
        match verdict {
            Verdict::NotSent(WhyNotSent::Unreachable(NotSent::Withdrawn)) => {
                self.withheld.into_inner().map_or(verdict, Verdict::NotSent)
            }
            other => other,
        }
    }

    fn withhold(&self, why: WhyNotSent) -> NotSent {
        tracing::warn!(
            payment = %self.payment.id,
            attempt = self.attempt,
            "an announced attempt was withheld, nothing was sent: {why}"
        );
        let _ = self.withheld.set(why);
        NotSent::Withdrawn
    }
}

#[async_trait]
impl LastLook for Announced<'_> {
    async fn may_leave(&self) -> Result<(), NotSent> {
        let Journalled { store, egress, id, .. } = *self.payment;
        if egress.stopping.has_begun() {
            return Err(NotSent::Stopping);
        }
        if self.at.elapsed() < FRESH {
            return Ok(());
        }
        match store.may_leave(id, self.attempt, milliseconds(HOLD_LEFT_MIN)).await {
            Ok(Leave::Granted) => Ok(()),
            Ok(Leave::Frozen(freeze)) => Err(self.withhold(WhyNotSent::Frozen(freeze.reason))),
            Ok(Leave::Withdrawn) => Err(self.withhold(WhyNotSent::Unreachable(NotSent::Withdrawn))),
            Err(error) => {
                tracing::error!(payment = %id, "the journal cannot be read: {error}");
                Err(self.withhold(WhyNotSent::NotJournalled))
            }
        }
    }
}
