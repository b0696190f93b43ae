//! What all connections share: the merchants, the settings, and the three things that change, each behind a short lock.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use jiff::tz::Offset;
use serde_json::Value;

use super::faults::Faults;
use super::keys::{MerchantKey, ProviderKey};
use super::requests::Requests;
use super::rule;
use super::state::State;
use super::transaction::Transaction;
use crate::clock::Clock;
use crate::provider::{Operation, Provider};

pub(super) struct Shared {
    pub(super) provider: Arc<Provider>,
    /// By app id.
    pub(super) merchants: BTreeMap<String, MerchantKey>,
    pub(super) provider_key: Option<ProviderKey>,
    pub(super) clock: Clock,
    pub(super) timestamp_window_ms: i64,
    pub(super) settle_after_ms: i64,
    pub(super) zone: Offset,
    pub(super) seed: u64,
    pub(super) state: Mutex<State>,
    pub(super) faults: Mutex<Faults>,
    pub(super) requests: Mutex<Requests>,
}

impl Shared {
    /// The operation with exactly this path; operation names are the sidecar's language, not the provider's.
    pub(super) fn operation(&self, path: &str) -> Option<&Operation> {
        let found = self.provider.find(path.strip_prefix('/')?)?;
        (found.path == path).then_some(found.as_ref())
    }

    /// Everything that happened up to now, oldest first.
    pub(super) fn transactions(&self) -> Vec<Transaction> {
        let mut state = locked(&self.state);
        state.settle(self.clock.unix_ms());
        state.transactions()
    }

    pub(super) fn add_faults(&self, rules: &Value) -> Result<(), String> {
        let names: Vec<&str> =
            self.provider.operations.iter().map(|operation| operation.name.as_str()).collect();
        let rules = rule::parse(rules, &names)?;
        locked(&self.faults).add(rules)
    }

    /// As if it had just been started.
    pub(super) fn reset(&self) {
        locked(&self.state).reset();
        locked(&self.faults).clear();
        *locked(&self.requests) = Requests::default();
    }
}

/// A lock that a panic elsewhere has not made unusable: the sandbox goes on for its other clients.
pub(super) fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
