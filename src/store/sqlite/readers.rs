//! Reads happen on their own threads and connections, so that they block neither the async runtime nor a commit.

use std::path::Path;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};

use parking_lot::Mutex;
use rusqlite::Connection;
use tokio::sync::oneshot;

use super::{connect, failure};
use crate::clock::from_thread;
use crate::store::{Reason, StoreError};
use crate::threads;

/// One slow listing must not hold up the next timer.
const THREADS: usize = 2;

/// Reads waiting at most; they come from workers, metrics and operators, not from traffic.
const WAITING_MAX: usize = 1024;

/// What a reader's thread does: reads, answers, and says whether the connection is still good.
type Read = Box<dyn FnOnce(Result<&Connection, StoreError>) -> Connected + Send>;

enum Connected {
    Still,
    Broken,
}

/// The reading side of a store. Its threads end when it is dropped.
pub(super) struct Readers(SyncSender<Read>);

impl Readers {
    pub(super) fn start(path: &Path) -> Result<Self, StoreError> {
        let (sender, receiver) = sync_channel(WAITING_MAX);
        let receiver = Arc::new(Mutex::new(receiver));
        for number in 0..THREADS {
            let connection = connect::reader(path)?;
            let (receiver, path) = (receiver.clone(), path.to_owned());
            let name = format!("store-read-{number}");
            threads::start(name, move || serve(&receiver, &path, connection)).map_err(|error| {
                failure::cannot_open(
                    Path::new("store-read"),
                    format!("cannot start a thread: {error}"),
                )
            })?;
        }
        Ok(Self(sender))
    }

    /// Runs `work` in a read transaction: everything it sees is of one moment.
    pub(super) async fn read<T, F>(&self, work: F) -> Result<T, StoreError>
    where
        T: Send + 'static,
        F: FnOnce(&Connection) -> rusqlite::Result<T> + Send + 'static,
    {
        let (reply, answer) = oneshot::channel();
        let read: Read = Box::new(move |connection| {
            let result = connection.and_then(|connection| {
                consistent(connection, work).map_err(|error| failure::explain(&error))
            });
            let connected = match result.as_ref().err().and_then(StoreError::reason) {
                Some(_) => Connected::Broken,
                None => Connected::Still,
            };
            let _ = reply.send(result);
            connected
        });
        self.0.try_send(read).map_err(|error| match error {
            TrySendError::Full(_) => StoreError::Unavailable {
                reason: Reason::Overloaded,
                detail: format!("{WAITING_MAX} reads are waiting"),
            },
            TrySendError::Disconnected(_) => unanswered(),
        })?;
        from_thread(answer).await.unwrap_or_else(|_| Err(unanswered()))
    }
}

fn consistent<T>(
    connection: &Connection,
    work: impl FnOnce(&Connection) -> rusqlite::Result<T>,
) -> rusqlite::Result<T> {
    let transaction = connection.unchecked_transaction()?;
    let value = work(&transaction)?;
    transaction.commit()?;
    Ok(value)
}

fn serve(reads: &Mutex<Receiver<Read>>, path: &Path, connection: Connection) {
    let mut connection = Some(connection);
    // One thread waits for a call while holding the lock, the other for the lock.
    let next = || reads.lock().recv();
    while let Ok(read) = next() {
        let connected = match connection.as_ref() {
            Some(connection) => read(Ok(connection)),
            None => match connect::reader(path) {
                Ok(fresh) => read(Ok(connection.insert(fresh))),
                Err(error) => read(Err(error)),
            },
        };
        if matches!(connected, Connected::Broken) {
            connection = None;
        }
    }
}

fn unanswered() -> StoreError {
    StoreError::Unavailable {
        reason: Reason::Unanswered,
        detail: "the reading threads have stopped".into(),
    }
}
