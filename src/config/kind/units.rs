//! Values with a unit: durations (`2s`), numbers and rates (`50/s`).

use std::time::Duration;

use serde_json::{Value as Json, json};

use crate::config::read::{Kind, Wrong};
use crate::config::snapshot::Rate;

pub(crate) const MINUTE_MS: u64 = 60_000;
pub(crate) const HOUR_MS: u64 = 60 * MINUTE_MS;
pub(crate) const DAY_MS: u64 = 24 * HOUR_MS;

/// Units of time with their length in milliseconds.
const UNITS: [(&str, u64); 5] =
    [("ms", 1), ("s", 1000), ("m", MINUTE_MS), ("h", HOUR_MS), ("d", DAY_MS)];

/// Time for one phase of a call or a delivery: neither impossibly short nor longer than a caller waits.
pub(crate) type Timeout = Span<1, { 10 * MINUTE_MS }>;

/// A duration between `MIN_MS` and `MAX_MS` milliseconds, both included.
pub(crate) struct Span<const MIN_MS: u64, const MAX_MS: u64>;

impl<const MIN_MS: u64, const MAX_MS: u64> Kind for Span<MIN_MS, MAX_MS> {
    type Parsed = Duration;

    const SECRET: bool = false;

    fn expected() -> String {
        format!(
            "a duration from `{}` to `{}`: a whole number and a unit (`ms`, `s`, `m`, `h` or `d`)",
            readable(MIN_MS),
            readable(MAX_MS)
        )
    }

    fn parse(text: &str) -> Result<Duration, Wrong> {
        let length = milliseconds(text).filter(|length| (MIN_MS..=MAX_MS).contains(length));
        length.map(Duration::from_millis).ok_or_else(Self::wrong)
    }

    fn schema() -> Json {
        json!({ "type": "string", "pattern": "^[0-9]+(ms|s|m|h|d)$" })
    }
}

fn milliseconds(text: &str) -> Option<u64> {
    let (count, unit) = text.split_at(text.find(|found: char| !found.is_ascii_digit())?);
    let (_, length) = UNITS.iter().find(|(name, _)| *name == unit)?;
    count.parse::<u64>().ok()?.checked_mul(*length)
}

/// The duration in the largest unit that needs no fraction.
fn readable(length: u64) -> String {
    if length == 0 {
        return "0s".into();
    }
    let fits = |unit: &&(&str, u64)| length >= unit.1 && length.is_multiple_of(unit.1);
    let (name, unit) = UNITS.iter().rev().find(fits).unwrap_or(&UNITS[0]);
    format!("{}{name}", length / unit)
}

/// The word for never.
const OFF: &str = "off";

/// A duration like `Span`, or `off`.
pub(crate) struct SpanOrOff<const MIN_MS: u64, const MAX_MS: u64>;

impl<const MIN_MS: u64, const MAX_MS: u64> Kind for SpanOrOff<MIN_MS, MAX_MS> {
    type Parsed = Option<Duration>;

    const SECRET: bool = false;

    fn expected() -> String {
        format!("`{OFF}` or {}", Span::<MIN_MS, MAX_MS>::expected())
    }

    fn parse(text: &str) -> Result<Option<Duration>, Wrong> {
        match text {
            OFF => Ok(None),
            text => Span::<MIN_MS, MAX_MS>::parse(text).map(Some).map_err(|_| Self::wrong()),
        }
    }

    fn schema() -> Json {
        json!({ "anyOf": [{ "const": OFF }, Span::<MIN_MS, MAX_MS>::schema()] })
    }
}

/// A whole number between `MIN` and `MAX`, both included.
pub(crate) struct Whole<const MIN: u32, const MAX: u32>;

impl<const MIN: u32, const MAX: u32> Kind for Whole<MIN, MAX> {
    type Parsed = u32;

    const SECRET: bool = false;

    fn expected() -> String {
        format!("a whole number from {MIN} to {MAX}")
    }

    fn parse(text: &str) -> Result<u32, Wrong> {
        let number = text.parse().ok().filter(|number| (MIN..=MAX).contains(number));
        number.ok_or_else(Self::wrong)
    }

