//! The one thread that writes. It takes whatever calls are waiting, runs them in one transaction and answers all of
//! them after the commit: the more callers, the fewer syncs each of them pays for.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::time::Duration;

use parking_lot::Mutex;
use rusqlite::Connection;
use tokio::time::Instant;

use super::bury;
use super::connect::{self, FileIdentity};
use super::failure;
use super::files::{Files, Found};
use super::holder::{self, Holder, Role};
use super::job::Job;
use super::time::StoreTime;
use super::transaction::{Failed, run_all};

use crate::clock::instant;
use crate::store::wake::Wake;
use crate::store::{AccountNames, Reason, StoreError};

/// Calls that share a commit at most: enough for the sync to cost little per call, few enough for a short wait.
pub(super) const BATCH_MAX: usize = 256;

/// How often the writer looks for changes made by another process (an operator's command).
const FOREIGN_CHANGES_EVERY: Duration = Duration::from_millis(500);

/// With no call for this long, the log is copied back into the file.
const QUIET: Duration = Duration::from_millis(50);

/// Log pages (of 4 KiB) from which on a quiet moment is used for a checkpoint.
const CHECKPOINT_PAGES: i64 = 256;

/// Log pages at which callers have to wait for a checkpoint: 32 MiB.
const CHECKPOINT_PAGES_MAX: i64 = 8192;

/// What the writer did so far, for benchmarks and metrics.
#[derive(Debug, Default)]
pub(super) struct Counters {
    pub(super) queued: AtomicU64,
    pub(super) calls: AtomicU64,
    pub(super) commits: AtomicU64,
}

/// What the writer shares with the rest of the store.
pub(super) struct Shared {
    pub(super) path: PathBuf,
    pub(super) time: StoreTime,
    pub(super) wake: Wake,
    pub(super) counters: Counters,
    pub(super) closing: AtomicBool,
    /// When a commit failed last, and why.
    pub(super) failed: Mutex<Option<(Instant, StoreError)>>,
    pub(super) role: Role,
    /// Taken by a sidecar when it opens the store, by a command only when it does what needs one.
    pub(super) holder: Mutex<Option<Holder>>,
    /// The accounts that a sidecar has, for commands beside it.
    pub(super) accounts: Mutex<Option<Vec<AccountNames>>>,
}

impl Shared {
    /// The name under which this process holds payments.
    pub(super) fn holder(&self) -> Result<String, StoreError> {
        let mut holder = self.holder.lock();
        if let Some(holder) = holder.as_ref() {
            return Ok(holder.name().to_owned());
        }
        let mut taken =
            Holder::take(&self.path, self.role).map_err(|error| self.no_lock_file(&error))?;
        holder::remove_dead(&self.path);
        if let Some(accounts) = self.accounts.lock().as_ref() {
            // Without them it is not known which it has.
            let _ = taken.tell(accounts);
        }
        Ok(holder.insert(taken).name().to_owned())
    }

    /// Records which accounts this process has from now on: now, and when the lock file is made later.
    pub(super) fn tell_accounts(&self, accounts: &[AccountNames]) -> Result<(), StoreError> {
        let mut holder = self.holder.lock();
        let mut told = self.accounts.lock();
        if told.as_deref() == Some(accounts) {
            return Ok(());
        }
        let written = holder.as_mut().map_or(Ok(()), |holder| holder.tell(accounts));
        written.map_err(|error| self.no_lock_file(&error))?;
        *told = Some(accounts.to_vec());
        Ok(())
    }

    fn no_lock_file(&self, error: &std::io::Error) -> StoreError {
        StoreError::Unavailable {
            reason: Reason::Io,
            detail: format!("lock file beside `{}`: {error}", self.path.display()),
        }
    }
}

pub(super) struct Writer {
    shared: Arc<Shared>,
    files: Files,
    connection: Option<Connection>,
    /// The last failure that was logged, until a commit succeeds again.
    failing: Option<Reason>,
    /// Whether the last attempt to copy the log failed, so that a failure is logged once and not twice a second.
    is_checkpoint_failing: bool,
    /// Why a COMMIT failed that may come to life at the next start. Until it cannot any more, `connection` stays open and
    /// nothing else is written: see `bury`.
    unburied: Option<StoreError>,
    data_version: i64,
    looked_at: Instant,
}

impl Writer {
    pub(super) fn new(shared: Arc<Shared>, connection: Connection, identity: FileIdentity) -> Self {
        let data_version = data_version(&connection).unwrap_or_default();
        let looked_at = instant();
        let files = Files::new(&shared.path, identity);
        let connection = Some(connection);
        Self {
            shared,
            files,
            connection,
            failing: None,
            is_checkpoint_failing: false,
            unburied: None,
            data_version,
            looked_at,
        }
    }

