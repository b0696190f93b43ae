//! What all connections share: the dialect, the settings, and what changes, each behind a short lock.
//!
//! Where several locks are held at once they are taken in the order state, faults, notifications.

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::time::Duration;

use serde_json::{Value, json};

use super::dialect::Dialect;
use super::faults::{Faults, rule};
use super::keys::ProviderKey;
use super::lock::locked;
use super::notify::Notifications;
use super::notify::requested::Requested;
use super::notify::row::Notification;
use super::requests::Requests;
use super::settings::Settings;
use super::state::State;
use super::transaction::Transaction;

pub struct Shared {
    pub dialect: &'static dyn Dialect,
    pub settings: Settings,
    pub state: Mutex<State>,
    pub faults: Mutex<Faults>,
    pub requests: Mutex<Requests>,
    pub notifications: Notifications,
}

impl Shared {
    /// `balance` is what every merchant has at the start, in minor units; `keys` are the provider's, the one that signs
    /// first; `payout_urls` are where notifications about payouts go, by app id.
    pub fn new(
        dialect: &'static dyn Dialect,
        settings: Settings,
        balance: i64,
        keys: Vec<ProviderKey>,
        payout_urls: BTreeMap<String, String>,
    ) -> Self {
        Self {
            dialect,
            state: Mutex::new(State::new(balance)),
            faults: Mutex::new(Faults::new(settings.seed)),
            requests: Mutex::default(),
            notifications: Notifications::new(dialect, keys, payout_urls),
            settings,
        }
    }

    /// Everything that happened up to now, oldest first.
    pub fn transactions(&self) -> Vec<Transaction> {
        self.with_state(|state| state.transactions().to_vec())
    }

    /// Does `work` with what is due settled, and queues the notifications of everything that changed.
    pub fn with_state<T>(&self, work: impl FnOnce(&mut State) -> T) -> T {
        let now_ms = self.settings.clock.unix_ms();
        let mut state = locked(&self.state);
        let due_before = state.next_due_ms();
        state.settle(now_ms);
        let result = work(&mut state);
        let mut faults = locked(&self.faults);
        let mut has_changed = false;
        for (transaction, change) in state.take_changes() {
            let fault = || faults.choose_for_notification(&transaction.operation);
            self.notifications.report(&self.settings, transaction, change, fault, now_ms);
            has_changed = true;
        }
        if has_changed || state.next_due_ms() != due_before {
            self.notifications.wake();
        }
        result
    }

    /// Settles what is due. How long until more is.
    pub fn settle(&self) -> Option<Duration> {
        let due_ms = self.with_state(|state| state.next_due_ms())?;
        let in_ms = due_ms.saturating_sub(self.settings.clock.unix_ms()).max(1);
        Some(Duration::from_millis(in_ms.unsigned_abs()))
    }

    /// The notifications that were or are to be posted, oldest first.
    pub fn notifications(&self) -> Vec<Notification> {
        self.settle();
        self.notifications.list()
    }

    /// Queues a notification that is asked for.
    pub fn notify(&self, request: &Value) -> Result<Notification, String> {
        let request = Requested::read(request)?;
        let transaction = request.transaction(&self.transactions())?;
        self.notifications.grant(&self.settings, request, transaction.as_ref())
    }

    /// Sets where the notifications about payouts of `app_id` go.
    pub fn set_payout_notify_url(&self, app_id: &str, url: &str) -> Result<(), String> {
        if !self.settings.merchants.contains_key(app_id) {
            return Err("no merchant has this `app_id`".into());
        }
        self.notifications.set_payout_url(app_id, url);
        Ok(())
    }

    /// Puts the rules in force, all or none of them.
    pub fn add_faults(&self, rules: &Value) -> Result<(), String> {
        let rules = rule::parse(rules, self.dialect, &self.settings)?;
        let rolls = rules.iter().any(|rule| rule.rolls_key());
        if rolls && !self.notifications.can_roll() {
            return Err("there is no second provider key to change over to".into());
        }
        locked(&self.faults).add(rules)
    }

    /// The rules in force with their hits.
    pub fn faults(&self) -> Value {
        json!({"seed": self.settings.seed, "rules": locked(&self.faults).list()})
    }

    /// As if it had just been started.
    pub fn reset(&self) {
        locked(&self.state).reset();
        locked(&self.faults).clear();
        *locked(&self.requests) = Requests::default();
        self.notifications.reset();
    }
}
