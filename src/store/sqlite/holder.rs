//! Tells the payments of a living process from those a dead one left behind.
//!
//! A process that makes payments keeps a lock on a small file of its own beside the database, from when it opens the store. The kernel drops the lock
//! when the process dies, however it dies, and it works between containers too: a write-ahead log needs one kernel for
//! all processes anyway.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::{FileExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use crate::random;
use crate::store::{AccountNames, RunningSidecar};

/// What a process does with the store.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Role {
    /// Makes payments.
    Sidecar,
    /// Does one thing for an operator.
    Command,
}

/// This process's lock. Dropping it is what dying would be.
pub(super) struct Holder {
    name: String,
    path: PathBuf,
    /// Holds the lock.
    file: File,
    /// Bytes of the file that are whole lines.
    written: u64,
}

/// Tries until a file is ours: another process may take a new file for a left-over before it is locked.
const TRIES: usize = 10;

/// What the file of a command contains.
const COMMAND: &str = "command\n";

/// How the lines with the names of a sidecar's accounts begin; the last whole one counts.
const ACCOUNTS: &str = "accounts";

impl Holder {
    /// Takes a new name beside the database at `store`.
    pub(super) fn take(store: &Path, role: Role) -> io::Result<Self> {
        let text = match role {
            Role::Sidecar => identity(store)?,
            Role::Command => COMMAND.to_owned(),
        };
        for _ in 0..TRIES {
            let name = random_name()?;
            let path = path_of(store, &name);
            let mut file =
                OpenOptions::new().write(true).create_new(true).mode(0o600).open(&path)?;
            file.write_all(text.as_bytes())?;
            file.lock()?;
            let there = fs::metadata(&path).map(|there| (there.dev(), there.ino())).ok();
            let ours = file.metadata().map(|ours| (ours.dev(), ours.ino()))?;
            if there == Some(ours) {
                return Ok(Self { name, path, file, written: text.len() as u64 });
            }
        }
        Err(io::Error::other("the process's lock file is removed again and again"))
    }

    pub(super) fn name(&self) -> &str {
        &self.name
    }

    /// Records which accounts the process has from now on: one more line, so that a reader has the one before until this
    /// one is whole. What an earlier failure left of a line is overwritten.
    pub(super) fn tell(&mut self, accounts: &[AccountNames]) -> io::Result<()> {
        let names = accounts.iter().map(|account| {
            let formerly = account.formerly.iter().map(|name| format!("={name}"));
            format!(" {}{}", account.name, formerly.collect::<String>())
        });
        let line = format!("{ACCOUNTS}{}\n", names.collect::<String>());
        self.file.write_all_at(line.as_bytes(), self.written)?;
        self.written += line.len() as u64;
        Ok(())
    }
}

