//! The limits of every account by name: the state that outlives a call, a snapshot and a reload.

use std::collections::HashMap;
use std::sync::Arc;

use parking_lot::RwLock;
use tokio::time::Instant;

use super::budget::RetryBudget;
use super::circuit::Circuit;
use super::money::{COUNTS_FOR, MoneyBudget};
use super::rate::RateLimiter;
use super::skew::ClockSkew;
use crate::clock::instant;
use crate::config::{Account, Snapshot};
use crate::metrics::Metrics;
use crate::provider::CallClass;

/// Everything that limits one account's calls. A call takes it once and keeps it to its end.
#[derive(Clone)]
pub struct AccountLimits {
    /// Calls per time.
    pub rate: Arc<RateLimiter>,
    /// Money per hour.
    pub money: Arc<MoneyBudget>,
    /// The provider's clock.
    pub skew: Arc<ClockSkew>,
    create: ClassLimits,
    query: ClassLimits,
}

/// The limits that each class of calls has for itself.
#[derive(Clone)]
struct ClassLimits {
    circuit: Arc<Circuit>,
    repeats: Arc<RetryBudget>,
}

impl AccountLimits {
    /// The circuit of one class of calls.
    pub fn circuit(&self, class: CallClass) -> &Arc<Circuit> {
        &self.class(class).circuit
    }

    /// The budget for repeats of one class of calls: failing payouts are not repeated on the savings of successful
    /// queries, or vice versa.
    pub fn repeats(&self, class: CallClass) -> &RetryBudget {
        &self.class(class).repeats
    }

    fn class(&self, class: CallClass) -> &ClassLimits {
        match class {
            CallClass::Create => &self.create,
            CallClass::Query => &self.query,
        }
    }

    /// New limits, except that money spent under an earlier budget counts.
    fn new(
        account: &Account,
        earlier: Option<&MoneyBudget>,
        metrics: &Arc<Metrics>,
        now: Instant,
    ) -> Self {
        let name = &account.name;
        let class = |class| ClassLimits {
            circuit: Arc::new(Circuit::new(name, class, account.circuit, metrics, now)),
            repeats: Arc::new(RetryBudget::full()),
        };
        let money = MoneyBudget::new(name, account.limits.money_per_hour.clone(), metrics, now);
        Self {
            rate: Arc::new(RateLimiter::new(name, &account.limits, metrics, now)),
            money: Arc::new(match earlier {
                Some(earlier) => money.after(earlier),
                None => money,
            }),
            skew: Arc::new(ClockSkew::unmeasured(name, metrics.clone())),
            create: class(CallClass::Create),
            query: class(CallClass::Query),
        }
    }

    /// The same limits if the configuration is unchanged, new ones otherwise.
    fn renewed(&self, account: &Account, metrics: &Arc<Metrics>, now: Instant) -> Self {
        let mut limits = Self::new(account, Some(&self.money), metrics, now);
        limits.create.repeats = self.create.repeats.clone();
        limits.query.repeats = self.query.repeats.clone();
        limits.skew = self.skew.clone();
        match self.rate.fits(&account.limits) {
            true => limits.rate = self.rate.clone(),
            false => limits.rate.stay_closed_like(&self.rate, now),
        }
        if self.create.circuit.fits(account.circuit) {
            limits.create = self.create.clone();
            limits.query = self.query.clone();
        }
        limits.create.circuit.show();
        limits.query.circuit.show();
        limits
    }
}

/// The limits of all accounts. Grows with the configuration, never with what strangers send.
pub struct Limiters {
    metrics: Arc<Metrics>,
    known: RwLock<Known>,
}

#[derive(Default)]
struct Known {
    accounts: HashMap<String, Arc<AccountLimits>>,
    /// The money of accounts that were removed from the configuration, and when: removing an account and adding it
    /// again within the hour must not give it a fresh budget.
    gone: HashMap<String, (Arc<MoneyBudget>, Instant)>,
}

impl Limiters {
    /// Without any account yet.
    pub fn new(metrics: Arc<Metrics>) -> Self {
        Self { metrics, known: RwLock::default() }
    }

