//! The store in memory does what every store must do.

use std::sync::Arc;

use super::MemoryStore;
use crate::clock::Clock;
use crate::store::conformance::{Place, T0, Timed, conformance_tests};

conformance_tests!(Memory::new());

/// A store on a machine whose time is `T0`.
struct Memory {
    store: MemoryStore,
    clock: Clock,
}

impl Memory {
    fn new() -> Self {
        let clock = Clock::fixed(T0);
        Self { store: MemoryStore::new(clock.clone()), clock }
    }
}

impl Place for Memory {
    fn open(&self) -> Timed {
        Timed { store: Arc::new(self.store.beside()), clock: self.clock.clone() }
    }
}
