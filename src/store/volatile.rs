//! Where tests keep stores whose survival is not what they are about.

use std::path::Path;

use tempfile::TempDir;

/// A folder in memory, where the system has a shared place for that; its `fsync` waits for no disk.
pub fn folder() -> TempDir {
    let memory = Path::new("/dev/shm");
    let made = if memory.is_dir() { tempfile::tempdir_in(memory) } else { tempfile::tempdir() };
    made.expect("a temporary directory")
}
