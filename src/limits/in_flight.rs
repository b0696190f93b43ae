//! How many calls of one account are in progress.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use parking_lot::RwLock;
use prometheus::IntGauge;

use crate::metrics::Metrics;

/// Counts the calls in progress per account and refuses those over the account's limit.
pub struct InFlight {
    metrics: Arc<Metrics>,
    accounts: RwLock<HashMap<String, Arc<Count>>>,
}

struct Count {
    now: AtomicUsize,
    gauge: IntGauge,
}

/// One call in progress; it is over when this is dropped.
pub struct InFlightGuard(Arc<Count>);

impl InFlight {
    /// With no calls in progress.
    pub fn new(metrics: Arc<Metrics>) -> Self {
        Self { metrics, accounts: RwLock::default() }
    }

    /// Admits one more call of `account`, or `None` when `max` are in progress already.
    pub fn enter(&self, account: &str, max: usize) -> Option<InFlightGuard> {
        let count = self.count_of(account);
        let admitted = count.now.fetch_update(Ordering::AcqRel, Ordering::Acquire, |now| {
            (now < max).then_some(now + 1)
        });
        admitted.ok()?;
        count.gauge.inc();
        Some(InFlightGuard(count))
    }

    /// Forgets an account that is no longer configured. Calls still in progress are not affected.
    pub fn forget(&self, account: &str) {
        self.accounts.write().remove(account);
    }

    fn count_of(&self, account: &str) -> Arc<Count> {
        let known = self.accounts.read();
        if let Some(count) = known.get(account) {
            return count.clone();
        }
        drop(known);
        let mut accounts = self.accounts.write();
        let count = accounts.entry(account.to_owned()).or_insert_with(|| {
            let gauge = self.metrics.requests_in_flight(account);
            Arc::new(Count { now: AtomicUsize::new(0), gauge })
        });
        count.clone()
    }
}

impl Drop for InFlightGuard {
    fn drop(&mut self) {
        self.0.now.fetch_sub(1, Ordering::AcqRel);
        self.0.gauge.dec();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn calls_over_the_limit_are_refused_until_one_ends() {
        let limit = InFlight::new(Metrics::new("0", "0"));
        let first = limit.enter("shop", 2).expect("the first fits");
        let _second = limit.enter("shop", 2).expect("the second fits");
        assert!(limit.enter("shop", 2).is_none(), "a third call should be refused");
        assert!(limit.enter("other", 2).is_some(), "another account has its own limit");
        drop(first);
        assert!(limit.enter("shop", 2).is_some(), "an ended call makes room");
    }
}
