//! The one place where the current snapshot lives. A request loads it once and keeps it to its end.

use std::sync::Arc;

use arc_swap::ArcSwap;

use super::snapshot::Snapshot;

/// The current configuration, swapped as a whole.
#[derive(Clone)]
pub struct Live(Arc<ArcSwap<Snapshot>>);

impl Live {
    /// Starts with `snapshot`.
    pub fn new(snapshot: Snapshot) -> Self {
        Self(Arc::new(ArcSwap::from_pointee(snapshot)))
    }

    /// The snapshot of this moment. Load once per request and pass it down.
    pub fn load(&self) -> Arc<Snapshot> {
        self.0.load_full()
    }

    /// Puts `snapshot` in place for every request that starts from now on.
    pub fn swap(&self, snapshot: Snapshot) {
        self.0.store(Arc::new(snapshot));
    }
}
