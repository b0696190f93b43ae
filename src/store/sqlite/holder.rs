//! Tells the payments of a living process from those a dead one left behind.
//!
//! A process that makes payments keeps a lock on a small file of its own beside the database. The kernel drops the lock
//! when the process dies, however it dies, and it works between containers too: a write-ahead log needs one kernel for
//! all processes anyway.

use std::fs::{self, File, OpenOptions};
use std::io;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use aws_lc_rs::rand;

/// This process's lock. Dropping it is what dying would be.
pub(super) struct Holder {
    name: String,
    path: PathBuf,
    /// Holds the lock.
    _file: File,
}

/// Tries until a file is ours: another process may take a new file for a left-over before it is locked.
const TRIES: usize = 10;

impl Holder {
    /// Takes a new name beside the database at `store`.
    pub(super) fn take(store: &Path) -> io::Result<Self> {
        for _ in 0..TRIES {
            let name = random_name()?;
            let path = path_of(store, &name);
            let file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&path)?;
            file.lock()?;
            let there = fs::metadata(&path).map(|there| (there.dev(), there.ino())).ok();
            let ours = file.metadata().map(|ours| (ours.dev(), ours.ino()))?;
            if there == Some(ours) {
                return Ok(Self { name, path, _file: file });
            }
        }
        Err(io::Error::other("the process's lock file is removed again and again"))
    }

    pub(super) fn name(&self) -> &str {
        &self.name
    }
}

impl Drop for Holder {
    fn drop(&mut self) {
        // Left behind, it is removed by whoever looks next.
        let _ = fs::remove_file(&self.path);
    }
}

/// Whether the process of that name lives. What cannot be found out counts as living: its hold runs out by itself.
pub(super) fn lives(store: &Path, name: &str) -> bool {
    match File::open(path_of(store, name)) {
        Ok(file) => !matches!(file.try_lock(), Ok(())),
        Err(error) => error.kind() != io::ErrorKind::NotFound,
    }
}

/// Removes the files of dead processes.
pub(super) fn remove_dead(store: &Path) {
    let Some((folder, prefix)) = store.parent().zip(file_prefix(store)) else { return };
    let folder = if folder.as_os_str().is_empty() { Path::new(".") } else { folder };
    let Ok(entries) = fs::read_dir(folder) else { return };
    for entry in entries.flatten() {
        let is_one = entry.file_name().to_str().is_some_and(|name| name.starts_with(&prefix));
        let dead =
            is_one && File::open(entry.path()).is_ok_and(|file| matches!(file.try_lock(), Ok(())));
        if dead {
            let _ = fs::remove_file(entry.path());
        }
    }
}

fn path_of(store: &Path, name: &str) -> PathBuf {
    let file = file_prefix(store).unwrap_or_default() + name;
    store.with_file_name(file)
}

fn file_prefix(store: &Path) -> Option<String> {
    Some(format!("{}-holder-", store.file_name()?.to_string_lossy()))
}

fn random_name() -> io::Result<String> {
    let mut bytes = [0u8; 8];
    rand::fill(&mut bytes).map_err(|_| io::Error::other("the system has no randomness to give"))?;
    Ok(format!("{:016x}", u64::from_ne_bytes(bytes)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_holder_that_is_gone_is_known_to_be_dead() {
        let place = tempfile::tempdir().expect("a temporary directory");
        let store = place.path().join("countersign.db");
        let holder = Holder::take(&store).expect("taken");
        let name = holder.name().to_owned();
        assert!(lives(&store, &name), "it holds its lock");
        remove_dead(&store);
        assert!(lives(&store, &name), "a living one's file is left alone");
        drop(holder);
        assert!(!lives(&store, &name), "its file is gone");
    }

    #[test]
    fn a_file_without_a_lock_is_a_left_over_and_is_removed() {
        let place = tempfile::tempdir().expect("a temporary directory");
        let store = place.path().join("countersign.db");
        fs::write(path_of(&store, "left"), "").expect("written");
        fs::write(place.path().join("other"), "").expect("written");
        assert!(!lives(&store, "left"), "nobody holds a lock on it");
        remove_dead(&store);
        assert!(!path_of(&store, "left").exists());
        assert!(place.path().join("other").exists(), "a stranger's file is left alone");
    }
}
