//! Calls that never left, and whose end could not be written down because the journal's disk failed: their callers were told
//! "unknown".
//!
//! While the process lives it knows better than its journal: what is listed here did not leave and will not. Once the store
//! can be written again that is written down, and the application is owed an event. After a restart the journal is all
//! there is; what stands in it is asked about, and ends in an event too.

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::super::Outbound;
use crate::store::{JournalError, StoreError, Unsent};

/// Far more than the calls that share a commit, and only those of the first one that fails get here; each is as long as
/// what was posted.
const UNSETTLED_MAX: usize = 1024;

const WHY: &str = "it was not sent: the journal could not be written";

/// Oldest first.
#[derive(Debug, Default)]
pub struct Unsettled(Mutex<VecDeque<Unsent>>);

impl Unsettled {
    /// It is settled as soon as the store can be written.
    pub(super) fn add(&self, unsent: Unsent) {
        let mut list = self.lock();
        match list.len() < UNSETTLED_MAX {
            true => list.push_back(unsent),
            false => tracing::error!(
                "a caller was told that its call may be sent, and will get no event: too many were"
            ),
        }
    }

    fn lock(&self) -> MutexGuard<'_, VecDeque<Unsent>> {
        // Nothing panics while holding it.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Writes down what can be, until the store fails again.
pub(super) async fn settle(outbound: &Outbound) {
    loop {
        // Taken off the list only when it is written.
        let Some(unsent) = outbound.unsettled.lock().front().cloned() else { return };
        let now_ms = outbound.clock.unix_ms();
        match outbound.store.end_unsent(&unsent, WHY, now_ms).await {
            Ok(None) => {}
            Ok(Some(view)) => {
                let row = view.row;
                let (account, operation, reference) = (row.account, row.operation, row.reference);
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
        outbound.unsettled.lock().pop_front();
    }
}
