//! The money that an account may move within an hour: a safety net against mistakes and break-ins, in whole minor
//! units.
//!
//! The hour slides in steps of a minute. Spending is tracked per process; what left before the process began is
//! reported by the journal through [`MoneyBudget::record`]. Without a configured budget everything fits.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use tokio::time::Instant;

use super::kind::LimitKind;
use crate::config::Money;
use crate::metrics::Metrics;

/// A step of the sliding hour.
const STEP: Duration = Duration::from_secs(60);
/// Steps in an hour. One more is remembered, so that money counts for at least a full hour.
const STEPS: u64 = 60;
/// The number of the step in which a budget is created: the steps of the hour before it need numbers too.
const FIRST_STEP: u64 = STEPS + 1;

/// The amount an account may still move.
pub struct MoneyBudget {
    per_hour: Option<Money>,
    /// Shared with the budget that replaces this one after a change of configuration: spent money stays spent. Kept
    /// without a limit too, because a reload may set one.
    spent: Arc<Mutex<Spent>>,
    account: String,
    metrics: Arc<Metrics>,
}

/// Money reserved for one call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub struct Reserved {
    minor: u64,
    step: u64,
}

/// A call would exceed the hour's money.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MoneyRefused {
    /// When it would fit if nothing else is spent; an hour when it is more than a full budget.
    pub retry_after: Duration,
}

/// How long spent money counts.
pub(super) const COUNTS_FOR: Duration = Duration::from_secs((STEPS + 1) * STEP.as_secs());

impl MoneyBudget {
    /// An unspent budget.
    pub fn new(
        account: &str,
        per_hour: Option<Money>,
        metrics: &Arc<Metrics>,
        now: Instant,
    ) -> Self {
        let spent = Spent { started: now, steps: VecDeque::new() };
        Self {
            per_hour,
            spent: Arc::new(Mutex::new(spent)),
            account: account.to_owned(),
            metrics: metrics.clone(),
        }
    }

    /// The same limit, after what was spent under another one.
    pub(super) fn after(self, before: &Self) -> Self {
        Self { spent: before.spent.clone(), ..self }
    }

    /// Reserves `minor` units of the account's currency for a call that is about to be made.
    pub fn reserve(&self, minor: u64, now: Instant) -> Result<Reserved, MoneyRefused> {
        let mut spent = self.spent.lock();
        let step = spent.advance(now);
        if let Some(limit) = &self.per_hour
            && let Some(wait) = spent.wait(minor, limit.minor, now)
        {
            drop(spent);
            return Err(self.refused(wait));
        }
        spent.add(step, minor);
        Ok(Reserved { minor, step })
    }

    /// Counts the money reserved for a call in the current hour, because the call is made again.
    ///
    /// # Errors
    /// When it does not fit now; it then still counts as before.
    pub fn renew(&self, reserved: Reserved, now: Instant) -> Result<Reserved, MoneyRefused> {
        let mut spent = self.spent.lock();
        let step = spent.advance(now);
        let counted = spent.subtract(reserved);
        let wait = self.per_hour.as_ref();
        let wait = wait.and_then(|limit| spent.wait(reserved.minor, limit.minor, now));
        if let Some(retry_after) = wait {
            spent.add(reserved.step, counted);
            drop(spent);
            return Err(self.refused(retry_after));
        }
        spent.add(step, reserved.minor);
        Ok(Reserved { step, ..reserved })
    }

    /// Like [`MoneyBudget::renew`], for `minor` units that left `ago` and that another process may have counted.
    pub fn reserve_again(
        &self,
        minor: u64,
        ago: Duration,
        now: Instant,
    ) -> Result<Reserved, MoneyRefused> {
        let step = self.spent.lock().advance(now).saturating_sub(ago.as_secs() / STEP.as_secs());
        self.renew(Reserved { minor, step }, now)
    }

    /// Gives back the money reserved for a call that provably did not happen. Never for an unknown outcome.
    pub fn give_back(&self, reserved: Reserved) {
        let _ = self.spent.lock().subtract(reserved);
    }

    /// Counts money that was moved `ago`, whether it fits or not: from the journal after a restart.
    pub fn record(&self, minor: u64, ago: Duration, now: Instant) {
        let mut spent = self.spent.lock();
        let current = spent.advance(now);
        let back = ago.as_secs() / STEP.as_secs();
        if back <= STEPS {
            spent.add(current.saturating_sub(back), minor);
        }
    }

