//! What a COMMIT that failed leaves in the log, and how it is made dead for certain.
//!
//! SQLite writes all frames of a transaction to the log, the commit mark with the last of them, and then syncs
//! (`walFrames`). When that sync fails, COMMIT fails too and the index in shared memory does not get the frames, so no
//! connection sees them; but in the file they are a valid end of the log. The process that recovers the log (`walIndexRecover`: the first one
//! to open it after all others are gone) takes every frame whose checksum follows from all before it, up to the last commit
//! mark: the failed transaction takes effect.
//!
//! While one connection is open no process recovers: its lock on the index keeps the index valid. So the failed connection is
//! kept until one of two things has succeeded, in any process, on the disk and not only in the page cache:
//!
//! - **Another commit.** It begins at the same frame, since the index was not told. Checksums add up over the whole log,
//!   and its commit mark is part of them: whatever old frames follow its last one no longer fit. Its sync covers what it
//!   wrote, on which everything after it depends.
//! - **A cut** of the log behind the last frame that the index knows, synced, under the lock of a writer. No reader and no
//!   checkpoint looks behind that frame, and a writer writes there again. It works where a page that cannot be written
//!   keeps every sync failing (a quota, room that was promised and is not there).
//!
//! A commit or cut whose own sync fails proves nothing: after a power cut the disk may have the older frames.
//!
//! Errors before COMMIT need none of this: frames without a commit mark behind them are never valid. A migration needs none
//! either: it looks at the version in its own transaction, so it does not matter whether it takes effect or is repeated.

use std::fs::File;
use std::io;
use std::path::Path;
use std::thread;
use std::time::Duration;

use rusqlite::Connection;

use super::connect::LOCK_WAIT;
use super::transaction::execute;
use super::writer::{checkpoint, data_version};

/// Before each try. A caller waits for all of them, each taking as long as the disk takes and at most twice
/// [`BURY_LOCK_WAIT`]: some two seconds beside the disk's own time.
pub(super) const TRIES: [Duration; 3] =
    [Duration::ZERO, Duration::from_millis(20), Duration::from_millis(200)];

/// While an earlier failure is not buried, every batch tries once before it is refused.
pub(super) const ONE_TRY: [Duration; 1] = [Duration::ZERO];

/// How long a try waits for another process that writes.
const BURY_LOCK_WAIT: Duration = Duration::from_millis(300);

/// The header of a log and of a frame, in bytes: <https://sqlite.org/walformat.html>.
const LOG_HEADER: u64 = 32;
const FRAME_HEADER: u64 = 24;

/// Whether nothing of a failed COMMIT can come to life any more. `connection` is the one it failed on.
pub(super) fn bury(connection: &Connection, log: &Path, tries: &[Duration]) -> bool {
    let _ = connection.busy_timeout(BURY_LOCK_WAIT);
    let is_buried = tries.iter().any(|pause| {
        thread::sleep(*pause);
        undo(connection);
        let done = overwrite(connection).is_ok() || cut(connection, log).is_ok();
        undo(connection);
        done
    });
    let _ = connection.busy_timeout(LOCK_WAIT);
    is_buried
}

/// Ends what is left of a transaction. Whether that works shows in what follows.
fn undo(connection: &Connection) {
    if !connection.is_autocommit() {
        let _ = connection.execute_batch("ROLLBACK");
    }
}

/// Commits something small.
fn overwrite(connection: &Connection) -> rusqlite::Result<()> {
    execute(connection, "BEGIN IMMEDIATE")?;
    let changed = connection.execute("UPDATE store_probe SET probes = probes + 1", [])?;
    if changed == 0 {
        // A commit that changes nothing writes nothing.
        return Err(rusqlite::Error::StatementChangedRows(changed));
    }
    execute(connection, "COMMIT")
}

/// Cuts the log behind its last valid frame.
fn cut(connection: &Connection, log: &Path) -> Result<(), Box<dyn std::error::Error>> {
    let version = data_version(connection)?;
    let (frames, _) = checkpoint(connection, "NOOP")?;
    let page: u32 = connection.query_row("PRAGMA page_size", [], |row| row.get(0))?;
    let end = LOG_HEADER + u64::try_from(frames)? * (FRAME_HEADER + u64::from(page));
    // From here on no other process writes; and if the version is the same, none did since the frames were counted.
    execute(connection, "BEGIN IMMEDIATE")?;
    match data_version(connection)? == version {
        true => Ok(shorten(log, end)?),
        false => Err("another process has written meanwhile".into()),
    }
}

