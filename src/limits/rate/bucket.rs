//! One bucket of calls: a burst at once, refilled at a steady rate.
//!
//! The generic cell rate algorithm: the only state is the time when the bucket is full again. Time is an argument,
//! and checking takes nothing: a call that must pass two buckets can check both before it takes from either.

use std::time::Duration;

use tokio::time::Instant;

use crate::clock::later;
use crate::config::Rate;

/// Calls that may be made, refilled over time.
pub(super) struct Bucket {
    /// The rate it was made for, for display.
    pub rate: Rate,
    /// The time between two refilled calls.
    pub interval: Duration,
    burst: u32,
    full_at: Instant,
}

impl Bucket {
    /// A full bucket. `burst` calls may be made at once; by default as many as `rate` counts.
    pub fn new(rate: Rate, burst: Option<u32>, now: Instant) -> Self {
        let count = rate.count.max(1);
        let burst = burst.filter(|burst| *burst > 0).unwrap_or(count);
        // Rounded up: the promise to the provider is "never more than".
        let nanoseconds = rate.per.as_nanos().div_ceil(u128::from(count)).max(1);
        let interval = Duration::from_nanos(u64::try_from(nanoseconds).unwrap_or(u64::MAX));
        Self { rate, interval, burst, full_at: now }
    }

    /// How long until one call can be taken; zero when it can be now. Takes nothing.
    pub fn wait(&self, now: Instant) -> Duration {
        let others = self.interval.saturating_mul(self.burst.saturating_sub(1));
        self.full_at.saturating_duration_since(now).saturating_sub(others)
    }

    /// Takes one call, if there is one.
    pub fn take(&mut self, now: Instant) -> bool {
        let is_there = self.wait(now).is_zero();
        if is_there {
            self.full_at = later(self.full_at.max(now), self.interval);
        }
        is_there
    }

    /// Leaves nothing to take until `at`, and an empty bucket then.
    pub fn drain(&mut self, at: Instant) {
        self.full_at = self.full_at.max(later(at, self.interval.saturating_mul(self.burst)));
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::clock::instant;

    fn per_second(count: u32) -> Rate {
        Rate { count, per: Duration::from_secs(1) }
    }

    #[test]
    fn an_empty_bucket_says_when_the_next_call_is_possible() {
        let start = instant();
        let mut bucket = Bucket::new(per_second(10), Some(2), start);
        assert!(bucket.take(start) && bucket.take(start), "the burst should pass at once");
        assert!(!bucket.take(start), "a third call should not pass");
        assert_eq!(bucket.wait(start), Duration::from_millis(100));
        let later = start + Duration::from_millis(100);
        assert_eq!(bucket.wait(later), Duration::ZERO, "checking should take nothing");
        assert!(bucket.take(later), "the refilled call should pass");
    }

    #[test]
    fn a_drained_bucket_is_empty_when_it_opens() {
        let start = instant();
        let mut bucket = Bucket::new(per_second(10), Some(5), start);
        let opens = start + Duration::from_secs(3);
        bucket.drain(opens);
        assert!(!bucket.take(opens), "nothing should have been saved up while it was closed");
        assert_eq!(bucket.wait(start), Duration::from_millis(3100));
        assert!(bucket.take(opens + Duration::from_millis(100)));
    }

    proptest! {
        #[test]
        fn never_more_than_the_burst_and_what_the_rate_refills(
            count in 1u32..200,
            burst in 1u32..50,
            steps in prop::collection::vec(0u64..200_000, 1..300),
        ) {
            let start = instant();
            let mut bucket = Bucket::new(per_second(count), Some(burst), start);
            let mut now = start;
            let mut passed: Vec<Instant> = Vec::new();
            for step in steps {
                now += Duration::from_micros(step);
                let waits = bucket.wait(now);
                let taken = bucket.take(now);
                prop_assert_eq!(taken, waits.is_zero(), "checking and taking should agree");
                if taken {
                    passed.push(now);
                }
            }
            for (index, from) in passed.iter().enumerate() {
                for (more, to) in passed[index..].iter().enumerate() {
                    let seconds = to.duration_since(*from).as_secs_f64();
                    let allowed = f64::from(burst) + (f64::from(count) * seconds).floor();
                    prop_assert!(
                        (more + 1) as f64 <= allowed + 1e-9,
                        "{} calls within {seconds} s, allowed {allowed}", more + 1
                    );
                }
            }
        }
    }
}