    /// Also counts what was spent under `other`: the budget of the same account under another name.
    pub(super) fn count_also(&self, other: &Self, now: Instant) {
        let (current, steps) = {
            let mut spent = other.spent.lock();
            (spent.advance(now), spent.steps.clone())
        };
        for (step, minor) in steps {
            let ago = STEP * u32::try_from(current.saturating_sub(step)).unwrap_or(u32::MAX);
            self.record(u64::try_from(minor).unwrap_or(u64::MAX), ago, now);
        }
    }

    fn refused(&self, retry_after: Duration) -> MoneyRefused {
        self.metrics.rate_limited(&self.account, LimitKind::Money).inc();
        MoneyRefused { retry_after }
    }
}

/// The money of the last hour: at most 61 steps, in order.
struct Spent {
    started: Instant,
    /// (number of the step, minor units); steps without spendings are left out.
    steps: VecDeque<(u64, u128)>,
}

impl Spent {
    /// Forgets what is older than an hour; the number of the current step.
    fn advance(&mut self, now: Instant) -> u64 {
        let elapsed = now.saturating_duration_since(self.started).as_secs() / STEP.as_secs();
        let step = FIRST_STEP + elapsed;
        while self.steps.front().is_some_and(|(old, _)| old + STEPS < step) {
            self.steps.pop_front();
        }
        step
    }

    /// How long until `minor` more fits below `limit`; `None` when it fits now.
    fn wait(&self, minor: u64, limit: u64, now: Instant) -> Option<Duration> {
        let (minor, limit) = (u128::from(minor), u128::from(limit));
        let mut left: u128 = self.steps.iter().map(|(_, money)| money).sum();
        if left + minor <= limit {
            return None;
        }
        let hour = STEP * STEPS as u32;
        if minor > limit {
            return Some(hour);
        }
        for (step, money) in &self.steps {
            left -= money;
            if left + minor <= limit {
                // The first moment at which `advance` forgets this step.
                let forgotten = (step + STEPS + 1).saturating_sub(FIRST_STEP);
                let forgotten = Duration::from_secs(forgotten * STEP.as_secs());
                let age = now.saturating_duration_since(self.started);
                return Some(forgotten.saturating_sub(age));
            }
        }
        Some(hour)
    }

    fn add(&mut self, step: u64, minor: u64) {
        let at = self.steps.partition_point(|(other, _)| *other < step);
        match self.steps.get_mut(at) {
            Some((other, money)) if *other == step => *money += u128::from(minor),
            _ => self.steps.insert(at, (step, u128::from(minor))),
        }
    }

