//! How many requests this process is working on, so that it can stop when there are none.
//!
//! A request counts from its first byte until its answer is written, even when its caller is long gone. This is only
//! a count: limits on concurrency are elsewhere.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// A shared count of requests in flight. Clones count together.
#[derive(Clone, Debug, Default)]
pub struct InFlight(Arc<AtomicUsize>);

impl InFlight {
    /// Counts one more until the guard is dropped.
    #[must_use = "the request counts only as long as the guard lives"]
    pub fn enter(&self) -> InFlightGuard {
        self.0.fetch_add(1, Ordering::AcqRel);
        InFlightGuard(Arc::clone(&self.0))
    }

    /// The number of requests in flight at this moment.
    pub fn count(&self) -> usize {
        self.0.load(Ordering::Acquire)
    }
}

/// One request in flight.
#[derive(Debug)]
pub struct InFlightGuard(Arc<AtomicUsize>);

impl Drop for InFlightGuard {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::AcqRel);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panicking_request_stops_counting() {
        let in_flight = InFlight::default();
        let inside = in_flight.clone();
        let panicked = crate::threads::start("request", move || {
            let _guard = inside.enter();
            panic!("expected in this test");
        })
        .expect("a thread")
        .join();
        assert!(panicked.is_err());
        assert_eq!(in_flight.count(), 0, "a leaked count would hold up every shutdown");
    }

    #[test]
    fn clones_count_together() {
        let in_flight = InFlight::default();
        let first = in_flight.enter();
        let second = in_flight.clone().enter();
        assert_eq!(in_flight.count(), 2);
        drop(first);
        drop(second);
        assert_eq!(in_flight.count(), 0);
    }
}
