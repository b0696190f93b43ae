//! What is particular to the SQLite store: its file, its transactions, and how it fails.

mod commits;
mod crash;
mod disk;
mod failing;
mod files;
mod journal;

use std::path::PathBuf;
use std::sync::Arc;

use tempfile::TempDir;

use super::SqliteStore;
use crate::store::conformance::{Place, conformance_tests};
use crate::store::{Store, StoreUrl, open};

conformance_tests!(Directory::new());

/// A store in a directory of its own that is removed at the end.
struct Directory(TempDir);

impl Directory {
    fn new() -> Self {
        Self(tempfile::tempdir().expect("a temporary directory"))
    }

    fn file(&self) -> PathBuf {
        self.0.path().join("data").join("countersign.db")
    }

    fn sqlite(&self) -> SqliteStore {
        SqliteStore::open(&self.file()).expect("the store opens")
    }
}

impl Place for Directory {
    fn open(&self) -> Arc<dyn Store> {
        open(&StoreUrl::Sqlite(self.file())).expect("the store opens")
    }
}