    /// Serves calls until the store is closed or dropped. What was queued before that is still written.
    pub(super) fn serve(mut self, calls: &Receiver<Box<dyn Job>>) {
        let mut wait = QUIET;
        loop {
            match calls.recv_timeout(wait) {
                Ok(first) => {
                    let batch = std::iter::once(first).chain(calls.try_iter());
                    self.commit(batch.take(BATCH_MAX).collect());
                    self.checkpoint_at(CHECKPOINT_PAGES_MAX);
                    let closing = self.shared.closing.load(Ordering::Acquire);
                    wait = if closing { Duration::ZERO } else { QUIET };
                }
                Err(RecvTimeoutError::Timeout) => {
                    if self.shared.closing.load(Ordering::Acquire) {
                        break;
                    }
                    self.checkpoint_at(CHECKPOINT_PAGES);
                    wait = FOREIGN_CHANGES_EVERY;
                }
                Err(RecvTimeoutError::Disconnected) => break,
            }
            self.look_for_foreign_changes();
        }
        // What cannot be buried now is what the next start finds.
        let _ = self.bury_earlier(&bury::TRIES);
        self.checkpoint_at(1);
    }

    /// Runs the batch and answers every call in it.
    fn commit(&mut self, mut batch: Vec<Box<dyn Job>>) {
        let mut woken = BTreeSet::new();
        let done = self.transact(&mut batch, &mut woken);
        self.shared.counters.calls.fetch_add(batch.len() as u64, Ordering::Relaxed);
        self.note(done.as_ref().err());
        match done {
            Ok(outcomes) => {
                self.shared.counters.commits.fetch_add(1, Ordering::Relaxed);
                // First, so that who is answered knows that the others have heard.
                self.shared.wake.wake(&woken);
                for (job, outcome) in batch.into_iter().zip(outcomes) {
                    job.answer(outcome);
                }
            }
            Err(error) => {
                for job in batch {
                    job.answer(Err(error.clone()));
                }
            }
        }
    }

    /// One outcome per job, after the commit; or the one error that undid them all.
    fn transact(
        &mut self,
        batch: &mut [Box<dyn Job>],
        woken: &mut BTreeSet<String>,
    ) -> Result<Vec<Result<(), StoreError>>, StoreError> {
        let shared = Arc::clone(&self.shared);
        if self.failing.is_some() && self.connect().is_ok() {
            // It may be the log itself that has no room left: copied into its file, it starts over.
            self.checkpoint_at(1);
        }
        let connection = self.connect()?;
        match run_all(connection, batch, &shared.time, woken) {
            Ok(outcomes) => Ok(outcomes),
            Err(Failed::Before(error)) => {
                self.recover(&error);
                Err(failure::explain(&error))
            }
            Err(Failed::Commit(error)) => Err(self.not_committed(&error)),
        }
    }

    /// The error for the callers of a COMMIT that failed, once everything was tried to make it nothing.
    fn not_committed(&mut self, error: &rusqlite::Error) -> StoreError {
        let explained = failure::explain(error);
        self.unburied = Some(explained.clone());
        if self.bury_earlier(&bury::TRIES).is_ok() {
            self.recover(error);
            return explained;
        }
        let store = self.shared.path.display();
        tracing::error!(%store, %error, "a write failed that may be in force after a restart: its callers are told so");
        let reason = explained.reason().unwrap_or(Reason::Io);
        StoreError::Uncertain { reason, detail: error.to_string() }
    }

    /// Makes what an earlier COMMIT left behind dead for certain; its error as long as that fails.
    fn bury_earlier(&mut self, tries: &[Duration]) -> Result<(), StoreError> {
        let Some(error) = self.unburied.clone() else { return Ok(()) };
        let is_buried = |open: &Connection| bury::bury(open, self.files.log(), tries);
        // A log that was replaced is not ours.
        let is_ours = matches!(self.files.look(), Found::AsLeft | Found::Written);
        if !(is_ours && self.connection.as_ref().is_some_and(is_buried)) {
            return Err(error);
        }
        self.unburied = None;
        Ok(())
    }

    /// The connection, opened again if an earlier failure made it unusable.
    fn connect(&mut self) -> Result<&Connection, StoreError> {
        // Refused before anything is tried, so that it is certain that nothing was written.
        self.bury_earlier(&bury::ONE_TRY)?;
        match self.files.look() {
            Found::AsLeft => {}
            // The pages in memory would hide what the file holds now. Another process of ours copies its log now and then
            // too, and a new connection costs little.
            Found::Written => self.disconnect(),
            // Writing on into a removed file would be a false acknowledgement: after a restart it cannot be found.
            // Opening its successor is no better: the old log beside it would be taken for its own.
            Found::Replaced(path) => return Err(replaced(&path)),
            Found::BesideReplaced { path, is_file_as_left } => {
                if is_file_as_left {
                    self.checkpoint_at(1);
                }
                return Err(replaced(&path));
            }
        }
        let connection = match self.connection.take() {
            Some(connection) => connection,
            None => {
                let connection = connect::writer(&self.shared.path).map_err(unavailable)?;
                // Reading is what opens the files beside it.
                self.data_version = data_version(&connection).map_err(|e| failure::explain(&e))?;
                self.files.remember();
                self.shared.wake.wake_all();
                connection
            }
        };
        Ok(self.connection.insert(connection))
    }

