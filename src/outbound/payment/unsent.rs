//! Calls that never left and whose end could not be recorded because the journal's disk failed: their callers got
//! "unknown".
//!
//! While the process lives it knows more than its journal: the calls listed here did not leave and will not. Once the
//! store can be written again, that is recorded, and the application is owed an event. After a restart only the journal
//! is left; the payments in it are queried, and end in an event too.

use std::collections::VecDeque;

use parking_lot::Mutex;

use crate::store::{JournalError, Store, StoreError, Unsent};

/// Far more than the calls that share a commit, and only those of the first failed commit get here; each is as long as
/// the posted body.
const UNSENT_MAX: usize = 1024;

const WHY: &str = "it was not sent: the journal could not be written";

/// Calls that never left and whose end is not recorded; oldest first.
#[derive(Debug, Default)]
pub(crate) struct UnsentCalls(Mutex<VecDeque<Unsent>>);

impl UnsentCalls {
    /// Its end is recorded as soon as the store can be written.
    pub fn add(&self, unsent: Unsent) {
        let mut list = self.0.lock();
        match list.len() < UNSENT_MAX {
            true => list.push_back(unsent),
            false => tracing::error!(
                "a caller learned that its call may be sent, and gets no event: too many calls wait for one"
            ),
        }
    }

    /// Records the ends that can be recorded, until the store fails again.
    pub async fn record(&self, store: &dyn Store, now_ms: i64) {
        loop {
            // Removed from the list only when it is written.
            let Some(unsent) = self.0.lock().front().cloned() else { return };
            match store.end_unsent(&unsent, WHY, now_ms).await {
                Ok(None) => {}
                Ok(Some(view)) => {
                    let row = view.row;
                    let (account, operation, reference) =
                        (row.account, row.operation, row.reference);
                    tracing::info!(
                        account,
                        operation,
                        reference,
                        "{WHY}; its caller gets an event now"
                    );
                }
                Err(JournalError::Store(
                    error @ (StoreError::Unavailable { .. }
                    | StoreError::Uncertain { .. }
                    | StoreError::Closed),
                )) => {
                    return tracing::debug!("that a call was not sent is recorded later: {error}");
                }
                // Trying again would change nothing.
                Err(error) => tracing::error!("no event can say that a call was not sent: {error}"),
            }
            self.0.lock().pop_front();
        }
    }
}
