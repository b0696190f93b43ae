//! Calls that never left, and whose end could not be recorded because the journal's disk failed: their callers got
//! "unknown".
//!
//! While the process lives it knows better than its journal: what is listed here did not leave and will not. Once the
//! store can be written again, that is recorded, and an event is owed to the application. After a restart the journal is all
//! there is; what stands in it is queried, and ends in an event too.

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::store::{JournalError, Store, StoreError, Unsent};

/// Far more than the calls that share a commit, and only those of the first one that fails get here; each is as long as
/// what was posted.
const UNSENT_MAX: usize = 1024;

const WHY: &str = "it was not sent: the journal could not be written";

/// Calls that never left and whose end is not recorded; oldest first.
#[derive(Debug, Default)]
pub(crate) struct UnsentCalls(Mutex<VecDeque<Unsent>>);

impl UnsentCalls {
    /// Its end is recorded as soon as the store can be written.
    pub fn add(&self, unsent: Unsent) {
        let mut list = self.lock();
        match list.len() < UNSENT_MAX {
            true => list.push_back(unsent),
            false => tracing::error!(
                "a caller was told that its call may be sent, and will get no event: too many were"
            ),
        }
    }

    /// Records the ends that can be recorded, until the store fails again.
    pub async fn record(&self, store: &dyn Store, now_ms: i64) {
        loop {
            // Taken off the list only when it is written.
            let Some(unsent) = self.lock().front().cloned() else { return };
            match store.end_unsent(&unsent, WHY, now_ms).await {
                Ok(None) => {}
                Ok(Some(view)) => {
                    let row = view.row;
                    let (account, operation, reference) =
                        (row.account, row.operation, row.reference);
                    tracing::info!(account, operation, reference, "{WHY}; its caller is told now");
                }
                Err(JournalError::Store(
                    error @ (StoreError::Unavailable { .. }
                    | StoreError::Uncertain { .. }
                    | StoreError::Closed),
                )) => return tracing::debug!("what was not sent is written down later: {error}"),
                // Trying again would change nothing.
                Err(error) => tracing::error!("nobody is told that a call was not sent: {error}"),
            }
            self.lock().pop_front();
        }
    }

    fn lock(&self) -> MutexGuard<'_, VecDeque<Unsent>> {
        // Nothing panics while holding it.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
