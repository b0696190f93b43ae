//! Event ids: stable, unique, and in order of the time they were made, so that a list of ids reads like a log.

use std::fmt;
use std::str::FromStr;

use super::ulid;

/// `evt_` and 26 characters: see `ulid`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct EventId(String);

/// Text that is not an event id.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not an event id, expected `evt_` and 26 letters and digits")]
pub struct UnknownEventId(String);

const PREFIX: &str = "evt_";

impl EventId {
    /// A new id for an event received at `now_ms`; `None` when the system has no randomness to give.
    pub fn generate(now_ms: i64) -> Option<Self> {
        Some(Self::from_parts(now_ms, ulid::random()?))
    }

    /// The id made of `now_ms` and `random`; the same parts make the same id.
    pub fn from_parts(now_ms: i64, random: [u8; 10]) -> Self {
        Self(ulid::compose(PREFIX, now_ms, random))
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for EventId {
    type Err = UnknownEventId;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        ulid::read(PREFIX, text)
            .map(Self)
            .ok_or_else(|| UnknownEventId(text.chars().take(64).collect()))
    }
}

impl fmt::Display for EventId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
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
}
