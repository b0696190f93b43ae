//! The store's files as the writer left them: notices when another process removes, replaces or overwrites one.
//!
//! SQLite works on open handles and on pages in memory and would notice none of that. What it acknowledges then is gone
//! after the next start.

use std::ffi::OsString;
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use super::connect::FileIdentity;

/// What the writer knows of the files.
pub(super) struct Files {
    path: PathBuf,
    identity: FileIdentity,
    /// The log and its index, once they are there.
    beside: [(PathBuf, Option<FileIdentity>); 2],
    /// The file itself when the writer last had to do with it.
    written: Option<Written>,
}

/// How long a file is, and when it was last written to: seconds and nanoseconds.
type Written = (u64, i64, i64);

/// The state of the files since the writer last used them.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Found {
    /// Nothing that matters.
    AsLeft,
    /// The file itself was written to: by another process of ours that copied its log, or by one that damaged it.
    Written,
    /// This file is not the one that is open.
    Replaced(PathBuf),
    /// The log or its index is not the one that is open. What only the log holds can still be saved if the file itself is
    /// as it was left.
    BesideReplaced { path: PathBuf, is_file_as_left: bool },
}

impl Files {
    /// Of the store at `path`, which has this identity.
    pub(super) fn new(path: &Path, identity: FileIdentity) -> Self {
        let beside = ["-wal", "-shm"].map(|end| {
            let mut name = OsString::from(path);
            name.push(end);
            (PathBuf::from(name), None)
        });
        let mut files = Self { path: path.to_owned(), identity, beside, written: None };
        files.remember();
        files
    }

    /// Takes the files as they are now for right: after a connection was opened.
    pub(super) fn remember(&mut self) {
        self.remember_written();
        for (path, identity) in &mut self.beside {
            *identity = FileIdentity::of(path).ok();
        }
    }

    /// The log.
    pub(super) fn log(&self) -> &Path {
        &self.beside[0].0
    }

    /// Takes what the file itself holds now for right: after the log was copied into it.
    pub(super) fn remember_written(&mut self) {
        self.written = written(&self.path);
    }

    /// The log and its index may come and go until the next [`Files::remember`].
    pub(super) fn forget_beside(&mut self) {
        self.beside.iter_mut().for_each(|(_, identity)| *identity = None);
    }

    /// Some calls to the file system, together some microseconds: little beside the sync of a commit.
    pub(super) fn look(&self) -> Found {
        if FileIdentity::of(&self.path).ok() != Some(self.identity) {
            return Found::Replaced(self.path.clone());
        }
        let is_file_as_left = written(&self.path) == self.written;
        for (path, identity) in &self.beside {
            if identity.is_some() && FileIdentity::of(path).ok() != *identity {
                return Found::BesideReplaced { path: path.clone(), is_file_as_left };
            }
        }
        if is_file_as_left { Found::AsLeft } else { Found::Written }
    }
}

fn written(path: &Path) -> Option<Written> {
    let metadata = fs::metadata(path).ok()?;
    Some((metadata.len(), metadata.mtime(), metadata.mtime_nsec()))
}
