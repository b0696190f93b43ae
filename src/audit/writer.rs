//! The thread that writes: a bounded queue, so that no call waits for the disk.
//!
//! Entries that cannot be written are tried again until the queue is full; further entries are lost, counted, and
//! reported by a separate line as soon as lines can be written.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, SyncSender};
use std::time::Duration;

use tokio::time::Instant;

use super::actor::Actor;
use super::entry::{Action, Entry};
use super::file::AuditFile;
use crate::clock::{Clock, instant};
use crate::threads;

/// Entries that may wait, about 300 bytes each: minutes of a busy sidecar.
const ENTRIES_WAITING_MAX: usize = 16 * 1024;

/// Entries that are written in one batch.
const BATCH_MAX: usize = 256;

/// How soon written entries are made durable.
const SYNC_EVERY: Duration = Duration::from_secs(1);

/// The pause before an entry that could not be written is tried again.
const PAUSE: Duration = Duration::from_secs(1);

/// How long the end of the process waits for the disk.
const CLOSE_MAX: Duration = Duration::from_secs(5);

enum Message {
    Entry(Box<Entry>),
    Close(mpsc::Sender<bool>),
}

/// The thread's handle for the rest of the program.
pub(super) struct Writer {
    waiting: SyncSender<Message>,
    lost: Arc<AtomicU64>,
}

impl Writer {
    /// Opens the file and starts the thread.
    pub fn start(path: &Path, clock: Clock) -> std::io::Result<Self> {
        let (waiting, receiver) = mpsc::sync_channel(ENTRIES_WAITING_MAX);
        let lost: Arc<AtomicU64> = Arc::default();
        let file = AuditFile::open(path, clock.clone())?;
        let state = Writing {
            file,
            path: path.to_owned(),
            clock,
            lost: lost.clone(),
            is_failing: false,
            synced: instant(),
            is_dirty: false,
        };
        threads::start("audit", move || state.run(&receiver))?;
        Ok(Self { waiting, lost })
    }

    /// Queues `entry`, or counts it as lost.
    pub fn put(&self, entry: Entry) {
        if self.waiting.try_send(Message::Entry(Box::new(entry))).is_err() {
            self.lost.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Waits a bounded time until everything that was queued is on disk, and returns whether it is.
    pub fn close(&self) -> bool {
        let (done, closed) = mpsc::channel();
        let asked = self.waiting.try_send(Message::Close(done)).is_ok();
        asked && closed.recv_timeout(CLOSE_MAX).unwrap_or(false)
    }
}

struct Writing {
    file: AuditFile,
    path: PathBuf,
    clock: Clock,
    lost: Arc<AtomicU64>,
    is_failing: bool,
    synced: Instant,
    is_dirty: bool,
}

impl Writing {
    fn run(mut self, waiting: &Receiver<Message>) {
        let mut entries: Vec<Entry> = Vec::new();
        loop {
            // A batch that cannot be written waits, and so does what comes after it.
            let first = match entries.len() < BATCH_MAX {
                true => waiting.recv_timeout(SYNC_EVERY),
                false => Err(RecvTimeoutError::Timeout),
            };
            let closing = match first {
                Ok(first) => gather(first, waiting, &mut entries),
                Err(RecvTimeoutError::Timeout) => None,
                Err(RecvTimeoutError::Disconnected) => {
                    self.write(&mut entries);
                    self.sync(Duration::ZERO);
                    return;
                }
            };
            self.write(&mut entries);
            if let Some(done) = closing {
                self.sync(Duration::ZERO);
                let _ = done.send(entries.is_empty() && !self.is_dirty);
            }
            self.sync(SYNC_EVERY);
            if self.is_failing {
                std::thread::sleep(PAUSE);
            }
        }
    }

    /// Writes the waiting entries; they keep waiting when that fails.
    fn write(&mut self, entries: &mut Vec<Entry>) {
        if entries.is_empty() {
            return;
        }
        let lost = self.lost.load(Ordering::Relaxed);
        if lost > 0 {
            let mark = Entry::new(Action::Lost, Actor::Sidecar).counting(lost);
            entries.push(mark.at(self.clock.now()));
        }
        let written = self.file.append(entries);
        match &written {
            Ok(()) => {
                self.lost.fetch_sub(lost, Ordering::Relaxed);
                entries.clear();
                self.is_dirty = true;
            }
            Err(_) if lost > 0 => drop(entries.pop()),
            Err(_) => {}
        }
        self.tell(written);
    }

    /// Makes entries durable that were written longer than `after` ago.
    fn sync(&mut self, after: Duration) {
        if self.is_dirty && self.synced.elapsed() >= after {
            let synced = self.file.sync();
            self.is_dirty = synced.is_err();
            self.synced = instant();
            self.tell(synced);
        }
    }

    fn tell(&mut self, done: std::io::Result<()>) {
        let file = self.path.display();
        match done {
            Err(error) if !self.is_failing => {
                tracing::error!(%file, %error, "the audit log cannot be written; payments continue");
                self.is_failing = true;
            }
            Ok(()) if self.is_failing => {
                tracing::info!(%file, "the audit log can be written again");
                self.is_failing = false;
            }
            Err(_) | Ok(()) => {}
        }
    }
}

/// Takes up to a batch of waiting entries. A request to close ends it: earlier entries are in `entries`.
fn gather(
    first: Message,
    waiting: &Receiver<Message>,
    entries: &mut Vec<Entry>,
) -> Option<mpsc::Sender<bool>> {
    let mut next = Some(first);
    while let Some(message) = next {
        match message {
            Message::Entry(entry) => entries.push(*entry),
            Message::Close(done) => return Some(done),
        }
        if entries.len() >= BATCH_MAX {
            break;
        }
        next = waiting.try_recv().ok();
    }
    None
}