    fn parse_literal(literal: &Json) -> Result<u32, Wrong> {
        match literal {
            Json::Number(number) => Self::parse(&number.to_string()),
            _ => Err(Self::wrong()),
        }
    }

    fn schema() -> Json {
        json!({ "type": "integer", "minimum": MIN, "maximum": MAX })
    }
}

/// A part of a whole, from 0 to 1.
pub(crate) struct Share;

impl Kind for Share {
    type Parsed = f64;

    const SECRET: bool = false;

    fn expected() -> String {
        "a number from 0.0 to 1.0".into()
    }

    fn parse(text: &str) -> Result<f64, Wrong> {
        let number = text.parse().ok().filter(|number| (0.0..=1.0).contains(number));
        number.ok_or_else(Self::wrong)
    }

    fn parse_literal(literal: &Json) -> Result<f64, Wrong> {
        match literal {
            Json::Number(number) => Self::parse(&number.to_string()),
            Json::String(text) => Self::parse(text),
            _ => Err(Self::wrong()),
        }
    }

    fn schema() -> Json {
        json!({ "type": "number", "minimum": 0, "maximum": 1 })
    }
}

kind!(Rate -> Rate: rate,
    secret: false,
    expected: "a rate: a whole number above 0 per `s`, `m` or `h`, such as `50/s`",
    schema: { "type": "string", "pattern": "^[0-9]+/(s|m|h)$" });

fn rate(text: &str) -> Option<Rate> {
    let (count, per) = text.split_once('/')?;
    let seconds = match per {
        "s" => 1,
        "m" => 60,
        "h" => 3600,
        _ => return None,
    };
    let is_plain = count.bytes().all(|byte| byte.is_ascii_digit());
    let count = count.parse().ok().filter(|count| *count > 0 && is_plain)?;
    Some(Rate { count, per: Duration::from_secs(seconds) })
}

#[cfg(test)]
mod tests {
    use super::*;

    type Any = Span<0, { 30 * 86_400_000 }>;

    #[test]
    fn durations_without_a_known_unit_are_refused() {
        for text in ["", "5", "s", "5 s", "1.5s", "-1s", "+1s", "5sec", "5S", "5s ", "١s"] {
            assert!(Any::parse(text).is_err(), "`{text}` should not be a duration");
        }
        assert!(Any::parse("99999999999999999d").is_err(), "an overflow should be refused");
        assert!(Span::<1, 1000>::parse("0s").is_err(), "below the minimum");
        assert!(Span::<1, 1000>::parse("2s").is_err(), "above the maximum");
    }

    #[test]
    fn durations_are_read_in_every_unit() {
        for (text, milliseconds) in
            [("0s", 0), ("500ms", 500), ("2s", 2000), ("2m", 120_000), ("7d", 604_800_000)]
        {
            let span = Any::parse(text).expect("a duration");
            assert_eq!(span.as_millis(), milliseconds, "`{text}`");
        }
    }

    #[test]
    fn the_allowed_range_is_shown_in_readable_units() {
        let expected = Span::<1, { 72 * 3_600_000 }>::expected();
        assert!(expected.starts_with("a duration from `1ms` to `3d`"), "{expected}");
    }

    #[test]
    fn only_positive_whole_rates_are_read() {
        for text in ["", "50", "50/", "/s", "0/s", "-1/s", "+1/s", "1.5/s", "50/d", "50 /s"] {
            assert!(Rate::parse(text).is_err(), "`{text}` should not be a rate");
        }
        let rate = Rate::parse("3000/m").expect("a rate");
        assert_eq!((rate.count, rate.per), (3000, Duration::from_secs(60)));
    }

    #[test]
    fn a_time_that_may_be_off_is_that_word_or_has_a_unit() {
        type Every = SpanOrOff<100, 3_600_000>;
        for text in ["", "0", "10", "Off", "never", "1ms", "2h", "0s"] {
            assert!(Every::parse(text).is_err(), "`{text}` should be refused");
        }
        assert_eq!(Every::parse("off").expect("a word"), None);
        assert_eq!(Every::parse("10s").expect("a time"), Some(Duration::from_secs(10)));
    }
}