    /// The limits of `account`, created if there are none.
    pub fn of(&self, account: &Account) -> Arc<AccountLimits> {
        let known = self.known.read();
        if let Some(limits) = known.accounts.get(&account.name) {
            return limits.clone();
        }
        drop(known);
        let mut known = self.known.write();
        let Known { accounts, gone } = &mut *known;
        let made = || {
            let now = instant();
            let money = gone.get(&account.name).map(|(money, _)| money.as_ref());
            Arc::new(AccountLimits::new(account, money, &self.metrics, now))
        };
        accounts.entry(account.name.clone()).or_insert_with(made).clone()
    }

    /// Applies a new configuration: limits that did not change keep their state, changed ones begin anew, and those
    /// of removed accounts are dropped. Spent money counts for its hour in any case. Call this after every swap of
    /// the snapshot; calls in progress end with the limits they began with.
    pub fn configure(&self, snapshot: &Snapshot, now: Instant) {
        let mut known = self.known.write();
        known.gone.retain(|_, (_, since)| now.duration_since(*since) < COUNTS_FOR);
        for (name, limits) in std::mem::take(&mut known.accounts) {
            match snapshot.accounts.get(&name) {
                Some(account) => {
                    let renewed = limits.renewed(account, &self.metrics, now);
                    known.accounts.insert(name, Arc::new(renewed));
                }
                None => {
                    known.gone.insert(name, (limits.money.clone(), now));
                }
            }
        }
        let Known { accounts, gone } = &mut *known;
        for account in snapshot.accounts.values() {
            for (money, _) in account.formerly.iter().filter_map(|name| gone.remove(name)) {
                let limits = accounts.entry(account.name.clone()).or_insert_with(|| {
                    Arc::new(AccountLimits::new(account, None, &self.metrics, now))
                });
                limits.money.count_also(&money, now);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::config::{demo, load_text};
    use crate::limits::LimitKind;
    use crate::limits::{CircuitState, Sample, Urgency};

    /// The demo's configuration with `settings` added to its only account.
    fn snapshot(settings: &str) -> Snapshot {
        snapshot_of("shop", settings)
    }

    fn snapshot_of(name: &str, settings: &str) -> Snapshot {
        let text = format!(
            "[[account]]\nname = \"{name}\"\nprovider = \"bluepay\"\n\
             base_url = \"http://127.0.0.1:1\"\napp_id = \"app\"\ncurrency = \"THB\"\n{settings}\n\
             [[account.signing_key]]\nid = \"1\"\nprivate_key = '''{}'''\n",
            demo::MERCHANT_PRIVATE_KEY
        );
        match load_text(&text) {
            Ok(loaded) => loaded.snapshot,
            Err(mistakes) => panic!("should load: {mistakes:?}"),
        }
    }

    fn hourly(count: u32, others: &str) -> Snapshot {
        snapshot(&format!("limits = {{ rate = \"{count}/h\", on_excess = \"reject\" {others} }}"))
    }

    async fn passes(limits: &AccountLimits) -> bool {
        limits.rate.admit(Urgency::Last, "payout_create").await.is_ok()
    }

    #[test]
    fn a_renamed_account_counts_the_money_of_its_former_name() {
        let limiters = Limiters::new(Metrics::new("0", "0"));
        let account = |name, formerly: &str, limit: &str| {
            let limits = format!("limits = {{ money_per_hour = \"{limit} THB\" }}");
            snapshot_of(name, &format!("{formerly}\n{limits}"))
        };
        let now = instant();
        let spend = |snapshot: &Snapshot, name: &str| {
            limiters.of(&snapshot.accounts[name]).money.reserve(600, now).is_ok()
        };
        assert!(spend(&account("shop", "", "10.00"), "shop"));
        let unsaid = account("shop-th", "", "10.00");
        limiters.configure(&unsaid, now);
        assert!(spend(&unsaid, "shop-th"), "an account of its own");
        for (limit, fits) in [("10.00", false), ("17.99", false), ("18.00", true)] {
            let said = account("shop-th", "formerly = [\"shop\"]", limit);
            limiters.configure(&said, now);
            assert_eq!(spend(&said, "shop-th"), fits, "{limit}: the money of both names, once");
        }
    }

    #[tokio::test]
    async fn a_reload_keeps_the_state_of_what_did_not_change() {
        let limiters = Limiters::new(Metrics::new("0", "0"));
        let (before, same) = (hourly(1, ""), hourly(1, ", in_flight = 5"));
        assert!(passes(&limiters.of(&before.accounts["shop"])).await);
        limiters.configure(&same, instant());
        let after = limiters.of(&same.accounts["shop"]);
        assert!(!passes(&after).await, "a reload should not refill the bucket");
        let changed = hourly(2, "");
        limiters.configure(&changed, instant());
        let after = limiters.of(&changed.accounts["shop"]);
        assert!(passes(&after).await, "a changed rate should begin with a full bucket");
    }

    #[tokio::test]
    async fn a_changed_rate_does_not_reopen_what_the_provider_closed() {
        let limiters = Limiters::new(Metrics::new("0", "0"));
        let (before, changed) = (hourly(10, ""), hourly(20, ""));
        let now = instant();
        let closed = limiters.of(&before.accounts["shop"]);
        closed.rate.close_for(Some(Duration::from_secs(600)), now);
        limiters.configure(&changed, now);
        let after = limiters.of(&changed.accounts["shop"]);
        let refused = after.rate.admit(Urgency::First, "balance").await.expect_err("still closed");
        assert_eq!(refused.limit, LimitKind::Provider);
    }

    #[test]
    fn a_reload_keeps_an_open_circuit_open_and_shown() {
        let metrics = Metrics::new("0", "0");
        let limiters = Limiters::new(metrics.clone());
        let settings = "circuit = { failures = 1, open_for = \"1h\" }";
        let (before, now) = (snapshot(settings), instant());
        let limits = limiters.of(&before.accounts["shop"]);
        let permit = limits.circuit(CallClass::Create).enter(now).expect("closed");
        permit.settle(Sample::Failed, now);
        let after = snapshot(&format!("{settings}\nlimits.rate = \"1/s\""));
        limiters.configure(&after, now);
        let limits = limiters.of(&after.accounts["shop"]);
        assert_eq!(limits.circuit(CallClass::Create).state(), CircuitState::Open);
        assert_eq!(limits.circuit(CallClass::Query).state(), CircuitState::Closed);
        assert_eq!(metrics.circuit_state("shop", CallClass::Create).get(), 2);
    }

    #[test]
    fn removed_accounts_are_forgotten() {
        let limiters = Limiters::new(Metrics::new("0", "0"));
        let mut snapshot = hourly(1, "");
        limiters.of(&snapshot.accounts["shop"]);
        snapshot.accounts.clear();
        limiters.configure(&snapshot, instant());
        let known = |limiters: &Limiters| {
            let known = limiters.known.read();
            (known.accounts.len(), known.gone.len())
        };
        assert_eq!(known(&limiters), (0, 1), "its money is remembered for as long as it counts");
        limiters.configure(&snapshot, instant() + COUNTS_FOR);
        assert_eq!(known(&limiters), (0, 0));
    }

    #[test]
    fn an_account_that_returns_within_the_hour_has_no_fresh_budget() {
        let limiters = Limiters::new(Metrics::new("0", "0"));
        let (with, mut without) = (snapshot("limits.money_per_hour = \"10.00 THB\""), snapshot(""));
        let (account, now) = (&with.accounts["shop"], instant());
        assert!(limiters.of(account).money.reserve(900, now).is_ok());
        without.accounts.clear();
        for _ in 0..2 {
            limiters.configure(&without, now);
            limiters.configure(&with, now);
            assert!(limiters.of(account).money.reserve(101, now).is_err(), "9.00 are spent");
        }
        assert!(limiters.of(account).money.reserve(100, now).is_ok());
    }

    #[test]
    fn money_spent_without_a_budget_counts_in_one_that_a_reload_sets() {
        let limiters = Limiters::new(Metrics::new("0", "0"));
        let (without, with) = (snapshot(""), snapshot("limits.money_per_hour = \"10.00 THB\""));
        let now = instant();
        assert!(limiters.of(&without.accounts["shop"]).money.reserve(900, now).is_ok());
        limiters.configure(&with, now);
        assert!(limiters.of(&with.accounts["shop"]).money.reserve(101, now).is_err());
    }
}
