//! Checks a parsed configuration and builds the snapshot, collecting every mistake.

use std::path::Path;

use super::snapshot::{Boot, Snapshot};
use crate::mistake::Mistake;

/// A configuration that passed every check.
pub struct Loaded {
    pub boot: Boot,
    pub snapshot: Snapshot,
    /// Worth a look, not a reason to refuse: loose file permissions, unconfirmed operations, keys that end soon.
    pub warnings: Vec<String>,
}

/// Reads and compiles the file at `path`; relative paths in it are resolved from the working directory.
pub fn load(_path: &Path) -> Result<Loaded, Vec<Mistake>> {
    todo!()
}

/// Compiles configuration text.
pub fn load_text(_text: &str) -> Result<Loaded, Vec<Mistake>> {
    todo!()
}
