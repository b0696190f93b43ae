//! A call on its way to the writer's thread, and its answer on the way back.

use std::collections::BTreeSet;

use rusqlite::Connection;
use tokio::sync::oneshot;

use super::time::StoreTime;
use crate::store::StoreError;

/// What a writing call works with: the open transaction, the time, and a place to say what became due.
pub(super) struct Work<'a> {
    pub(super) connection: &'a Connection,
    pub(super) time: &'a StoreTime,
    /// Store time.
    pub(super) now_ms: i64,
    woken: &'a mut BTreeSet<String>,
}

impl<'a> Work<'a> {
    pub(super) fn new(
        connection: &'a Connection,
        time: &'a StoreTime,
        woken: &'a mut BTreeSet<String>,
    ) -> Self {
        Self { connection, time, now_ms: time.now_ms(), woken }
    }

    /// Once this is committed, those who listen to `key` (an account's deliveries, a payment) are woken.
    pub(super) fn wake(&mut self, key: &str) {
        if !self.woken.contains(key) {
            self.woken.insert(key.to_owned());
        }
    }
}

/// One call among those of a transaction. It is answered after the commit, never before.
pub(super) trait Job: Send {
    /// Does the work; an error undoes this job only, unless it concerns everyone.
    fn run(&mut self, work: &mut Work<'_>) -> rusqlite::Result<()>;

    /// Tells the caller; `Ok` only after the commit has returned.
    fn answer(self: Box<Self>, outcome: Result<(), StoreError>);
}

/// A closure as a job.
pub(super) struct Call<T, F> {
    work: Option<F>,
    value: Option<T>,
    reply: oneshot::Sender<Result<T, StoreError>>,
}

impl<T, F> Call<T, F> {
    pub(super) fn new(work: F) -> (Self, oneshot::Receiver<Result<T, StoreError>>) {
        let (reply, answer) = oneshot::channel();
        (Self { work: Some(work), value: None, reply }, answer)
    }
}

impl<T, F> Job for Call<T, F>
where
    T: Send,
    F: FnOnce(&mut Work<'_>) -> rusqlite::Result<T> + Send,
{
    fn run(&mut self, work: &mut Work<'_>) -> rusqlite::Result<()> {
        if let Some(closure) = self.work.take() {
            self.value = Some(closure(work)?);
        }
        Ok(())
    }

    fn answer(self: Box<Self>, outcome: Result<(), StoreError>) {
        let Self { value, reply, .. } = *self;
        let not_run = || StoreError::Refused("the call was not carried out".into());
        // A caller that hung up does not need its answer.
        let _ = reply.send(outcome.and_then(|()| value.ok_or_else(not_run)));
    }
}
