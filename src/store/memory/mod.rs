//! The store in memory: inbox and journal on the same steps as every other store, gone with the last handle. For tests and
//! simulations where durability is not the point: nothing in it blocks, and with clocks that a test moves nothing depends
//! on the machine.
//!
//! One lock around everything is the transaction. A step decides before anything is written, and what can be refused is
//! written first, so nothing has to be undone.

mod inbox;
mod journal;
mod state;

#[cfg(test)]
mod tests;

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use async_trait::async_trait;
use parking_lot::Mutex;

use super::observe::{Observed, Observer};
use super::wake::Wake;
use super::{AccountNames, Store, StoreClock, StoreError};
use crate::clock::Clock;
use state::{State, Work};

/// What one process has open of a store in memory. Dropping or closing it is what the end of the process would be.
pub struct MemoryStore {
    shared: Arc<Shared>,
    clock: Clock,
    /// The name under which this process owns payments.
    owner: String,
    observed: Observed,
    is_closed: AtomicBool,
}

/// What all processes on one store see.
struct Shared {
    state: Mutex<State>,
    wake: Wake,
    /// Store time less uptime, in milliseconds.
    ahead_ms: i64,
}

impl MemoryStore {
    /// A new, empty store. Its time begins at the wall clock of `clock` and passes as the uptime does.
    pub fn new(clock: Clock) -> Self {
        let ahead_ms = clock.unix_ms().saturating_sub(clock.uptime_ms());
        let (state, wake) = (Mutex::default(), Wake::default());
        Self::open(Arc::new(Shared { state, wake, ahead_ms }), clock)
    }

    /// What another process on the same machine has open of this store.
    pub fn beside(&self) -> Self {
        Self::open(self.shared.clone(), self.clock.clone())
    }

    fn open(shared: Arc<Shared>, clock: Clock) -> Self {
        let owner = shared.state.lock().start_process();
        let (observed, is_closed) = (Observed::default(), AtomicBool::new(false));
        Self { shared, clock, owner, observed, is_closed }
    }

    /// Runs `work` alone, then wakes those who wait for what it changed.
    fn run<T>(&self, work: impl FnOnce(&mut Work<'_>) -> T) -> Result<T, StoreError> {
        if self.is_closed.load(Ordering::Acquire) {
            return Err(StoreError::Closed);
        }
        let (mut woken, now_ms) = (BTreeSet::new(), self.time_ms());
        let done = work(&mut Work {
            state: &mut self.shared.state.lock(),
            owner: &self.owner,
            now_ms,
            date_ms: self.clock.unix_ms(),
            woken: &mut woken,
        });
        self.shared.wake.wake(&woken);
        Ok(done)
    }
}

impl StoreClock for MemoryStore {
    fn time_ms(&self) -> i64 {
        self.clock.uptime_ms().saturating_add(self.shared.ahead_ms)
    }
}

#[async_trait]
impl Store for MemoryStore {
    fn observe(&self, observer: Arc<dyn Observer>) {
        self.observed.by(observer);
    }

    async fn probe(&self) -> Result<(), StoreError> {
        self.run(|_| ())
    }

    /// No command can look beside it.
    fn tell_accounts(&self, _: &[AccountNames]) {}

    async fn close(&self) -> Result<(), StoreError> {
        self.is_closed.store(true, Ordering::Release);
        self.shared.state.lock().end_process(&self.owner);
        Ok(())
    }
}

impl Drop for MemoryStore {
    fn drop(&mut self) {
        self.shared.state.lock().end_process(&self.owner);
    }
}
