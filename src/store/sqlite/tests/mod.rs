//! What is particular to the SQLite store: its file, its transactions, and how it fails.

mod commits;
mod crash;
mod disk;
mod failing;
mod files;
mod journal;
mod time;

use std::path::PathBuf;
use std::sync::Arc;

use tempfile::TempDir;

use super::SqliteStore;
use crate::clock::Clock;
use crate::store::conformance::{Place, T0, Timed, conformance_tests};
use crate::store::{Store, StoreUrl, open, open_by, volatile};

conformance_tests!(Directory::new());

/// A store in a directory of its own that is removed at the end, on a machine whose time is `T0`.
struct Directory {
    folder: TempDir,
    clock: Clock,
}

impl Directory {
    fn new() -> Self {
        Self { folder: volatile::folder(), clock: Clock::fixed(T0) }
    }

    /// For what a disk does.
    fn on_disk() -> Self {
        let folder = tempfile::tempdir().expect("a temporary directory");
        Self { folder, clock: Clock::fixed(T0) }
    }

    fn file(&self) -> PathBuf {
        self.folder.path().join("data").join("countersign.db")
    }

    fn sqlite(&self) -> SqliteStore {
        SqliteStore::open(&self.file(), self.clock.clone()).expect("the store opens")
    }
}

impl Place for Directory {
    fn open(&self) -> Timed {
        let clock = self.clock.clone();
        let store = open_by(&StoreUrl::Sqlite(self.file()), clock.clone());
        Timed { store: store.expect("the store opens"), clock }
    }
}
