//! When a delivery that failed is tried again: growing pauses, `Retry-After`, and an end.
//!
//! Pure functions: times and a random number in, a time out.

use crate::clock::milliseconds;
use std::time::Duration;

use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::fmt::strtime;
use jiff::tz::Offset;

/// Pauses after the first, second, … attempt; the last one stays. No pause is much longer than the time that has passed
/// since the first attempt, so after an outage an application waits no more than about as long again, and an hour at
/// most. Each is at least twice the one before, so that pauses grow whatever the jitter.
const PAUSES: [Duration; 11] = [
    Duration::from_secs(1),
    Duration::from_secs(2),
    Duration::from_secs(5),
    Duration::from_secs(10),
    Duration::from_secs(30),
    Duration::from_secs(60),
    Duration::from_secs(2 * 60),
    Duration::from_secs(5 * 60),
    Duration::from_secs(10 * 60),
    Duration::from_secs(30 * 60),
    Duration::from_secs(60 * 60),
];

/// The longest `Retry-After` that is honoured. An application that asks for a longer wait gets one attempt a day.
const RETRY_AFTER_MAX: Duration = Duration::from_secs(24 * 60 * 60);

/// The earlier attempts at an event.
#[derive(Clone, Copy, Debug)]
pub(super) struct Past {
    /// When its first attempt began, in store time.
    pub first_attempt_at_ms: i64,
    /// Attempts made, at least one.
    pub attempts: u32,
    /// Now, in store time.
    pub now_ms: i64,
}

/// After how many milliseconds to try again; `None` when `retry_for` is over.
///
/// Never before the application's own `retry_after` and never before the next growing pause, except that the last
/// attempt is moved forward to exactly the end of `retry_for`. `random` is between 0 and 1; it takes away up to half of
/// a growing pause, so that events that failed together do not come back together.
pub(super) fn next_attempt(
    past: Past,
    retry_for: Duration,
    retry_after: Option<Duration>,
    random: f64,
) -> Option<i64> {
    let end_ms = past.first_attempt_at_ms.saturating_add(milliseconds(retry_for));
    if past.now_ms >= end_ms {
        return None;
    }
    let asked = retry_after.unwrap_or_default().min(RETRY_AFTER_MAX);
    let pause = growing(past.attempts, random).max(asked);
    Some(milliseconds(pause).min(end_ms.saturating_sub(past.now_ms)))
}

/// The time that a `Retry-After` field asks to wait: seconds, or a date in one of the three forms of RFC 9110. A date
/// in the past means no wait.
pub(super) fn retry_after(field: &str, now: Timestamp) -> Option<Duration> {
    let field = field.trim();
    if !field.is_empty() && field.bytes().all(|byte| byte.is_ascii_digit()) {
        // A number that does not fit is longer than any wait.
        return Some(Duration::from_secs(field.parse().unwrap_or(u64::MAX)));
    }
    let date = http_date(field)?;
    Some(Duration::try_from(date.duration_since(now)).unwrap_or_default())
}

fn growing(attempts: u32, random: f64) -> Duration {
    let place = usize::try_from(attempts.saturating_sub(1)).unwrap_or(usize::MAX);
    let pause = PAUSES[place.min(PAUSES.len() - 1)];
    pause.mul_f64(1.0 - random.clamp(0.0, 1.0) / 2.0)
}

