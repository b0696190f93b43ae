//! Taking a lock.

use std::sync::{Mutex, MutexGuard, PoisonError};

/// A lock that a panic elsewhere has not made unusable: the sandbox goes on for its other clients.
pub fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
