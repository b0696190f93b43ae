//! What all connections share: the merchants, the settings, and what changes, each behind a short lock.
//!
//! Where several locks are held at once they are taken in the order state, faults, notifications.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use jiff::tz::Offset;
use serde_json::Value;

use super::faults::{Faults, rule};
use super::keys::MerchantKey;
use super::notify::{Notification, Notifications, Wish};
use super::requests::Requests;
use super::state::State;
use super::transaction::Transaction;
use crate::clock::Clock;
use crate::provider::{Operation, Provider};

pub struct Shared {
    pub provider: Arc<Provider>,
    /// By app id.
    pub merchants: BTreeMap<String, MerchantKey>,
    pub clock: Clock,
    pub timestamp_window_ms: i64,
    pub settle_after_ms: i64,
    pub zone: Offset,
    pub seed: u64,
    pub state: Mutex<State>,
    pub faults: Mutex<Faults>,
    pub requests: Mutex<Requests>,
    pub notifications: Notifications,
}

impl Shared {
    /// The operation with exactly this path; operation names are the sidecar's language, not the provider's.
    pub fn operation(&self, path: &str) -> Option<&Operation> {
        let found = self.provider.find(path.strip_prefix('/')?)?;
        (found.path == path).then_some(found.as_ref())
    }

    /// Everything that happened up to now, oldest first.
    pub fn transactions(&self) -> Vec<Transaction> {
        self.with_state(|state| state.transactions())
    }

    /// Does `work` with what is due settled, and queues the notifications of everything that changed.
    pub fn with_state<T>(&self, work: impl FnOnce(&mut State) -> T) -> T {
        let now_ms = self.clock.unix_ms();
        let mut state = locked(&self.state);
        let due_before = state.next_due_ms();
        state.settle(now_ms);
        let result = work(&mut state);
        let mut faults = locked(&self.faults);
        let mut told = false;
        state.tell_changes(|transaction, change| {
            self.notifications.tell(transaction, change, self.zone, &mut faults, now_ms);
            told = true;
        });
        if told || state.next_due_ms() != due_before {
            self.notifications.wake();
        }
        result
    }

    /// Settles what is due. How long until more is.
    pub fn settle(&self) -> Option<Duration> {
        let due_ms = self.with_state(|state| state.next_due_ms())?;
        let in_ms = due_ms.saturating_sub(self.clock.unix_ms()).max(1);
        Some(Duration::from_millis(in_ms.unsigned_abs()))
    }

    /// The notifications that were or are to be posted, oldest first.
    pub fn notifications(&self) -> Vec<Notification> {
        self.settle();
        self.notifications.list()
    }

    /// Queues a notification that is asked for.
    pub fn notify(&self, wish: &Value) -> Result<Notification, String> {
        let wish = Wish::read(wish)?;
        let transaction = wish.transaction(&self.transactions())?;
        self.notifications.grant(wish, transaction.as_ref(), self.zone, self.clock.unix_ms())
    }

    /// Where `app_id` is told about payouts from now on.
    pub fn set_payout_notify_url(&self, app_id: &str, url: &str) -> Result<(), String> {
        if !self.merchants.contains_key(app_id) {
            return Err("no merchant has this `app_id`".into());
        }
        self.notifications.set_payout_url(app_id, url);
        Ok(())
    }

    pub fn add_faults(&self, rules: &Value) -> Result<(), String> {
        let names: Vec<&str> =
            self.provider.operations.iter().map(|operation| operation.name.as_str()).collect();
        let rules = rule::parse(rules, &names)?;
        let rolls = rules.iter().any(|rule| rule.rolls_key());
        if rolls && !self.notifications.can_roll() {
            return Err("there is no second provider key to change over to".into());
        }
        locked(&self.faults).add(rules)
    }

    /// As if it had just been started.
    pub fn reset(&self) {
        locked(&self.state).reset();
        locked(&self.faults).clear();
        *locked(&self.requests) = Requests::default();
        self.notifications.reset();
    }
}

/// A lock that a panic elsewhere has not made unusable: the sandbox goes on for its other clients.
pub fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