fn shorten(log: &Path, end: u64) -> io::Result<()> {
    // SQLite's locks are on other files: closing this one takes none away.
    let log = File::options().write(true).open(log)?;
    if log.metadata()?.len() > end {
        log.set_len(end)?;
    }
    log.sync_all()
}

#[cfg(test)]
mod tests {
    use std::io::Write;
    use std::path::PathBuf;

    use super::super::connect;
    use super::*;

    /// A store whose log ends in a valid transaction that its index does not know, as after a sync that failed.
    struct Haunted {
        place: tempfile::TempDir,
        connection: Connection,
    }

    impl Haunted {
        fn new() -> Self {
            let place = tempfile::tempdir().expect("a temporary directory");
            let connection = connect::create(&place.path().join("store.db")).expect("opened");
            freeze(&connection, "known");
            let haunted = Self { place, connection };
            // Another process goes on from the same log, in a copy; what it appends fits here as well.
            let twin = haunted.copy();
            let known = std::fs::metadata(haunted.log()).expect("a log").len();
            let ghost = Connection::open(twin.path().join("store.db")).expect("opened");
            freeze(&ghost, "ghost");
            let bytes = std::fs::read(twin.path().join("store.db-wal")).expect("read");
            let mut log = File::options().append(true).open(haunted.log()).expect("the log");
            log.write_all(&bytes[usize::try_from(known).expect("small")..]).expect("appended");
            assert_eq!(haunted.after_a_restart(), ["ghost", "known"], "it would come to life");
            assert_eq!(frozen(&haunted.connection), ["known"], "nobody sees it now");
            haunted
        }

        fn log(&self) -> PathBuf {
            self.place.path().join("store.db-wal")
        }

        fn copy(&self) -> tempfile::TempDir {
            let copies = tempfile::tempdir().expect("a temporary directory");
            for name in ["store.db", "store.db-wal"] {
                std::fs::copy(self.place.path().join(name), copies.path().join(name)).expect(name);
            }
            copies
        }

        fn after_a_restart(&self) -> Vec<String> {
            let copy = self.copy();
            frozen(&Connection::open(copy.path().join("store.db")).expect("opened"))
        }
    }

    fn freeze(connection: &Connection, account: &str) {
        let sql = "INSERT INTO freeze (account, reason, since) VALUES (?, 'a test', 1)";
        connection.execute(sql, [account]).expect("written");
    }

    fn frozen(connection: &Connection) -> Vec<String> {
        let mut statement =
            connection.prepare("SELECT account FROM freeze ORDER BY 1").expect("SQL");
        let rows = statement.query_map([], |row| row.get(0)).expect("read");
        rows.collect::<rusqlite::Result<_>>().expect("read")
    }

    #[test]
    fn another_commit_makes_it_dead() {
        let haunted = Haunted::new();
        overwrite(&haunted.connection).expect("committed");
        assert_eq!(haunted.after_a_restart(), ["known"]);
    }

    #[test]
    fn a_cut_makes_it_dead_and_disturbs_nobody() {
        let haunted = Haunted::new();
        let reader = connect::reader(&haunted.place.path().join("store.db")).expect("opened");
        let reading = reader.unchecked_transaction().expect("begun");
        assert_eq!(frozen(&reading), ["known"]);
        cut(&haunted.connection, &haunted.log()).expect("cut");
        undo(&haunted.connection);
        assert_eq!(haunted.after_a_restart(), ["known"]);
        assert_eq!(frozen(&reading), ["known"]);
        freeze(&haunted.connection, "later");
        assert_eq!(frozen(&reading), ["known"], "a reader stays at its moment");
        reading.commit().expect("ended");
        assert_eq!(haunted.after_a_restart(), ["known", "later"]);
    }

    #[test]
    fn while_another_process_writes_nothing_is_cut() {
        let haunted = Haunted::new();
        let other = connect::writer(&haunted.place.path().join("store.db")).expect("opened");
        execute(&other, "BEGIN IMMEDIATE").expect("locked");
        assert!(!bury(&haunted.connection, &haunted.log(), &ONE_TRY));
        assert_eq!(haunted.after_a_restart(), ["ghost", "known"], "nothing was touched");
        execute(&other, "ROLLBACK").expect("unlocked");
        assert!(bury(&haunted.connection, &haunted.log(), &ONE_TRY));
        assert_eq!(haunted.after_a_restart(), ["known"]);
    }
}
