//! Values with a unit: durations (`2s`) and rates (`50/s`).

use std::time::Duration;

use serde_json::{Value, json};

use crate::config::read::kind::{Setting, Wrong};
use crate::config::snapshot::Rate;

/// Units of time with their length in milliseconds.
const UNITS: [(&str, u64); 5] =
    [("ms", 1), ("s", 1000), ("m", 60_000), ("h", 3_600_000), ("d", 86_400_000)];

/// A duration between `MIN_MS` and `MAX_MS` milliseconds, both included.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Span<const MIN_MS: u64, const MAX_MS: u64>(pub Duration);

impl<const MIN_MS: u64, const MAX_MS: u64> Setting for Span<MIN_MS, MAX_MS> {
    const SECRET: bool = false;

    fn expected() -> String {
        format!(
            "a duration from `{}` to `{}`: a whole number and a unit (`ms`, `s`, `m`, `h` or `d`)",
            readable(MIN_MS),
            readable(MAX_MS)
        )
    }

    fn from_text(text: &str) -> Result<Self, Wrong> {
        match milliseconds(text) {
            Some(length) if (MIN_MS..=MAX_MS).contains(&length) => {
                Ok(Self(Duration::from_millis(length)))
            }
            _ => Err(Self::wrong()),
        }
    }

    fn schema() -> Value {
        json!({ "type": "string", "pattern": "^[0-9]+(ms|s|m|h|d)$" })
    }
}

fn milliseconds(text: &str) -> Option<u64> {
    let (count, unit) = text.split_at(text.find(|found: char| !found.is_ascii_digit())?);
    let (_, length) = UNITS.iter().find(|(name, _)| *name == unit)?;
    count.parse::<u64>().ok()?.checked_mul(*length)
}

/// The length in the largest unit that needs no fraction.
fn readable(length: u64) -> String {
    if length == 0 {
        return "0s".into();
    }
    let fits = |unit: &&(&str, u64)| length >= unit.1 && length.is_multiple_of(unit.1);
    let (name, unit) = UNITS.iter().rev().find(fits).unwrap_or(&UNITS[0]);
    format!("{}{name}", length / unit)
}

impl Setting for Rate {
    const SECRET: bool = false;

    fn expected() -> String {
        "a rate: a whole number above 0 per `s`, `m` or `h`, such as `50/s`".into()
    }

    fn from_text(text: &str) -> Result<Self, Wrong> {
        let (count, per) = text.split_once('/').ok_or_else(Self::wrong)?;
        let seconds = match per {
            "s" => 1,
            "m" => 60,
            "h" => 3600,
            _ => return Err(Self::wrong()),
        };
        let digits_only = count.bytes().all(|byte| byte.is_ascii_digit());
        match count.parse() {
            Ok(count) if count > 0 && digits_only => {
                Ok(Self { count, per: Duration::from_secs(seconds) })
            }
            _ => Err(Self::wrong()),
        }
    }

    fn schema() -> Value {
        json!({ "type": "string", "pattern": "^[0-9]+/(s|m|h)$" })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    type Any = Span<0, { 30 * 86_400_000 }>;

    #[test]
    fn durations_without_a_known_unit_are_refused() {
        for text in ["", "5", "s", "5 s", "1.5s", "-1s", "+1s", "5sec", "5S", "5s ", "١s"] {
            assert!(Any::from_text(text).is_err(), "`{text}` should not be a duration");
        }
        assert!(Any::from_text("99999999999999999d").is_err(), "an overflow should be refused");
        assert!(Span::<1, 1000>::from_text("0s").is_err(), "below the minimum");
        assert!(Span::<1, 1000>::from_text("2s").is_err(), "above the maximum");
    }

    #[test]
    fn durations_are_read_in_every_unit() {
        for (text, milliseconds) in
            [("0s", 0), ("500ms", 500), ("2s", 2000), ("2m", 120_000), ("7d", 604_800_000)]
        {
            let span = Any::from_text(text).expect("a duration");
            assert_eq!(span.0.as_millis(), milliseconds, "`{text}`");
        }
    }

    #[test]
    fn the_allowed_range_is_told_in_readable_units() {
        let expected = Span::<1, { 72 * 3_600_000 }>::expected();
        assert!(expected.starts_with("a duration from `1ms` to `3d`"), "{expected}");
    }

    #[test]
    fn only_positive_whole_rates_are_read() {
        for text in ["", "50", "50/", "/s", "0/s", "-1/s", "+1/s", "1.5/s", "50/d", "50 /s"] {
            assert!(Rate::from_text(text).is_err(), "`{text}` should not be a rate");
        }
        let rate = Rate::from_text("3000/m").expect("a rate");
        assert_eq!((rate.count, rate.per), (3000, Duration::from_secs(60)));
    }
}
