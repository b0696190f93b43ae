//! The store as one SQLite file: one thread that writes, two that read, and nothing that knows SQL outside this folder.

mod bury;
mod connect;
mod failure;
mod files;
mod holder;
mod inbox;
mod job;
mod journal;
mod look;
mod migrate;
mod names;
mod readers;
mod time;
mod transaction;
mod writer;

#[cfg(test)]
mod tests;

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{SyncSender, TrySendError, sync_channel};
use std::thread::JoinHandle;
use std::time::Duration;

use async_trait::async_trait;
use parking_lot::Mutex;
use rusqlite::Connection;

use super::observe::{Observed, Observer};
use super::wake::Wake;
use super::{AccountNames, Reason, Store, StoreClock, StoreError};
use crate::clock::{Clock, from_thread};
use crate::threads;
use connect::FileIdentity;
use holder::Role;
pub(super) use holder::sidecars;
use job::{Call, Job, Work};
pub(super) use look::look;
use readers::Readers;
use time::StoreTime;
use writer::{Counters, Shared, Writer};

/// Calls waiting for the writer at most. Each has a caller that waits for it, so this is more than there can be
/// requests at once; beyond it the answer is "overloaded" at once instead of too late.
const WAITING_MAX: usize = 4096;

const STOPPED: &str = "the writing thread has stopped";

/// How long a failed commit speaks against the store although a probe succeeds: on a full disk a small write may still
/// find room where a notification does not.
const FAILURE_COUNTS: Duration = Duration::from_secs(10);

/// A store in one SQLite file. Dropping it writes what is queued; [`Store::close`] also waits for that.
pub struct SqliteStore {
    /// The standard library's channel, because it drops what is queued when its receiver goes: every call that still
    /// waits when the writer dies is answered.
    calls: SyncSender<Box<dyn Job>>,
    readers: Mutex<Option<Arc<Readers>>>,
    shared: Arc<Shared>,
    writer: Mutex<Option<JoinHandle<()>>>,
    observed: Observed,
}

/// How much the writer has done since the store was opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg(test)]
pub struct Activity {
    /// Calls that were queued.
    pub queued: u64,
    /// Calls that were answered.
    pub calls: u64,
    /// Transactions they shared, each with one sync.
    pub commits: u64,
}

impl SqliteStore {
    /// Opens the file at `path` for a process that makes payments; creates it (and its directory) for this user only when
    /// it is missing. Store time passes as the uptime of `clock` does.
    pub fn open(path: &Path, clock: Clock) -> Result<Self, StoreError> {
        let store = Self::start(path, connect::create(path)?, clock, Role::Sidecar)?;
        if let Err(error) = store.shared.holder() {
            // The first payment tries again, and is refused when it fails then.
            tracing::warn!(%error, "commands cannot see that this process uses the store");
        }
        Ok(store)
    }

    /// Opens the file at `path` for a command beside that process, if there is one. What is missing or older is an error.
    pub fn open_existing(path: &Path, clock: Clock) -> Result<Self, StoreError> {
        Self::start(path, connect::existing(path)?, clock, Role::Command)
    }

    fn start(
        path: &Path,
        mut connection: Connection,
        clock: Clock,
        role: Role,
    ) -> Result<Self, StoreError> {
        let time = StoreTime::resume(&mut connection, clock, role);
        let time = time.map_err(|error| failure::explain(&error))?;
        let identity = FileIdentity::of(path).map_err(|error| failure::cannot_open(path, error))?;
        let readers = Readers::start(path)?;
        let shared = Arc::new(Shared {
            path: path.to_owned(),
            time,
            wake: Wake::default(),
            counters: Counters::default(),
            closing: AtomicBool::new(false),
            failed: Mutex::default(),
            role,
            holder: Mutex::default(),
            accounts: Mutex::default(),
        });
        let (calls, waiting) = sync_channel(WAITING_MAX);
        let writer = Writer::new(shared.clone(), connection, identity);
        let thread = threads::start("store-write", move || writer.serve(&waiting))
            .map_err(|error| failure::cannot_open(path, error))?;
        Ok(Self {
            calls,
            readers: Mutex::new(Some(Arc::new(readers))),
            shared,
            writer: Mutex::new(Some(thread)),
            observed: Observed::default(),
        })
    }

