//! A temporary folder for the demonstration's store, removed when it is dropped.

use std::io;
use std::path::{Path, PathBuf};

use crate::wire::RequestId;

/// A folder that only this process uses.
pub(super) struct Folder(PathBuf);

impl Folder {
    pub fn create() -> io::Result<Self> {
        let name = format!("countersign-demo-{}", RequestId::random());
        let path = std::env::temp_dir().join(name);
        std::fs::create_dir(&path)?;
        Ok(Self(path))
    }

    pub fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}
