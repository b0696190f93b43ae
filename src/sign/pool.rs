//! A bounded pool of threads that signs, so that a 4096-bit signature never stalls the event loop.

use std::sync::Arc;

use bytes::Bytes;

use super::key::Hash;
use super::keyring::SigningKey;

/// Threads that sign, behind a bounded queue.
#[derive(Clone)]
pub struct SignPool {}

/// Why nothing was signed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SignError {
    #[error("the signing queue is full")]
    QueueFull,
    #[error("the signing thread failed")]
    Failed,
}

impl SignPool {
    /// Starts `threads` threads behind a queue of `queue` jobs.
    pub fn start(_threads: usize, _queue: usize) -> Self {
        todo!()
    }

    /// Signs `message` with `key`; never waits for room in the queue.
    pub async fn sign(
        &self,
        _key: Arc<SigningKey>,
        _hash: Hash,
        _message: Bytes,
    ) -> Result<Vec<u8>, SignError> {
        todo!()
    }
}