    /// Undoes what is left of a failed transaction, so that the next one starts clean.
    fn recover(&mut self, error: &rusqlite::Error) {
        let Some(connection) = self.connection.take() else { return };
        let rolled_back =
            connection.is_autocommit() || connection.execute_batch("ROLLBACK").is_ok();
        // A full disk or a lock says nothing about the connection; after anything else a fresh one is safer.
        let harmless = matches!(
            failure::explain(error).reason(),
            Some(Reason::DiskFull | Reason::Locked) | None
        );
        if rolled_back && harmless {
            self.connection = Some(connection);
        } else {
            drop(connection);
            self.disconnect();
        }
    }

    /// The next call opens the file again.
    fn disconnect(&mut self) {
        self.connection = None;
        // The last process that closes the file removes them.
        self.files.forget_beside();
    }

    /// Logs when the store begins to fail, fails differently, or works again; not once per call.
    fn note(&mut self, error: Option<&StoreError>) {
        let store = self.shared.path.display();
        let reason = error.map(|error| error.reason().unwrap_or(Reason::Io));
        match (error, self.failing) {
            (Some(error), _) if reason != self.failing => {
                tracing::error!(%store, %error, "store cannot be written, nothing is acknowledged");
            }
            (None, Some(_)) => tracing::info!(%store, "store can be written again"),
            _ => {}
        }
        self.failing = reason;
        if let Some(error) = error {
            let mut failed = self.shared.failed.lock();
            *failed = Some((instant(), error.clone()));
        }
    }

    /// Copies the log back into the file once it has `pages_min` pages, and lets it start over.
    fn checkpoint_at(&mut self, pages_min: i64) {
        let Some(connection) = self.connection.as_ref() else { return };
        let due = wal_pages(connection).is_ok_and(|pages| pages >= pages_min);
        if !due {
            return;
        }
        let store = self.shared.path.display();
        // Passive: it never waits for a reader. What could not be copied is copied next time.
        let copied = checkpoint(connection, "PASSIVE");
        if let Err(error) = &copied
            && !self.is_checkpoint_failing
        {
            // Every commit is safe in the log; only its size suffers.
            tracing::warn!(%store, %error, "store log could not be copied into its file");
        }
        self.is_checkpoint_failing = copied.is_err();
        self.files.remember_written();
    }

    fn look_for_foreign_changes(&mut self) {
        if self.looked_at.elapsed() < FOREIGN_CHANGES_EVERY {
            return;
        }
        self.looked_at = instant();
        let Some(version) = self.connection.as_ref().and_then(|open| data_version(open).ok())
        else {
            return;
        };
        if version != self.data_version {
            self.data_version = version;
            self.shared.wake.wake_all();
        }
    }
}

pub(super) fn data_version(connection: &Connection) -> rusqlite::Result<i64> {
    connection.prepare_cached("PRAGMA data_version")?.query_row([], |row| row.get(0))
}

/// Pages in the log that are not yet in the file.
fn wal_pages(connection: &Connection) -> rusqlite::Result<i64> {
    let (log, done) = checkpoint(connection, "NOOP")?;
    Ok(log - done)
}

/// Pages in the log, and how many of them are in the file.
pub(super) fn checkpoint(connection: &Connection, mode: &str) -> rusqlite::Result<(i64, i64)> {
    let sql = format!("PRAGMA wal_checkpoint({mode})");
    connection.prepare_cached(&sql)?.query_row([], |row| Ok((row.get(1)?, row.get(2)?)))
}

fn replaced(path: &Path) -> StoreError {
    StoreError::Unavailable {
        reason: Reason::Replaced,
        detail: format!("`{}`: restart to use what is there now", path.display()),
    }
}

/// The file could be opened at start, so failing to open it again is a state, not a mistake in the configuration.
fn unavailable(error: StoreError) -> StoreError {
    match error {
        StoreError::CannotOpen { store, problem } => {
            StoreError::Unavailable { reason: Reason::Io, detail: format!("`{store}`: {problem}") }
        }
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pages_wait_in_the_log_until_a_checkpoint() {
        let place = tempfile::tempdir().expect("a temporary directory");
        let connection = connect::create(&place.path().join("store.db")).expect("opened");
        connection.execute("UPDATE store_probe SET probes = 1", []).expect("written");
        let pages = wal_pages(&connection).expect("counted");
        assert!(pages > 0, "a commit goes to the log and stays there");
        checkpoint(&connection, "PASSIVE").expect("copied");
        assert_eq!(wal_pages(&connection).expect("counted"), 0);
    }
}
