//! Payment ids, for logs and the command line. Callers know a payment by its reference.

use std::fmt;
use std::str::FromStr;

use super::ulid;

/// `pay_` and 26 characters: see `ulid`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PaymentId(String);

/// Text that is not a payment id.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a payment id, expected `pay_` and 26 letters and digits")]
pub struct UnknownPaymentId(String);

const PREFIX: &str = "pay_";

impl PaymentId {
    /// A new id for a payment begun at `now_ms`; `None` when the system has no randomness to give.
    pub fn generate(now_ms: i64) -> Option<Self> {
        Some(Self(ulid::compose(PREFIX, now_ms, ulid::random()?)))
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for PaymentId {
    type Err = UnknownPaymentId;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        ulid::read(PREFIX, text)
            .map(Self)
            .ok_or_else(|| UnknownPaymentId(text.chars().take(64).collect()))
    }
}

impl fmt::Display for PaymentId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_event_s_id_is_not_a_payment_s() {
        for bad in ["", "pay_", "evt_01hv3e9k5y0000000000000000", "pay_01hv3e9k5y000000000000000u"]
        {
            assert!(bad.parse::<PaymentId>().is_err(), "`{bad}` was taken for a payment id");
        }
        let id = PaymentId::generate(1_700_000_000_000).expect("randomness");
        assert_eq!(id.to_string().to_uppercase().parse(), Ok(id));
    }
}