fn http_date(text: &str) -> Option<Timestamp> {
    const FORMS: [&str; 3] =
        ["%a, %d %b %Y %H:%M:%S GMT", "%A, %d-%b-%y %H:%M:%S GMT", "%a %b %e %H:%M:%S %Y"];
    let read = |form| -> Option<DateTime> { strtime::parse(form, text).ok()?.to_datetime().ok() };
    Offset::UTC.to_timestamp(FORMS.into_iter().find_map(read)?).ok()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const DAY_MS: i64 = 24 * 60 * 60 * 1000;
    const RETRY_FOR: Duration = Duration::from_secs(72 * 60 * 60);

    fn after(attempts: u32, random: f64) -> i64 {
        let past = Past { first_attempt_at_ms: 0, attempts, now_ms: 0 };
        next_attempt(past, RETRY_FOR, None, random).expect("three days are left")
    }

    fn at(text: &str) -> Timestamp {
        text.parse().expect("a time")
    }

    #[test]
    fn text_that_is_not_a_time_asks_for_no_wait() {
        for field in ["", " ", "-1", "1.5", "soon", "1s", "Mon, 06 Nov 1994 08:49:37 GMT", "+5"] {
            let asked = retry_after(field, at("1994-11-06T08:00:00Z"));
            assert_eq!(asked, None, "`{field}` is neither seconds nor a date that existed");
        }
    }

    #[test]
    fn seconds_and_all_three_forms_of_a_date_are_read() {
        let now = at("1994-11-06T08:49:07Z");
        for field in [
            "30",
            " 30 ",
            "Sun, 06 Nov 1994 08:49:37 GMT",
            "Sunday, 06-Nov-94 08:49:37 GMT",
            "Sun Nov  6 08:49:37 1994",
        ] {
            assert_eq!(retry_after(field, now), Some(Duration::from_secs(30)), "`{field}`");
        }
        let past = retry_after("Sun, 06 Nov 1994 08:00:00 GMT", now);
        assert_eq!(past, Some(Duration::ZERO), "a date in the past means no wait");
    }

    #[test]
    fn an_absurd_wait_is_limited_to_a_day() {
        let asked = retry_after(&"9".repeat(40), at("2026-01-01T00:00:00Z"));
        let past = Past { first_attempt_at_ms: 0, attempts: 1, now_ms: 0 };
        assert_eq!(next_attempt(past, RETRY_FOR, asked, 0.0), Some(DAY_MS));
    }

    #[test]
    fn with_no_time_to_retry_the_first_failure_is_the_last() {
        let past = Past { first_attempt_at_ms: 5, attempts: 1, now_ms: 5 };
        assert_eq!(next_attempt(past, Duration::ZERO, None, 0.0), None);
    }

    #[test]
    fn the_last_attempt_is_made_when_the_time_is_over_and_none_after_it() {
        let end = DAY_MS * 3;
        let past = |now_ms| Past { first_attempt_at_ms: 0, attempts: 80, now_ms };
        assert_eq!(next_attempt(past(end - 10), RETRY_FOR, None, 0.0), Some(10));
        assert_eq!(next_attempt(past(end), RETRY_FOR, None, 0.0), None);
    }

    #[test]
    fn the_first_pauses_are_short_and_the_longest_is_an_hour() {
        assert_eq!((after(1, 1.0), after(1, 0.0)), (500, 1000));
        assert_eq!(after(1000, 0.0), 60 * 60 * 1000);
        assert_eq!(after(u32::MAX, 0.0), 60 * 60 * 1000);
    }

    proptest! {
        #[test]
        fn pauses_grow_whatever_the_jitter(attempts in 1u32..10, one in 0.0..1.0, two in 0.0..1.0) {
            prop_assert!(after(attempts, one) <= after(attempts + 1, two));
        }

        #[test]
        fn an_attempt_is_after_now_not_after_the_end_and_not_before_it_was_asked_for(
            first in -DAY_MS..DAY_MS,
            elapsed in -DAY_MS..4 * DAY_MS,
            attempts in 1u32..200,
            asked in proptest::option::of(0u64..200_000),
            random in 0.0..1.0,
        ) {
            let past = Past { first_attempt_at_ms: first, attempts, now_ms: first + elapsed };
            let asked = asked.map(Duration::from_secs);
            let end = first + 3 * DAY_MS;
            match next_attempt(past, RETRY_FOR, asked, random) {
                None => prop_assert!(past.now_ms >= end),
                Some(after) => {
                    let next = past.now_ms + after;
                    prop_assert!(after > 0 && next <= end);
                    let wish = milliseconds(asked.unwrap_or_default().min(RETRY_AFTER_MAX));
                    prop_assert!(next == end || next >= past.now_ms + wish);
                }
            }
        }

        #[test]
        fn no_field_and_no_clock_makes_it_panic(field in ".*", now_ms: i64, random: f64) {
            let asked = retry_after(&field, Timestamp::MIN);
            let past = Past { first_attempt_at_ms: now_ms, attempts: 0, now_ms };
            next_attempt(past, RETRY_FOR, asked, random);
        }
    }
}
