//! The retry budget of one account and class of calls: successful calls of that class pay for repeats, so that an
//! outage is not answered with a multiple of the usual calls.

use parking_lot::Mutex;

/// What one repeat costs; in the same unit as the other constants, hundredths of a repeat.
const COST: u32 = 100;
/// What a successful attempt adds: in the long run, one repeat for every five successes.
const EARNED: u32 = 20;
/// The most that is saved, ten repeats: enough for a small account to survive a short problem, too little to matter
/// to a provider in trouble.
const SAVED_MAX: u32 = 10 * COST;

/// The savings for repeating calls.
pub struct RetryBudget {
    saved: Mutex<u32>,
}

impl RetryBudget {
    /// A full budget.
    pub fn full() -> Self {
        Self { saved: Mutex::new(SAVED_MAX) }
    }

    /// An attempt brought an answer that says how the call ended, even a refusal.
    pub fn earn(&self) {
        let mut saved = self.saved.lock();
        *saved = saved.saturating_add(EARNED).min(SAVED_MAX);
    }

    /// Pays for one repeat; `false` when the savings are too small, and the call should not be repeated.
    #[must_use]
    pub fn spend(&self) -> bool {
        let mut saved = self.saved.lock();
        let rest = saved.checked_sub(COST);
        *saved = rest.unwrap_or(*saved);
        rest.is_some()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn an_outage_uses_up_the_savings_and_then_causes_no_repeats() {
        let budget = RetryBudget::full();
        let repeats = (0..1000).filter(|_| budget.spend()).count();
        assert_eq!(repeats, 10, "only the savings should have been spent");
        (0..4).for_each(|_| budget.earn());
        assert!(!budget.spend(), "four good calls should not pay for a repeat");
        budget.earn();
        assert!(budget.spend(), "five good calls should");
    }

    proptest! {
        #[test]
        fn repeats_are_never_more_than_the_savings_and_a_fifth_of_the_good_calls(
            calls in prop::collection::vec(any::<bool>(), 0..2000)
        ) {
            let budget = RetryBudget::full();
            let (mut good, mut repeats) = (0, 0);
            for went_well in calls {
                match went_well {
                    true => { budget.earn(); good += 1; }
                    false => repeats += usize::from(budget.spend()),
                }
                prop_assert!(repeats <= 10 + good / 5, "{repeats} repeats after {good} good calls");
            }
        }
    }
}
