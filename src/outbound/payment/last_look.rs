//! The last look at the journal before a payment's first byte.
//!
//! Between an attempt's announcement and its first byte it may wait for the rate, a signature, a connection, or the process
//! may be paused. Meanwhile an operator may have frozen the account, a notification may have told that the money moved, or
//! another process may have taken the payment over.

use std::sync::OnceLock;
use std::time::{Duration, Instant};

use async_trait::async_trait;

use super::super::Outbound;
use super::super::call::classify::Verdict;
use super::conclude::millis;
use crate::store::{Leave, PaymentId};
use crate::wire::{LastLook, NotSent};

/// What was announced less than this ago leaves without another read of the journal: the announcement's own transaction
/// looked. So a freeze, or a notification, is obeyed by everything that leaves later than this after it.
const FRESH: Duration = Duration::from_millis(50);

/// For at least this long after the look nobody else may take the payment over: the longest pause of the process between
/// the look and the first byte that is harmless beside another process. After it, the other one still has to establish
/// that the provider has nothing, which takes the profile's grace period.
const HOLD_LEFT_MIN: Duration = Duration::from_secs(30);

/// An attempt that was announced and has not left.
pub(super) struct Announced<'a> {
    pub outbound: &'a Outbound,
    pub id: &'a PaymentId,
    pub attempt: u32,
    /// From before the journal was asked.
    pub at: Instant,
    withheld: OnceLock<Verdict>,
}

impl<'a> Announced<'a> {
    pub fn new(outbound: &'a Outbound, id: &'a PaymentId, attempt: u32, at: Instant) -> Self {
        Self { outbound, id, attempt, at, withheld: OnceLock::new() }
    }

    /// What is told of an attempt that the look withheld.
    pub fn verdict(self, verdict: Verdict) -> Verdict {
        match verdict {
            Verdict::NotSent(NotSent::Withdrawn) => self.withheld.into_inner().unwrap_or(verdict),
            other => other,
        }
    }

    fn withhold(&self, verdict: Verdict) -> NotSent {
        tracing::warn!(
            payment = %self.id,
            attempt = self.attempt,
            "an announced attempt was withheld, nothing was sent: {}",
            verdict.reason()
        );
        let _ = self.withheld.set(verdict);
        NotSent::Withdrawn
    }
}

#[async_trait]
impl LastLook for Announced<'_> {
    async fn may_leave(&self) -> Result<(), NotSent> {
        if self.outbound.stopping.has_begun() {
            return Err(NotSent::Stopping);
        }
        if self.at.elapsed() < FRESH {
            return Ok(());
        }
        let store = &self.outbound.store;
        match store.may_leave(self.id, self.attempt, millis(HOLD_LEFT_MIN)).await {
            Ok(Leave::Granted) => Ok(()),
            Ok(Leave::Frozen(freeze)) => Err(self.withhold(Verdict::Frozen(freeze.reason))),
            Ok(Leave::Withdrawn) => Err(self.withhold(Verdict::NotSent(NotSent::Withdrawn))),
            Err(error) => {
                tracing::error!(payment = %self.id, "the journal cannot be read: {error}");
                Err(self.withhold(Verdict::NotJournalled))
            }
        }
    }
}
