//! A bounded pool of threads that signs, so that a 4096-bit signature never blocks the event loop.
//!
//! A full queue is an immediate error: there is no waiting for room, and the caller reports it to its own caller.
//! Limits on the number of requests in progress are elsewhere.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::thread::JoinHandle;

use bytes::Bytes;
use crossbeam_channel::{Receiver, Sender, TrySendError};
use tokio::sync::oneshot;

use super::key::Hash;
use super::keyring::SigningKey;
use crate::clock::from_thread;
use crate::threads;

/// Threads that sign, behind a bounded queue. Clones share them; they end when the last clone is dropped.
#[derive(Clone)]
pub struct SignPool(Arc<Threads>);

/// Why nothing was signed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SignError {
    #[error("the signing queue is full")]
    QueueFull,
    #[error("the signing thread failed")]
    Failed,
}

impl SignPool {
    /// Starts `threads` threads behind a queue of `queue` jobs; at least one of each.
    ///
    /// # Panics
    ///
    /// When the operating system refuses to start a thread, which can only happen while the program starts.
    pub fn start(threads: usize, queue: usize) -> Self {
        let (queue, jobs) = crossbeam_channel::bounded(queue.max(1));
        let threads = (0..threads.max(1))
            .map(|number| {
                let jobs = jobs.clone();
                threads::start(format!("sign-{number}"), move || work(&jobs))
                    .expect("the operating system starts a signing thread")
            })
            .collect();
        Self(Arc::new(Threads { queue: Some(queue), threads }))
    }

    /// Signs `message` with `key`; never waits for room in the queue.
    pub async fn sign(
        &self,
        key: Arc<SigningKey>,
        hash: Hash,
        message: Bytes,
    ) -> Result<Vec<u8>, SignError> {
        self.submit(move || key.key.sign(hash, &message)).await
    }

    /// How many jobs wait for a thread.
    #[cfg(test)]
    pub fn queue_depth(&self) -> usize {
        self.0.queue.as_ref().map_or(0, Sender::len)
    }

    async fn submit(
        &self,
        task: impl FnOnce() -> Vec<u8> + Send + 'static,
    ) -> Result<Vec<u8>, SignError> {
        let (answer, answered) = oneshot::channel();
        let queue = self.0.queue.as_ref().ok_or(SignError::Failed)?;
        queue.try_send(Job { task: Box::new(task), answer }).map_err(|refused| match refused {
            TrySendError::Full(_) => SignError::QueueFull,
            TrySendError::Disconnected(_) => SignError::Failed,
        })?;
        from_thread(answered).await.map_err(|_| SignError::Failed)
    }
}

struct Threads {
    /// Taken only when the pool is dropped: closing the queue ends the threads.
    queue: Option<Sender<Job>>,
    threads: Vec<JoinHandle<()>>,
}

impl Drop for Threads {
    /// Waits for the threads. That takes no longer than one signature, because a job whose caller is gone is skipped
    /// and no caller is left when the last clone of the pool is dropped.
    fn drop(&mut self) {
        self.queue = None;
        for thread in self.threads.drain(..) {
            // A thread catches its jobs' panics, so its result does not matter.
            let _ = thread.join();
        }
    }
}

struct Job {
    task: Box<dyn FnOnce() -> Vec<u8> + Send>,
    answer: oneshot::Sender<Vec<u8>>,
}