impl Drop for Holder {
    fn drop(&mut self) {
        // Left behind, it is removed by the next process that looks.
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

/// The processes that make payments and have the file at `store` open. One of an earlier version is known by its first
/// payment only.
pub(in crate::store) fn sidecars(store: &Path) -> Vec<RunningSidecar> {
    let same = identity(store).unwrap_or_default();
    let found = files(store).into_iter().filter_map(|path| {
        let mut file = File::open(path).ok()?;
        if file.try_lock_shared().is_ok() {
            return None;
        }
        let mut text = String::new();
        file.read_to_string(&mut text).ok()?;
        match text.strip_prefix(&same) {
            // An earlier version writes nothing.
            _ if text.is_empty() => Some(RunningSidecar { accounts: None }),
            told => Some(RunningSidecar { accounts: accounts(told?) }),
        }
    });
    found.collect()
}

/// What [`Holder::tell`] wrote last.
fn accounts(text: &str) -> Option<Vec<AccountNames>> {
    let (whole, _) = text.rsplit_once('\n')?;
    let line = whole.rsplit('\n').find_map(|line| line.strip_prefix(ACCOUNTS))?;
    let names = line.split_whitespace().map(|account| {
        let mut names = account.split('=').map(str::to_owned);
        AccountNames { name: names.next().unwrap_or_default(), formerly: names.collect() }
    });
    Some(names.collect())
}

/// Removes the files of dead processes.
pub(super) fn remove_dead(store: &Path) {
    for path in files(store) {
        if File::open(&path).is_ok_and(|file| matches!(file.try_lock(), Ok(()))) {
            let _ = fs::remove_file(path);
        }
    }
}

/// The files of every process, dead or alive.
fn files(store: &Path) -> Vec<PathBuf> {
    let store = resolved(store);
    let Some((folder, prefix)) = store.parent().zip(file_prefix(&store)) else { return Vec::new() };
    let folder = if folder.as_os_str().is_empty() { Path::new(".") } else { folder };
    let Ok(entries) = fs::read_dir(folder) else { return Vec::new() };
    let is_one = |entry: &fs::DirEntry| {
        entry.file_name().to_str().is_some_and(|name| name.starts_with(&prefix))
    };
    entries.flatten().filter(is_one).map(|entry| entry.path()).collect()
}

fn path_of(store: &Path, name: &str) -> PathBuf {
    let store = resolved(store);
    let file = file_prefix(&store).unwrap_or_default() + name;
    store.with_file_name(file)
}

/// The database itself, so that all who reach it, by whichever link, look at the same place.
fn resolved(store: &Path) -> PathBuf {
    store.canonicalize().unwrap_or_else(|_| store.to_owned())
}

/// Which file is meant, whatever its name: device and inode.
fn identity(store: &Path) -> io::Result<String> {
    let found = fs::metadata(store)?;
    Ok(format!("sidecar {} {}\n", found.dev(), found.ino()))
}

fn file_prefix(store: &Path) -> Option<String> {
    Some(format!("{}-holder-", store.file_name()?.to_string_lossy()))
}

fn random_name() -> io::Result<String> {
    let bytes =
        random::bytes().ok_or_else(|| io::Error::other("the system's random source failed"))?;
    Ok(format!("{:016x}", u64::from_ne_bytes(bytes)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_holder_that_is_gone_is_known_to_be_dead() {
        let place = tempfile::tempdir().expect("a temporary directory");
        let store = place.path().join("countersign.db");
        fs::write(&store, "").expect("a database");
        let holder = Holder::take(&store, Role::Sidecar).expect("taken");
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

    #[test]
    fn the_accounts_of_a_sidecar_are_those_of_the_last_whole_line() {
        let place = tempfile::tempdir().expect("a temporary directory");
        let store = place.path().join("countersign.db");
        fs::write(&store, "").expect("a database");
        let mut sidecar = Holder::take(&store, Role::Sidecar).expect("taken");
        let told = |accounts| vec![RunningSidecar { accounts }];
        assert_eq!(sidecars(&store), told(None), "it has said nothing yet");
        let account = |name: &str, formerly: &[&str]| AccountNames {
            name: name.to_owned(),
            formerly: formerly.iter().map(|name| (*name).to_owned()).collect(),
        };
        let first = vec![account("b", &["a", "c"]), account("d", &[])];
        sidecar.tell(&first).expect("written");
        assert_eq!(sidecars(&store), told(Some(first.clone())));
        sidecar.file.write_all_at(b"accounts torn and longer", sidecar.written).expect("written");
        assert_eq!(sidecars(&store), told(Some(first)), "a line that is being written is none");
        sidecar.tell(&[]).expect("written");
        assert_eq!(sidecars(&store), told(Some(vec![])), "of several lines the last");
    }

    #[test]
    fn a_sidecar_is_seen_on_its_own_store_and_commands_are_not_taken_for_one() {
        let place = tempfile::tempdir().expect("a temporary directory");
        let (store, link) = (place.path().join("countersign.db"), place.path().join("link.db"));
        fs::write(&store, "").expect("a database");
        std::os::unix::fs::symlink(&store, &link).expect("linked");
        let command = Holder::take(&store, Role::Command).expect("taken");
        assert!(sidecars(&store).is_empty(), "a command makes no payments");
        let sidecar = Holder::take(&link, Role::Sidecar).expect("taken");
        assert!(
            sidecars(&store).len() == 1 && sidecars(&link).len() == 1,
            "whichever way it is reached"
        );
        drop((command, sidecar));
        assert!(sidecars(&store).is_empty(), "it is gone");

        let _older = Holder::take(&store, Role::Sidecar).expect("taken");
        let kept = place.path().join("kept.db");
        fs::rename(&store, &kept).expect("moved away");
        fs::write(&store, "").expect("another database");
        assert!(sidecars(&store).is_empty(), "it is not this file that it has open");
    }
}
