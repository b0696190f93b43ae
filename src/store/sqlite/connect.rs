//! Opens database files: creates them for their owner only, sets every connection up the same way, and says what is
//! wrong in words an operator can act on.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::time::Duration;

use rusqlite::config::DbConfig;
use rusqlite::{Connection, OpenFlags};

use super::failure::{self, cannot_open};
use super::migrate::{MIGRATIONS, is_behind, migrate};
use crate::store::{Reason, StoreError};

/// How long a connection waits for another process that is writing. An operator's commands write in steps far
/// shorter than this.
pub(super) const LOCK_WAIT: Duration = Duration::from_secs(5);

/// Prepared statements kept per connection: more than there are different ones.
const STATEMENTS_KEPT: usize = 96;

/// SQLite's number for giving back free pages on request.
const AUTO_VACUUM_INCREMENTAL: i64 = 2;

/// Which file is meant, whatever its name: device and inode.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct FileIdentity(u64, u64);

impl FileIdentity {
    pub(super) fn of(path: &Path) -> io::Result<Self> {
        let metadata = fs::metadata(path)?;
        Ok(Self(metadata.dev(), metadata.ino()))
    }
}

/// Opens the file for writing, creating it and its directory, and brings its schema up to date.
pub(super) fn create(path: &Path) -> Result<Connection, StoreError> {
    prepare(path)?;
    has_one_name(path)?;
    // Setting a connection up for writing alters the file, so first see whose it is.
    let is_behind = is_behind(&reader(path)?, path, MIGRATIONS);
    let is_behind = is_behind.map_err(|error| name_the_file(error, path))?;
    let mut connection = writer(path)?;
    // Not to be written unless it must be: an operator can look while another process keeps it locked.
    if is_behind {
        migrate(&mut connection, path, MIGRATIONS).map_err(|error| name_the_file(error, path))?;
    }
    Ok(connection)
}

/// Opens a file that holds a store of this schema already, beside the process that runs on it: makes nothing, and leaves
/// the schema as it is, which an older process may be working with and could not open again.
pub(super) fn existing(path: &Path) -> Result<Connection, StoreError> {
    let refused = |problem: &str| Err(cannot_open(path, problem));
    match fs::metadata(path) {
        Ok(found) if found.is_file() => {}
        Ok(_) => return refused("is not a file, expected the store of a sidecar"),
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            return refused(
                "does not exist, expected the store of a sidecar: only `countersign run` makes one",
            );
        }
        Err(error) => return Err(cannot_open(path, format!("cannot be looked at: {error}"))),
    }
    has_one_name(path)?;
    let is_behind = is_behind(&reader(path)?, path, MIGRATIONS);
    match is_behind.map_err(|error| name_the_file(error, path))? {
        true => refused(
            "has the schema of an older program, expected this one's: use the program that the sidecar runs, or start the \
             new sidecar, which brings the store up to date",
        ),
        false => writer(path),
    }
}

/// The log lies beside one name of the file: under a second one (a hard link, not a symbolic one, which is followed) the same
/// file would have another log, and two processes two journals.
fn has_one_name(path: &Path) -> Result<(), StoreError> {
    match fs::metadata(path).map(|found| found.nlink()) {
        Ok(names) if names > 1 => Err(cannot_open(
            path,
            format!("has {names} names (hard links), expected one: copy it, and do not link it"),
        )),
        // Opening it shows what else is wrong with it.
        Ok(_) | Err(_) => Ok(()),
    }
}

/// Opens an existing file for writing.
pub(super) fn writer(path: &Path) -> Result<Connection, StoreError> {
    let connection = open(path, OpenFlags::SQLITE_OPEN_READ_WRITE)?;
    set_up_writer(&connection).map_err(|error| name_the_file(failure::explain(&error), path))?;
    match connection.is_readonly("main") {
        Ok(false) => Ok(connection),
        _ => Err(cannot_open(path, "is not writable, expected a file this user may write")),
    }
}

/// Opens an existing file for reading.
pub(super) fn reader(path: &Path) -> Result<Connection, StoreError> {
    let connection = open(path, OpenFlags::SQLITE_OPEN_READ_ONLY)?;
    let set_up = connection.pragma_update(None, "query_only", true);
    set_up.map_err(|error| name_the_file(failure::explain(&error), path))?;
    Ok(connection)
}

/// Opens an existing file for one look at it, and leaves no trace.
pub(super) fn looker(path: &Path) -> Result<Connection, StoreError> {
    let beside = |suffix: &str| {
        let mut name = path.as_os_str().to_owned();
        name.push(suffix);
        Path::new(&name).exists()
    };
    match (beside("-wal"), beside("-shm")) {
        (true, true) => reader(path),
        // Without a log the file is complete and not in use. SQLite would make a log to read it.
        (false, _) => {
            open(&immutable(path), OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_URI)
        }
        (true, false) => Err(cannot_open(
            path,
            "has a log that no process has opened yet: a look at it would change it",
        )),
    }
}

