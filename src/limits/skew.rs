//! How far the provider's clock is from ours, measured by the `Date` of its answers.
//!
//! A `Date` counts whole seconds and was written at some moment between sending and receiving, so one answer is
//! accurate to about a second; the median of the last answers smooths that and ignores a wrong one. Correcting
//! timestamps by it is for machines whose clock cannot be set, and is bounded.

use std::collections::VecDeque;
use std::sync::Arc;

use jiff::fmt::rfc2822::DateTimeParser;
use jiff::{SignedDuration, Timestamp};
use parking_lot::Mutex;

use crate::metrics::Metrics;

/// Answers that are remembered. Odd, so that there is one in the middle; after half of them a corrected clock is
/// believed.
const SAMPLES: usize = 9;
/// The longest round trip that counts, in milliseconds: a longer one says too little about when its `Date` was
/// written.
const ROUND_TRIP_MS_MAX: i64 = 10_000;
/// A `Date` further away than this is a mistake, not a clock, in milliseconds: a day.
const SKEW_MS_MAX: i64 = 24 * 3_600_000;
/// Timestamps are moved by no more than this, in milliseconds: an hour. A clock further off must be set.
const CORRECTION_MS_MAX: i64 = 3_600_000;
/// The longest text that is parsed as a date, in bytes.
const DATE_BYTES_MAX: usize = 64;
/// A skew below the resolution of `Date` is noise, in milliseconds.
const RESOLUTION_MS: i64 = 1000;

/// What is known about the provider's clock.
pub struct ClockSkew {
    metrics: Arc<Metrics>,
    account: String,
    /// How many milliseconds the provider is ahead, the newest last.
    samples: Mutex<VecDeque<i64>>,
}

impl ClockSkew {
    /// Without measurements.
    pub fn unmeasured(account: &str, metrics: Arc<Metrics>) -> Self {
        Self { metrics, account: account.to_owned(), samples: Mutex::default() }
    }

    /// Learns from the `Date` of an answer to a call that was begun at `sent` and whose answer arrived at `received`,
    /// both by our clock. A text that is not a date, or an absurd date, changes nothing.
    pub fn observe(&self, date: &str, sent: Timestamp, received: Timestamp) {
        let Some(sample) = sample(date, sent, received) else { return };
        let mut samples = self.samples.lock();
        if samples.len() == SAMPLES {
            samples.pop_front();
        }
        samples.push_back(sample);
        if let Some(skew) = median(&samples) {
            self.metrics.clock_skew(&self.account).set(skew as f64 / 1000.0);
        }
    }

    /// The provider refused a timestamp: only the newest answer counts from now on.
    pub fn believe_newest(&self) {
        let mut samples = self.samples.lock();
        let older = samples.len().saturating_sub(1);
        samples.drain(..older);
    }

    /// How many milliseconds the provider's clock is ahead of ours, if it was measured.
    pub fn ahead_ms(&self) -> Option<i64> {
        median(&self.samples.lock())
    }

    /// The time to state in a call: `now` by the provider's clock. It is `now` itself without measurements or when
    /// the difference is within the noise, and never moved by more than an hour.
    pub fn corrected(&self, now: Timestamp) -> Timestamp {
        let ahead = self.ahead_ms().filter(|skew| skew.abs() > RESOLUTION_MS).unwrap_or_default();
        let bounded = ahead.clamp(-CORRECTION_MS_MAX, CORRECTION_MS_MAX);
        now.checked_add(SignedDuration::from_millis(bounded)).unwrap_or(now)
    }
}

/// How many milliseconds the clock behind `date` is ahead.
fn sample(date: &str, sent: Timestamp, received: Timestamp) -> Option<i64> {
    if date.len() > DATE_BYTES_MAX {
        return None;
    }
    let date = DateTimeParser::new().parse_timestamp(date).ok()?.as_millisecond();
    let (sent, received) = (sent.as_millisecond(), received.as_millisecond());
    let round_trip = received.checked_sub(sent)?;
    if !(0..=ROUND_TRIP_MS_MAX).contains(&round_trip) {
        return None;
    }
    // The fraction was cut off: on average half a second.
    let ahead = (date + RESOLUTION_MS / 2).checked_sub(sent + round_trip / 2)?;
    (ahead.abs() <= SKEW_MS_MAX).then_some(ahead)
}

