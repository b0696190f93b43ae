//! Time as an argument: the pure middle asks a [`Clock`], so tests decide what time it is.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use jiff::Timestamp;

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