/// The file as SQLite's URI of one that does not change.
fn immutable(path: &Path) -> PathBuf {
    let mut uri = String::from("file:");
    for byte in path.as_os_str().as_bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'/' | b'.' | b'-' | b'_' => {
                uri.push(char::from(*byte));
            }
            other => uri.push_str(&format!("%{other:02X}")),
        }
    }
    uri.push_str("?immutable=1");
    PathBuf::from(uri)
}

fn open(path: &Path, access: OpenFlags) -> Result<Connection, StoreError> {
    // Each connection lives on one thread, so SQLite's own locks around it are not needed.
    let flags = access | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let opened = Connection::open_with_flags(path, flags).and_then(|connection| {
        connection.busy_timeout(LOCK_WAIT)?;
        connection.set_prepared_statement_cache_capacity(STATEMENTS_KEPT);
        // Otherwise statements with a bound value near an index condition are planned again for every value, which costs
        // more than running them. Ours name their index or look up one key, so no value would change their plan.
        connection.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true)?;
        connection.pragma_update(None, "trusted_schema", false)?;
        connection.pragma_update(None, "cell_size_check", true)?;
        connection.pragma_update(None, "temp_store", "memory")?;
        Ok(connection)
    });
    opened.map_err(|error| name_the_file(failure::explain(&error), path))
}

fn set_up_writer(connection: &Connection) -> rusqlite::Result<()> {
    // Before anything is written to a new file: later it would need a full VACUUM to take effect. Setting it writes to the
    // file each time, for which another process may keep us waiting.
    let auto_vacuum: i64 = connection.query_row("PRAGMA auto_vacuum", [], |row| row.get(0))?;
    if auto_vacuum != AUTO_VACUUM_INCREMENTAL {
        connection.pragma_update(None, "auto_vacuum", AUTO_VACUUM_INCREMENTAL)?;
    }
    let mode: String =
        connection.pragma_update_and_check(None, "journal_mode", "wal", |row| row.get(0))?;
    if mode != "wal" {
        let problem = format!("journal mode is `{mode}`, expected `wal`: is this a local disk?");
        return Err(rusqlite::Error::SqliteFailure(
            rusqlite::ffi::Error::new(rusqlite::ffi::SQLITE_IOERR),
            Some(problem),
        ));
    }
    // An acknowledged event must survive a power cut: sync the log at every commit.
    connection.pragma_update(None, "synchronous", "full")?;
    // The writer decides when to checkpoint, so that no commit has to wait for one by chance.
    connection.pragma_update(None, "wal_autocheckpoint", 0)?;
    // After a burst the log shrinks to this size again.
    connection.pragma_update(None, "journal_size_limit", 32 * 1024 * 1024)?;
    // Negative: KiB.
    connection.pragma_update(None, "cache_size", -8192)
}

/// Creates directory and file if they are missing, readable by their owner only: events name people and amounts.
fn prepare(path: &Path) -> Result<(), StoreError> {
    let parent = match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    };
    let cannot = |what: String, error: &io::Error| cannot_open(path, format!("{what}: {error}"));
    DirBuilder::new().recursive(true).mode(0o700).create(parent).map_err(|error| {
        cannot(format!("cannot create directory `{}`", parent.display()), &error)
    })?;
    if path.is_dir() {
        return Err(cannot_open(path, "is a directory, expected a file"));
    }
    match OpenOptions::new().write(true).create_new(true).mode(0o600).open(path) {
        // SQLite gives its two side files the same mode as this one. Sync the directory: the name must be durable too.
        Ok(_) => File::open(parent)
            .and_then(|directory| directory.sync_all())
            .map_err(|error| cannot(format!("cannot sync `{}`", parent.display()), &error)),
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
        Err(error) => Err(cannot("cannot be created".into(), &error)),
    }
}

/// At start an operator needs to know which file is meant.
pub(super) fn name_the_file(error: StoreError, path: &Path) -> StoreError {
    match error {
        StoreError::Unavailable { reason: Reason::Corrupt, detail } => StoreError::Unavailable {
            reason: Reason::Corrupt,
            detail: format!("`{}`: {detail}", path.display()),
        },
        StoreError::Unavailable { reason, detail } => {
            cannot_open(path, format!("{reason}: {detail}"))
        }
        StoreError::Refused(problem) => cannot_open(path, problem),
        other @ (StoreError::Uncertain { .. }
        | StoreError::Closed
        | StoreError::CannotOpen { .. }
        | StoreError::Newer { .. }) => other,
    }
}