fn work(jobs: &Receiver<Job>) {
    for Job { task, answer } in jobs {
        if answer.is_closed() {
            continue;
        }
        // A panic must not end the thread: the dropped `answer` reports it to the caller. The job owns all it touches, so
        // nothing half-changed is visible afterwards.
        if let Ok(signature) = catch_unwind(AssertUnwindSafe(task)) {
            let _ = answer.send(signature);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicBool, Ordering};

    use super::*;
    use crate::sign::fixture;

    /// A pool of one thread that is busy until the returned sender is dropped, and the task that keeps it busy.
    async fn busy_pool(
        queue: usize,
    ) -> (SignPool, std::sync::mpsc::Sender<()>, tokio::task::JoinHandle<Result<Vec<u8>, SignError>>)
    {
        let pool = SignPool::start(1, queue);
        let (hold, held) = std::sync::mpsc::channel::<()>();
        let (begun, beginning) = oneshot::channel();
        let task = tokio::spawn({
            let pool = pool.clone();
            async move {
                pool.submit(move || {
                    let _ = begun.send(());
                    let _ = held.recv();
                    Vec::new()
                })
                .await
            }
        });
        beginning.await.expect("the thread takes the job");
        (pool, hold, task)
    }

    #[tokio::test]
    async fn a_full_queue_is_refused_at_once_and_works_again_later() {
        let (pool, hold, busy) = busy_pool(1).await;
        let mut waiting = Box::pin(pool.submit(|| vec![1]));
        assert!(
            poll_once(waiting.as_mut()).await.is_none(),
            "one job waits behind the busy thread"
        );
        assert_eq!(pool.queue_depth(), 1);
        assert_eq!(pool.submit(|| vec![2]).await, Err(SignError::QueueFull));
        drop(hold);
        assert_eq!(waiting.await, Ok(vec![1]), "the job that waited is done");
        assert_eq!(busy.await.expect("no panic"), Ok(Vec::new()));
        assert_eq!(pool.submit(|| vec![3]).await, Ok(vec![3]), "there is room again");
    }

    #[tokio::test]
    async fn a_panic_reaches_its_caller_and_leaves_the_thread_working() {
        let pool = SignPool::start(1, 4);
        let panics = pool.submit(|| std::panic::resume_unwind(Box::new("a job gone wrong")));
        assert_eq!(panics.await, Err(SignError::Failed));
        assert_eq!(pool.submit(|| vec![7]).await, Ok(vec![7]));
    }

    #[tokio::test]
    async fn a_job_whose_caller_is_gone_is_not_done() {
        let (pool, hold, busy) = busy_pool(2).await;
        let done = Arc::new(AtomicBool::new(false));
        let mut abandoned = Box::pin(pool.submit({
            let done = done.clone();
            move || {
                done.store(true, Ordering::SeqCst);
                Vec::new()
            }
        }));
        assert!(poll_once(abandoned.as_mut()).await.is_none());
        drop(abandoned);
        drop(hold);
        assert_eq!(busy.await.expect("no panic"), Ok(Vec::new()));
        assert_eq!(pool.submit(|| vec![1]).await, Ok(vec![1]));
        assert!(!done.load(Ordering::SeqCst), "no caller waited for that signature");
    }

    #[tokio::test]
    async fn threads_are_named_and_end_with_the_last_clone() {
        let pool = SignPool::start(1, 1);
        let token = Arc::new(());
        let seen = token.clone();
        let name = pool
            .submit(move || {
                // Kept by the thread until it ends.
                KEPT.with(|kept| kept.replace(Some(seen)));
                std::thread::current().name().unwrap_or_default().as_bytes().to_vec()
            })
            .await;
        assert_eq!(name, Ok(b"sign-0".to_vec()));
        let clone = pool.clone();
        drop(pool);
        assert_eq!(clone.submit(|| vec![1]).await, Ok(vec![1]), "a clone keeps the threads");
        assert_eq!(Arc::strong_count(&token), 2);
        drop(clone);
        assert_eq!(Arc::strong_count(&token), 1, "the thread and what it held are gone");
    }

    #[tokio::test]
    async fn what_the_pool_signs_verifies() {
        let key = Arc::new(SigningKey {
            id: "test".into(),
            key: fixture::another_copy_of_first(),
            not_before: None,
            not_after: None,
        });
        let pool = SignPool::start(2, 8);
        let message = Bytes::from_static(b"{\"amount\":10000}");
        let signature = pool.sign(key.clone(), Hash::Sha256, message.clone()).await.expect("room");
        assert!(key.key.public().verify(Hash::Sha256, &message, &signature));
    }

    thread_local! {
        static KEPT: std::cell::RefCell<Option<Arc<()>>> = const { std::cell::RefCell::new(None) };
    }

    /// The future's result if it is ready now.
    async fn poll_once<F: Future>(mut future: std::pin::Pin<&mut F>) -> Option<F::Output> {
        std::future::poll_fn(|context| {
            std::task::Poll::Ready(match future.as_mut().poll(context) {
                std::task::Poll::Ready(output) => Some(output),
                std::task::Poll::Pending => None,
            })
        })
        .await
    }
}