    /// How much of it was still counted there.
    fn subtract(&mut self, reserved: Reserved) -> u64 {
        let found = self.steps.iter_mut().find(|(step, _)| *step == reserved.step);
        let Some((_, money)) = found else { return 0 };
        let counted = u64::try_from(*money).unwrap_or(u64::MAX).min(reserved.minor);
        *money -= u128::from(counted);
        counted
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::clock::instant;

    const HOUR: Duration = Duration::from_secs(3600);
    const MINUTE: Duration = Duration::from_secs(60);

    fn baht(minor: u64) -> Option<Money> {
        Some(Money { minor, currency: "THB".into() })
    }

    fn budget(minor: u64, now: Instant) -> MoneyBudget {
        MoneyBudget::new("shop", baht(minor), &Metrics::new("0", "0"), now)
    }

    #[test]
    fn an_excess_is_refused_and_counted_and_says_when_it_fits() {
        let (metrics, start) = (Metrics::new("0", "0"), instant());
        let budget = MoneyBudget::new("shop", baht(1000), &metrics, start);
        assert!(budget.reserve(600, start).is_ok());
        assert!(budget.reserve(400, start + 10 * MINUTE).is_ok());
        let refused = budget.reserve(1, start + 30 * MINUTE).expect_err("the hour is used up");
        assert_eq!(refused.retry_after, 31 * MINUTE, "when the first 600 are forgotten");
        let refused = budget.reserve(700, start + 30 * MINUTE).expect_err("no room");
        assert_eq!(refused.retry_after, 41 * MINUTE, "when the 400 are forgotten too");
        assert_eq!(metrics.rate_limited("shop", LimitKind::Money).get(), 2);
        assert!(budget.reserve(600, start + 61 * MINUTE).is_ok(), "the promised time has come");
    }

    #[test]
    fn more_than_a_whole_budget_never_fits_and_huge_amounts_do_not_overflow() {
        let now = instant();
        let budget = budget(u64::MAX - 1, now);
        assert_eq!(budget.reserve(u64::MAX, now), Err(MoneyRefused { retry_after: HOUR }));
        assert!(budget.reserve(u64::MAX - 1, now).is_ok());
        assert!(budget.reserve(u64::MAX - 1, now).is_err());
    }

    #[test]
    fn a_repeated_call_counts_once_from_its_repetition_on() {
        let now = instant();
        let budget = budget(1000, now);
        let reserved = budget.reserve(600, now).expect("it fits");
        let later = now + 40 * MINUTE;
        let reserved = budget.renew(reserved, later).expect("it was counted already");
        assert!(budget.reserve(400, later).is_ok(), "it counts once");
        assert!(budget.reserve(1, now + 62 * MINUTE).is_err(), "for an hour from then on");
        budget.give_back(reserved);
        assert!(budget.reserve(600, now + 62 * MINUTE).is_ok(), "all of it is given back");
    }

    #[test]
    fn a_repeated_call_must_fit_into_the_hour_of_its_repetition() {
        let now = instant();
        let budget = budget(1000, now);
        budget.record(600, 30 * MINUTE, now);
        assert!(budget.reserve_again(600, 30 * MINUTE, now).is_ok(), "the money from the journal");
        let refused = budget.reserve_again(600, 2 * HOUR, now).expect_err("another payment's");
        assert!(refused.retry_after > HOUR);
        assert!(budget.reserve(400, now).is_ok(), "refused money counts as before");
    }

    #[test]
    fn money_that_was_not_sent_is_given_back() {
        let now = instant();
        let budget = budget(1000, now);
        let reserved = budget.reserve(1000, now).expect("it fits");
        assert!(budget.reserve(1, now).is_err());
        budget.give_back(reserved);
        assert!(budget.reserve(1000, now).is_ok());
    }

    #[test]
    fn spent_money_counts_after_a_change_of_the_limit() {
        let now = instant();
        let before = budget(1000, now);
        assert!(before.reserve(900, now).is_ok());
        let with = |limit| MoneyBudget::new("shop", limit, &Metrics::new("0", "0"), now);
        let after = with(baht(1200)).after(&before);
        assert!(after.reserve(301, now).is_err(), "the 900 should still count");
        assert!(after.reserve(300, now).is_ok());
        let unlimited = with(None).after(&after);
        assert!(unlimited.reserve(u64::MAX, now).is_ok(), "without a budget everything fits");
        let again = with(baht(u64::MAX)).after(&unlimited);
        assert!(again.reserve(1, now).is_err(), "money spent without a budget counts in the next");
    }

    #[test]
    fn money_in_the_journal_counts_after_a_restart() {
        let now = instant();
        let budget = budget(1000, now);
        budget.record(400, 59 * MINUTE, now);
        budget.record(5000, 2 * HOUR, now);
        let refused = budget.reserve(601, now).expect_err("the 400 count");
        assert_eq!(refused.retry_after, 2 * MINUTE, "they were spent before this budget was made");
        assert!(budget.reserve(600, now).is_ok());
        let later = now + 2 * MINUTE;
        assert!(budget.reserve(400, later).is_ok(), "their hour is over");
        assert!(budget.reserve(1, later).is_err());
    }

    proptest! {
        #[test]
        fn no_hour_exceeds_the_budget_and_the_promised_time_is_kept(
            calls in prop::collection::vec((0u64..1_200_000, 0u64..700), 1..200)
        ) {
            let start = instant();
            let budget = budget(1000, start);
            let (mut now, mut passed) = (start, Vec::new());
            for (pause, minor) in calls {
                now += Duration::from_millis(pause);
                match budget.reserve(minor, now) {
                    Ok(_) => passed.push((now, minor)),
                    Err(refused) => {
                        now += refused.retry_after;
                        prop_assert!(budget.reserve(minor, now).is_ok(), "not kept: {refused:?}");
                        passed.push((now, minor));
                    }
                }
            }
            for (index, (from, _)) in passed.iter().enumerate() {
                let within = passed[index..].iter().take_while(|(at, _)| *at < *from + HOUR);
                let sum: u64 = within.map(|(_, minor)| minor).sum();
                prop_assert!(sum <= 1000, "{sum} within an hour");
            }
            prop_assert!(budget.spent.lock().steps.len() <= 61, "memory should be bounded");
        }
    }
}
