//! One bucket of calls: so many at once, refilled at a steady rate. The arithmetic is governor's.
//!
//! Time is an argument, and looking takes nothing: a call that must pass two buckets can ask both before it takes from
//! either. Not synchronised; the queue that owns it is.

use std::num::NonZeroU32;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use governor::clock::Clock;
use governor::middleware::NoOpMiddleware;
use governor::nanos::Nanos;
use governor::state::{NotKeyed, StateStore};
use governor::{Quota, RateLimiter};
use tokio::time::Instant;

use crate::config::Rate;

/// Calls that may be made, as they come back over time.
pub(super) struct Bucket {
    /// What it was made for, for those who show it.
    pub rate: Rate,
    /// From one call coming back to the next.
    pub interval: Duration,
    burst: NonZeroU32,
    started: Instant,
    clock: GivenTime,
    filled: FilledAt,
    limiter: RateLimiter<NotKeyed, FilledAt, GivenTime, NoOpMiddleware<Nanos>>,
}

impl Bucket {
    /// A full bucket. `burst` calls may be made at once; as many as `rate` counts where nothing is said.
    pub fn new(rate: Rate, burst: Option<u32>, now: Instant) -> Self {
        let count = NonZeroU32::new(rate.count).unwrap_or(NonZeroU32::MIN);
        let burst = burst.and_then(NonZeroU32::new).unwrap_or(count);
        // Rounded up: the promise to the provider is "never more than".
        let nanoseconds = rate.per.as_nanos().div_ceil(u128::from(count.get())).max(1);
        let interval = Duration::from_nanos(u64::try_from(nanoseconds).unwrap_or(u64::MAX));
        let quota = Quota::with_period(interval).expect("an interval is never zero");
        let (clock, filled) = (GivenTime::default(), FilledAt::default());
        let limiter = RateLimiter::new(quota.allow_burst(burst), filled.clone(), clock.clone());
        Self { rate, interval, burst, started: now, clock, filled, limiter }
    }

    /// How long until one call can be taken; zero when it can be now. Takes nothing.
    pub fn wait(&self, now: Instant) -> Duration {
        let before = self.filled.0.load(Ordering::Relaxed);
        let at = self.set_clock(now);
        let checked = self.limiter.check();
        self.filled.0.store(before, Ordering::Relaxed);
        checked.map_or_else(|until| until.wait_time_from(at), |()| Duration::ZERO)
    }

    /// Takes one call, if there is one.
    pub fn take(&self, now: Instant) -> bool {
        self.set_clock(now);
        self.limiter.check().is_ok()
    }

    /// Leaves nothing to take until `at`, and an empty bucket then.
    pub fn drain(&self, at: Instant) {
        let whole = self.interval.saturating_mul(self.burst.get());
        let filled = (at.saturating_duration_since(self.started)).saturating_add(whole);
        self.filled.0.fetch_max(nanoseconds(filled), Ordering::Relaxed);
    }

    fn set_clock(&self, now: Instant) -> Nanos {
        let at = nanoseconds(now.saturating_duration_since(self.started));
        self.clock.0.store(at, Ordering::Relaxed);
        Nanos::new(at)
    }
}

/// Saturates after 584 years.
fn nanoseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}

/// The time that the caller gave last, in nanoseconds since the bucket was made.
#[derive(Clone, Default)]
struct GivenTime(Arc<AtomicU64>);

impl Clock for GivenTime {
    type Instant = Nanos;

    fn now(&self) -> Nanos {
        Nanos::new(self.0.load(Ordering::Relaxed))
    }
}

/// When the bucket will be full again, in nanoseconds since it was made: all there is to remember. Zero when it is full.
#[derive(Clone, Default)]
struct FilledAt(Arc<AtomicU64>);

impl StateStore for FilledAt {
    type Key = NotKeyed;

    /// Plain loads and stores: only the queue's owner gets here, under its lock.
    fn measure_and_replace<T, F, E>(&self, _key: &NotKeyed, measure: F) -> Result<T, E>
    where
        F: Fn(Option<Nanos>) -> Result<(T, Nanos), E>,
    {
        let (measured, filled) = measure(Some(Nanos::new(self.0.load(Ordering::Relaxed))))?;
        self.0.store(filled.as_u64(), Ordering::Relaxed);
        Ok(measured)
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
    fn an_empty_bucket_says_when_the_next_call_comes_back() {
        let start = instant();
        let bucket = Bucket::new(per_second(10), Some(2), start);
        assert!(bucket.take(start) && bucket.take(start), "the burst should pass at once");
        assert!(!bucket.take(start), "a third call should not pass");
        assert_eq!(bucket.wait(start), Duration::from_millis(100));
        let later = start + Duration::from_millis(100);
        assert_eq!(bucket.wait(later), Duration::ZERO, "looking should take nothing");
        assert!(bucket.take(later), "the call that came back should pass");
    }

    #[test]
    fn a_drained_bucket_starts_empty_when_its_time_has_come() {
        let start = instant();
        let bucket = Bucket::new(per_second(10), Some(5), start);
        let opens = start + Duration::from_secs(3);
        bucket.drain(opens);
        assert!(!bucket.take(opens), "nothing should have been saved up while it was closed");
        assert_eq!(bucket.wait(start), Duration::from_millis(3100));
        assert!(bucket.take(opens + Duration::from_millis(100)));
    }

    proptest! {
        #[test]
        fn never_more_than_the_burst_and_what_the_rate_gives_back(
            count in 1u32..200,
            burst in 1u32..50,
            steps in prop::collection::vec(0u64..200_000, 1..300),
        ) {
            let start = instant();
            let bucket = Bucket::new(per_second(count), Some(burst), start);
            let mut now = start;
            let mut passed: Vec<Instant> = Vec::new();
            for step in steps {
                now += Duration::from_micros(step);
                let waits = bucket.wait(now);
                let taken = bucket.take(now);
                prop_assert_eq!(taken, waits.is_zero(), "looking and taking should agree");
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