fn median(samples: &VecDeque<i64>) -> Option<i64> {
    let mut sorted: Vec<i64> = samples.iter().copied().collect();
    sorted.sort_unstable();
    sorted.get(sorted.len() / 2).copied()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// 1994-11-06T08:49:37Z, in milliseconds.
    const DATE_MS: i64 = 784_111_777_000;
    const DATE: &str = "Sun, 06 Nov 1994 08:49:37 GMT";

    fn at(unix_ms: i64) -> Timestamp {
        Timestamp::from_millisecond(unix_ms).expect("a time")
    }

    fn unmeasured() -> ClockSkew {
        ClockSkew::unmeasured("shop", Metrics::new("0", "0"))
    }

    #[test]
    fn an_invalid_or_absurd_date_changes_nothing() {
        let skew = unmeasured();
        let day_and_more = DATE_MS + SKEW_MS_MAX + 2000;
        let (now, slow) = (at(DATE_MS), at(DATE_MS + ROUND_TRIP_MS_MAX + 1));
        for date in ["", "soon", "784111777", "Sun, 06 Nov 1994", &"9".repeat(100_000)] {
            skew.observe(date, now, now);
        }
        skew.observe(DATE, now, slow);
        skew.observe(DATE, slow, now);
        skew.observe(DATE, at(day_and_more), at(day_and_more));
        skew.observe(DATE, Timestamp::MIN, Timestamp::MAX);
        assert_eq!(skew.ahead_ms(), None);
        assert_eq!(skew.corrected(now), now, "without measurements nothing is corrected");
    }

    #[test]
    fn a_provider_that_is_ahead_moves_our_timestamps_forward_and_is_shown() {
        let metrics = Metrics::new("0", "0");
        let skew = ClockSkew::unmeasured("shop", metrics.clone());
        let shown = |metrics: &Metrics| String::from_utf8(metrics.render()).expect("text");
        assert!(!shown(&metrics).contains("clock_skew"), "there is nothing to show yet");
        let ours = DATE_MS + 500 - 300_000;
        skew.observe(DATE, at(ours - 100), at(ours + 100));
        assert_eq!(skew.ahead_ms(), Some(300_000), "one answer should be enough to re-sign");
        assert_eq!(skew.corrected(at(ours)), at(ours + 300_000));
        assert!(shown(&metrics).contains("countersign_clock_skew_seconds{account=\"shop\"} 300"));
    }

    #[test]
    fn one_wrong_clock_behind_a_balancer_does_not_move_the_others() {
        let skew = unmeasured();
        for wrong in [0, 0, 0, 3_000_000, 0, 0] {
            let ours = at(DATE_MS + 500 - wrong);
            skew.observe(DATE, ours, ours);
        }
        assert_eq!(skew.ahead_ms(), Some(0));
    }

    #[test]
    fn after_a_refused_timestamp_the_newest_answer_counts_alone() {
        let skew = unmeasured();
        skew.believe_newest();
        for wrong in [0, 0, 0, 0, 300_000] {
            let ours = at(DATE_MS + 500 - wrong);
            skew.observe(DATE, ours, ours);
        }
        assert_eq!(skew.ahead_ms(), Some(0), "the median has not changed");
        skew.believe_newest();
        assert_eq!(skew.ahead_ms(), Some(300_000), "otherwise the repeated call is refused again");
    }

    #[test]
    fn no_timestamp_is_moved_by_more_than_an_hour() {
        let skew = unmeasured();
        let ours = DATE_MS + 5 * CORRECTION_MS_MAX;
        skew.observe(DATE, at(ours), at(ours));
        assert_eq!(skew.corrected(at(ours)), at(ours - CORRECTION_MS_MAX));
    }

    proptest! {
        #[test]
        fn the_true_skew_is_found_to_about_a_second(
            ahead in -3_000_000i64..3_000_000,
            calls in prop::collection::vec((0i64..100_000, 0i64..400, 0i64..400), 1..30),
        ) {
            let skew = unmeasured();
            let mut ours = DATE_MS;
            for (pause, there, back) in calls {
                ours += pause;
                let theirs = at(ours + there + ahead);
                let date = jiff::fmt::rfc2822::DateTimePrinter::new()
                    .timestamp_to_rfc9110_string(&theirs)
                    .expect("a date");
                skew.observe(&date, at(ours), at(ours + there + back));
                ours += there + back;
            }
            let found = skew.ahead_ms().expect("measured");
            prop_assert!((found - ahead).abs() <= 500 + 200, "found {found}, true is {ahead}");
        }
    }
}
