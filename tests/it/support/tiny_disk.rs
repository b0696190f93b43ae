//! A small disk that can be filled up: a separate tmpfs.

use std::fs::{self, File};
use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};

/// Unmounted when dropped.
pub struct TinyDisk {
    folder: tempfile::TempDir,
}

/// Room for the database and a full log.
const SIZE: &str = "size=64m,mode=0700";
const BALLAST: &str = "ballast";

impl TinyDisk {
    /// `None` if this user may not mount anything.
    pub fn mount() -> Option<Self> {
        let folder = tempfile::tempdir().expect("a folder");
        let done = Command::new("mount")
            .args(["-t", "tmpfs", "-o", SIZE, "tmpfs"])
            .arg(folder.path())
            .stderr(Stdio::null())
            .status();
        done.is_ok_and(|status| status.success()).then_some(Self { folder })
    }

    pub fn path(&self) -> &Path {
        self.folder.path()
    }

    /// Leaves no room for a single byte.
    pub fn fill(&self) {
        let mut ballast = File::create(self.path().join(BALLAST)).expect("a file");
        while ballast.write_all(&[0; 4096]).is_ok() {}
    }

    pub fn free(&self) {
        fs::remove_file(self.path().join(BALLAST)).expect("the ballast is there");
    }
}

impl Drop for TinyDisk {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("--lazy").arg(self.path()).status();
    }
}
