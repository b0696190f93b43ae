//! The state that all connections share: the dialect, the sandbox, and the parts that change, each behind a short lock.
//!
//! Where several locks are held at once they are taken in the order state, faults, notifications.

use std::collections::BTreeSet;
use std::time::Duration;

use parking_lot::Mutex;
use serde_json::Value;

use super::dialect::Dialect;
use super::faults::{Faults, rule};
use super::keys::ProviderKey;
use super::notify::Notifications;
use super::notify::requested::Requested;
use super::notify::row::Notification;
use super::requests::{Requests, SeenRequest};
use super::settings::Sandbox;
use super::state::State;
use super::transaction::Transaction;

/// A running sandbox.
pub struct Shared {
    pub dialect: &'static dyn Dialect,
    pub sandbox: Sandbox,
    pub state: Mutex<State>,
    pub faults: Mutex<Faults>,
    pub seen: Mutex<Requests>,
    pub notifications: Notifications,
}

impl Shared {
    pub fn new(dialect: &'static dyn Dialect, mut sandbox: Sandbox) -> Self {
        let keys = [sandbox.provider_key.take(), sandbox.next_provider_key.take()];
        Self {
            dialect,
            state: Mutex::new(State::new(sandbox.balance)),
            faults: Mutex::new(Faults::new(sandbox.seed)),
            seen: Mutex::default(),
            notifications: Notifications::new(dialect, keys.into_iter().flatten(), &sandbox.apps),
            sandbox,
        }
    }

    /// The seed of its random faults.
    pub fn seed(&self) -> u64 {
        self.sandbox.seed
    }

    /// The app ids it knows, in order.
    pub fn app_ids(&self) -> impl Iterator<Item = &str> {
        let ids: BTreeSet<&str> = self.sandbox.apps.iter().map(|app| app.app_id.as_str()).collect();
        ids.into_iter()
    }

    /// The public half of the key that signs notifications now, as one line of base64. `None` without a key.
    pub fn provider_public_key(&self) -> Option<String> {
        self.notifications.keys.active().map(ProviderKey::public_base64)
    }

    /// Everything that happened up to now, oldest first.
    pub fn transactions(&self) -> Vec<Transaction> {
        self.with_state(|state| state.transactions().to_vec())
    }

    /// The notifications that were or are to be posted, oldest first.
    pub fn notifications(&self) -> Vec<Notification> {
        self.settle();
        self.notifications.outbox.lock().list()
    }

    /// The last requests to the provider's paths, oldest first.
    pub fn requests(&self) -> Vec<SeenRequest> {
        self.seen.lock().list()
    }

    /// Posts a requested notification, written as for `POST /_sandbox/notifications`.
    ///
    /// # Errors
    /// What is wrong with the request.
    pub fn notify(&self, request: &Value) -> Result<Notification, String> {
        let request = Requested::read(request)?;
        let transaction = request.transaction(&self.transactions())?;
        self.notifications.queue_requested(&self.sandbox, request, transaction.as_ref())
    }

    /// Sets where a merchant's notifications about payouts go; payout requests have no address for them.
    ///
    /// # Errors
    /// When the sandbox does not know `app_id`.
    pub fn set_payout_notify_url(&self, app_id: &str, url: &str) -> Result<(), String> {
        self.sandbox.app(app_id).ok_or("no merchant has this `app_id`")?;
        self.notifications.set_payout_url(app_id, url);
        Ok(())
    }

    /// Activates one fault rule or a list of them, written as for `POST /_sandbox/faults`; all or none of them.
    ///
    /// # Errors
    /// What is wrong with the rule, and what is allowed.
    pub fn add_fault(&self, rules: &Value) -> Result<(), String> {
        let rules = rule::parse(rules, self.dialect, &self.sandbox)?;
        let rolls = rules.iter().any(|rule| rule.rolls_key());
        if rolls && !self.notifications.keys.can_roll() {
            return Err("there is no second provider key to change to".into());
        }
        self.faults.lock().add(rules)
    }

    /// The active rules with their hits.
    pub fn faults(&self) -> Vec<Value> {
        self.faults.lock().list()
    }

    /// Removes every fault rule.
    pub fn clear_faults(&self) {
        self.faults.lock().clear();
    }

    /// Forgets transactions, requests, notifications and faults, as if it had just been started.
    pub fn reset(&self) {
        self.state.lock().reset();
        self.clear_faults();
        *self.seen.lock() = Requests::default();
        self.notifications.reset();
    }

    /// Settles what is due, does `work`, and queues the notifications for everything that changed.
    pub fn with_state<T>(&self, work: impl FnOnce(&mut State) -> T) -> T {
        let now_ms = self.sandbox.clock.unix_ms();
        let mut state = self.state.lock();
        let due_before = state.next_due_ms();
        state.settle(now_ms);
        let result = work(&mut state);
        let mut faults = self.faults.lock();
        let mut has_changed = false;
        for (transaction, change) in state.take_changes() {
            let fault = || faults.choose_for_notification(&transaction.operation);
            self.notifications.report(&self.sandbox, transaction, change, fault);
            has_changed = true;
        }
        if has_changed || state.next_due_ms() != due_before {
            self.notifications.wake.notify_one();
        }
        result
    }

    /// Settles what is due. Returns the time until something else is due.
    pub fn settle(&self) -> Option<Duration> {
        let due_ms = self.with_state(|state| state.next_due_ms())?;
        let in_ms = due_ms.saturating_sub(self.sandbox.clock.unix_ms()).max(1);
        Some(Duration::from_millis(in_ms.unsigned_abs()))
    }
}
