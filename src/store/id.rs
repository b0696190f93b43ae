//! Ids that are unique and sort by the time they were made, so that a list of ids reads like a log: a prefix and 26
//! characters of Crockford base 32, which are 48 bits of milliseconds and then 80 random bits (a ULID).

use std::fmt;
use std::str::FromStr;

use crate::random;

const DIGITS: &[u8; 32] = b"0123456789abcdefghjkmnpqrstvwxyz";
const LENGTH: usize = 26;

/// Text that is not an id of the kind that was expected.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` is not {kind} id, expected `{prefix}` and 26 letters and digits")]
pub struct UnknownId {
    text: String,
    kind: &'static str,
    prefix: &'static str,
}

macro_rules! id {
    ($(#[$docs:meta])* $name:ident, $kind:literal, $prefix:literal) => {
        $(#[$docs])*
        #[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(String);

        impl $name {
            /// A new id for something that happened at `now_ms`; `None` when the system's random source fails.
            pub fn generate(now_ms: i64) -> Option<Self> {
                Some(Self::from_parts(now_ms, random::bytes()?))
            }

            /// The id made of `now_ms` and `random`; the same parts make the same id.
            pub fn from_parts(now_ms: i64, random: [u8; 10]) -> Self {
                Self(compose($prefix, now_ms, random))
            }

            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl FromStr for $name {
            type Err = UnknownId;

            fn from_str(text: &str) -> Result<Self, Self::Err> {
                read($prefix, text).map(Self).ok_or_else(|| UnknownId {
                    text: text.chars().take(64).collect(),
                    kind: $kind,
                    prefix: $prefix,
                })
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str(&self.0)
            }
        }
    };
}

id! {
    /// The id of an event, the same on every delivery.
    EventId, "an event", "evt_"
}

id! {
    /// The id of a payment, for logs and the command line. Callers know a payment by its reference.
    PaymentId, "a payment", "pay_"
}

fn compose(prefix: &str, now_ms: i64, random: [u8; 10]) -> String {
    let time = u128::from(now_ms.max(0).unsigned_abs() & 0xffff_ffff_ffff);
    let bits = random.iter().fold(time, |bits, byte| (bits << 8) | u128::from(*byte));
    let mut text = prefix.to_owned();
    for place in (0..LENGTH).rev() {
        let digit = (bits >> (place * 5)) & 31;
        // `digit` is below 32 by the mask.
        text.push(char::from(DIGITS[usize::try_from(digit).unwrap_or(0)]));
    }
    text
}

/// An id copied by hand: case and white space around it do not matter.
fn read(prefix: &str, text: &str) -> Option<String> {
    let lower = text.trim().to_ascii_lowercase();
    let digits = lower.strip_prefix(prefix).unwrap_or_default().as_bytes();
    let is_one = digits.len() == LENGTH && digits.iter().all(|digit| DIGITS.contains(digit));
    is_one.then_some(lower)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_that_is_no_event_id_is_refused() {
        for bad in
            ["", "evt_", "evt_0123", "01hv3e9k5y0000000000000000", "evt_01hv3e9k5y000000000000000u"]
        {
            assert!(bad.parse::<EventId>().is_err(), "`{bad}` was taken for an event id");
        }
    }

    #[test]
    fn an_id_survives_being_copied_by_hand() {
        let id = EventId::generate(1_700_000_000_000).expect("randomness");
        assert_eq!(id.to_string().to_uppercase().parse(), Ok(id.clone()));
        assert_eq!(format!(" {id}\n").parse(), Ok(id));
    }

    #[test]
    fn ids_sort_by_the_time_they_were_made() {
        let early = EventId::from_parts(1_700_000_000_000, [0xff; 10]);
        let late = EventId::from_parts(1_700_000_000_001, [0; 10]);
        assert!(early < late, "{early} does not sort before {late}");
        assert_eq!(early.as_str().len(), 30);
    }

    #[test]
    fn an_absurd_clock_does_not_panic() {
        for now_ms in [i64::MIN, -1, 0, i64::MAX] {
            assert_eq!(EventId::from_parts(now_ms, [7; 10]).as_str().len(), 30);
        }
    }

    #[test]
    fn an_event_s_id_is_not_a_payment_s() {
        for bad in ["", "pay_", "evt_01hv3e9k5y0000000000000000", "pay_01hv3e9k5y000000000000000u"]
        {
            assert!(bad.parse::<PaymentId>().is_err(), "`{bad}` was taken for a payment id");
        }
        let id = PaymentId::generate(1_700_000_000_000).expect("randomness");
        assert_eq!(id.to_string().to_uppercase().parse(), Ok(id));
        let error = "evt_1".parse::<PaymentId>().expect_err("no payment id");
        let expected = "`evt_1` is not a payment id, expected `pay_` and 26 letters and digits";
        assert_eq!(error.to_string(), expected);
    }
}