    /// What the writer has done so far.
    #[cfg(test)]
    pub fn activity(&self) -> Activity {
        let counters = &self.shared.counters;
        Activity {
            queued: counters.queued.load(Ordering::Relaxed),
            calls: counters.calls.load(Ordering::Relaxed),
            commits: counters.commits.load(Ordering::Relaxed),
        }
    }

    /// Runs `work` in the writer's next transaction and answers when that is on disk.
    async fn write<T, F>(&self, work: F) -> Result<T, StoreError>
    where
        T: Send + 'static,
        F: FnOnce(&mut Work<'_>) -> rusqlite::Result<T> + Send + 'static,
    {
        if self.shared.closing.load(Ordering::Acquire) {
            return Err(StoreError::Closed);
        }
        let (call, answer) = Call::new(work);
        self.calls.try_send(Box::new(call)).map_err(|error| match error {
            TrySendError::Full(_) => StoreError::Unavailable {
                reason: Reason::Overloaded,
                detail: format!("{WAITING_MAX} calls are waiting"),
            },
            // It was never queued.
            TrySendError::Disconnected(_) => self.without_writer(),
        })?;
        self.shared.counters.queued.fetch_add(1, Ordering::Relaxed);
        from_thread(answer).await.unwrap_or_else(|_| Err(self.unanswered()))
    }

    /// Runs `work` on a reading connection.
    async fn read<T, F>(&self, work: F) -> Result<T, StoreError>
    where
        T: Send + 'static,
        F: FnOnce(&Connection) -> rusqlite::Result<T> + Send + 'static,
    {
        let readers = self.readers.lock().clone();
        readers.ok_or(StoreError::Closed)?.read(work).await
    }

    fn without_writer(&self) -> StoreError {
        match self.shared.closing.load(Ordering::Acquire) {
            true => StoreError::Closed,
            false => StoreError::Unavailable { reason: Reason::Unanswered, detail: STOPPED.into() },
        }
    }

    /// The writer has ended between taking a call and answering it.
    fn unanswered(&self) -> StoreError {
        match self.without_writer() {
            StoreError::Unavailable { reason, detail } => StoreError::Uncertain { reason, detail },
            other => other,
        }
    }
}

impl StoreClock for SqliteStore {
    fn time_ms(&self) -> i64 {
        self.shared.time.now_ms()
    }
}

#[async_trait]
impl Store for SqliteStore {
    fn observe(&self, observer: Arc<dyn Observer>) {
        self.observed.by(observer);
    }

    async fn probe(&self) -> Result<(), StoreError> {
        self.write(|work| {
            let sql = "UPDATE store_probe SET probes = probes + 1";
            work.connection.prepare_cached(sql)?.execute([]).map(|_| ())
        })
        .await?;
        match self.shared.failed.lock().as_ref() {
            Some((at, error)) if at.elapsed() < FAILURE_COUNTS => Err(error.clone()),
            Some(_) | None => Ok(()),
        }
    }

    fn tell_accounts(&self, accounts: &[AccountNames]) {
        if let Err(error) = self.shared.tell_accounts(accounts) {
            tracing::warn!(%error, "commands cannot see which accounts this process has");
        }
    }

    async fn close(&self) -> Result<(), StoreError> {
        // A command that only looks need not wait for another process that is writing.
        if self.shared.holder.lock().is_some() {
            // Where it cannot be written, a little time is not counted.
            let _ = self.write(|work| work.time.keep_now(work.connection)).await;
        }
        self.shared.closing.store(true, Ordering::Release);
        // Any call makes the writer look; if the queue is full it looks anyway.
        let (nudge, _) = Call::new(|_: &mut Work<'_>| Ok(()));
        let _ = self.calls.try_send(Box::new(nudge));
        self.readers.lock().take();
        let Some(writer) = self.writer.lock().take() else { return Ok(()) };
        let joined = tokio::task::spawn_blocking(move || writer.join()).await;
        // Nothing works on what is under way any more; the next process need not wait for it.
        self.shared.holder.lock().take();
        match joined {
            Ok(Ok(())) => Ok(()),
            _ => Err(StoreError::Unavailable {
                reason: Reason::Unanswered,
                detail: "the writing thread ended with a panic".into(),
            }),
        }
    }
}
