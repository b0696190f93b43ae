//! How long to wait before the next try: growing pauses with full jitter, as plain functions.

use std::ops::RangeInclusive;
use std::time::Duration;

use crate::random;

/// Pauses between attempts at one call, and between status queries inside a call, from the first to the longest. The
/// first is short, because most faults are a connection that was closed; the longest is short enough that no caller
/// waits long for nothing.
const IN_CALL: RangeInclusive<Duration> = Duration::from_millis(250)..=Duration::from_secs(8);

/// Pauses between status queries in the background, for as long as it takes.
const BACKGROUND: RangeInclusive<Duration> = Duration::from_secs(5)..=Duration::from_secs(15 * 60);

/// The pause after `count` tries of a call: its limit doubles with each try. It is a random part of that limit, so that
/// callers that failed together do not come back together. `random` is in 0..=1.
pub(crate) fn in_call(count: u32, random: f64) -> Duration {
    let doubled = IN_CALL.start().saturating_mul(1u32.checked_shl(count).unwrap_or(u32::MAX));
    doubled.min(*IN_CALL.end()).mul_f64(random.clamp(0.0, 1.0))
}

/// The pause before the next status query in the background, when the last attempt left `age` ago: between half of
/// `age` and all of it, within the limits. So pauses grow by themselves, and are short again after another attempt.
pub(crate) fn in_background(age: Duration, random: f64) -> Duration {
    let limit = age.clamp(*BACKGROUND.start(), *BACKGROUND.end());
    limit.mul_f64(0.5 + random.clamp(0.0, 1.0) / 2.0)
}

/// A random number from 0 up to 1; 0.5 when the system's random source fails, which costs only the jitter.
pub(crate) fn random() -> f64 {
    random::fraction().unwrap_or(0.5)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn pauses_stay_within_their_limits(count in 0u32..10_000, random in 0.0f64..=1.0) {
            prop_assert!(in_call(count, random) <= *IN_CALL.end());
            let age = Duration::from_secs(count.into());
            let background = in_background(age, random);
            prop_assert!(background <= *BACKGROUND.end() && background >= *BACKGROUND.start() / 2);
        }
    }

    #[test]
    fn a_recent_attempt_is_queried_soon_and_an_old_one_rarely() {
        let at_most = |seconds| in_background(Duration::from_secs(seconds), 1.0).as_secs();
        assert_eq!([0, 20, 300, 86_400].map(at_most), [5, 20, 300, 900]);
    }

    #[test]
    fn limits_grow_to_the_longest_and_stay_there() {
        let limits: Vec<u128> = (0..8).map(|count| in_call(count, 1.0).as_millis()).collect();
        assert_eq!(limits, [250, 500, 1000, 2000, 4000, 8000, 8000, 8000]);
    }
}
