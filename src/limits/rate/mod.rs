//! The rate limit of one account: `bucket` counts, `queue` decides, this waits.
//!
//! With `on_excess = "wait"` a call over the rate waits for up to `max_wait`; one that is sure to wait longer is
//! refused at once. With `reject` nothing waits, so there is no order either. The rate is per process.

mod bucket;
mod fields;
mod queue;
#[cfg(test)]
mod tests;

use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use tokio::time::Instant;

use crate::clock::instant;
use crate::config::Limits;
use crate::metrics::Metrics;
use crate::provider::{Kind, Operation};

use queue::{Arrival, Queue, Ticket, Turn};
pub use queue::{RateRefused, Urgency};

impl Urgency {
    /// Queries, cancellations and calls that give money back go before calls that start something new.
    pub fn of(operation: &Operation) -> Self {
        match operation.kind {
            Kind::Query | Kind::Cancel => Self::First,
            Kind::Create if operation.gives_back => Self::First,
            Kind::Create => Self::Last,
        }
    }
}

/// Admits an account's calls at the configured rate.
pub struct RateLimiter {
    limits: Limits,
    queue: Mutex<Queue>,
    account: String,
    metrics: Arc<Metrics>,
}

impl RateLimiter {
    /// A limiter with full buckets.
    pub fn new(account: &str, limits: &Limits, metrics: &Arc<Metrics>, now: Instant) -> Self {
        Self {
            limits: limits.clone(),
            queue: Mutex::new(Queue::new(limits, now)),
            account: account.to_owned(),
            metrics: metrics.clone(),
        }
    }

    /// Admits one call of `operation` now or after waiting for its turn, for up to `max_wait`. Dropping the future
    /// leaves the line.
    pub async fn admit(&self, urgency: Urgency, operation: &str) -> Result<(), RateRefused> {
        let arrival = self.queue.lock().arrive(urgency, operation, instant());
        let ticket = match arrival {
            Arrival::Admitted => return Ok(()),
            Arrival::Refused(refused) => return Err(self.count(refused)),
            Arrival::Waits(ticket) => ticket,
        };
        let waiting = Waiting { limiter: self, ticket };
        loop {
            let turn = self.queue.lock().ask(&waiting.ticket, instant());
            match turn {
                Turn::Admitted => return Ok(()),
                Turn::Refused(refused) => return Err(self.count(refused)),
                Turn::Waits(wait) => {
                    tokio::select! {
                        () = tokio::time::sleep(wait) => {}
                        () = waiting.ticket.woken.notified() => {}
                    }
                }
            }
        }
    }

    /// Admits nothing for `pause`, because the provider reported too many calls; for a second if it did not say for
    /// how long, and never for more than 15 minutes. Afterwards calls pass at the rate, without a burst.
    pub fn close_for(&self, pause: Option<Duration>, now: Instant) {
        self.queue.lock().close_for(pause, now);
    }

    /// Whether this was made for these limits.
    pub(super) fn fits(&self, limits: &Limits) -> bool {
        let key = |limits: &Limits| (limits.rate, limits.burst, limits.on_excess, limits.max_wait);
        key(&self.limits) == key(limits) && self.limits.operations == limits.operations
    }

    /// Stays closed for as long as `earlier` does: a changed configuration does not change the provider's decision.
    pub(super) fn stay_closed_like(&self, earlier: &Self, now: Instant) {
        let until = earlier.queue.lock().closed_until(now);
        if let Some(until) = until {
            self.close_for(Some(until.duration_since(now)), now);
        }
    }

    fn count(&self, refused: RateRefused) -> RateRefused {
        self.metrics.rate_limited(&self.account, refused.limit).inc();
        refused
    }
}

/// A call in the line; it leaves the line when this is dropped.
struct Waiting<'a> {
    limiter: &'a RateLimiter,
    ticket: Arc<Ticket>,
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.limiter.queue.lock().leave(&self.ticket);
    }
}
