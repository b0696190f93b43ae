//! Time as an argument: the pure middle asks a [`Clock`], so tests decide what time it is.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{Duration, Instant};

use jiff::Timestamp;

/// A century: as good as for ever, and a clock can count to it.
const FAR: Duration = Duration::from_secs(100 * 366 * 24 * 3600);

/// The moment `length` after `from`. Lengths are foreign numbers, and `+` panics on those that the clock cannot count to;
/// this one stops after a century.
pub fn later<M: Moment>(from: M, length: Duration) -> M {
    from.checked_later(length.min(FAR)).unwrap_or(from)
}

/// A moment of a clock that only goes forward.
pub trait Moment: Copy {
    /// `None` where the clock cannot count to it.
    fn checked_later(self, length: Duration) -> Option<Self>;
}

impl Moment for Instant {
    fn checked_later(self, length: Duration) -> Option<Self> {
        self.checked_add(length)
    }
}

impl Moment for tokio::time::Instant {
    fn checked_later(self, length: Duration) -> Option<Self> {
        self.checked_add(length)
    }
}

/// Where "now" comes from.
#[derive(Clone, Debug, Default)]
pub enum Clock {
    /// The machine's wall clock.
    #[default]
    System,
    /// A clock that stands still until a test moves it; milliseconds since the Unix epoch.
    Fixed(Arc<AtomicI64>),
}

impl Clock {
    /// A clock that stands at `unix_ms` milliseconds since the Unix epoch.
    pub fn fixed(unix_ms: i64) -> Self {
        Self::Fixed(Arc::new(AtomicI64::new(unix_ms)))
    }

    /// Milliseconds since the Unix epoch.
    pub fn unix_ms(&self) -> i64 {
        match self {
            Self::System => Timestamp::now().as_millisecond(),
            Self::Fixed(at) => at.load(Ordering::Relaxed),
        }
    }

    /// The same instant as a timestamp.
    pub fn now(&self) -> Timestamp {
        Timestamp::from_millisecond(self.unix_ms()).unwrap_or(Timestamp::MAX)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_length_is_too_long_to_be_waited_for() {
        let now = Instant::now();
        assert_eq!(later(now, Duration::from_secs(5)), now + Duration::from_secs(5));
        for length in [Duration::MAX, Duration::from_secs(u64::MAX), FAR + Duration::from_nanos(1)]
        {
            assert_eq!(later(now, length), now + FAR);
        }
        let far = later(tokio::time::Instant::now(), Duration::MAX);
        assert!(far > tokio::time::Instant::now() + FAR / 2);
    }
}
