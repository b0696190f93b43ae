//! What the money budgets must know about the hour before this process began.
//!
//! All of it is read once, whether an account has a budget or not: a reload may set one, or bring back an account
//! that was not configured when the process started. The budgets themselves record what this process spends.

use std::time::Duration;

use futures::executor::block_on;
use parking_lot::Mutex;
use tokio::time::Instant;

use crate::clock::instant;
use crate::config::Snapshot;
use crate::limits::Limiters;
use crate::store::{Spending, Store, StoreError};

const HOUR_MS: i64 = 3_600_000;

/// Money spent within the last hour that no budget counts yet, because its account is not configured.
pub(super) struct Spendings {
    waiting: Mutex<Vec<Spending>>,
    read_at: Instant,
    read_at_ms: i64,
}

impl Spendings {
    /// Reads what left within the last hour according to the journal. Call it before the first call is answered; it
    /// waits for the store's reading thread.
    ///
    /// # Errors
    /// When the journal cannot be read: a budget that wrongly looks unspent would protect nothing.
    pub fn read(store: &dyn Store) -> Result<Self, StoreError> {
        let (read_at, read_at_ms) = (instant(), store.time_ms());
        let waiting = Mutex::new(block_on(store.spendings(read_at_ms - HOUR_MS))?);
        Ok(Self { waiting, read_at, read_at_ms })
    }

    /// Counts, once, what the accounts of `snapshot` spent.
    pub fn count(&self, limiters: &Limiters, snapshot: &Snapshot) {
        let now = instant();
        let mut waiting = self.waiting.lock();
        let is_configured = |spending: &mut Spending| snapshot.account(&spending.account).is_some();
        for spending in waiting.extract_if(.., is_configured) {
            let Some(account) = snapshot.account(&spending.account) else { continue };
            let operation = account.provider.operation(&spending.operation);
            // Operations that the profile no longer has are counted too.
            if operation.is_some_and(|operation| operation.gives_back) {
                continue;
            }
            let ago_ms = u64::try_from(self.read_at_ms.saturating_sub(spending.at_ms)).unwrap_or(0);
            let ago =
                now.duration_since(self.read_at).saturating_add(Duration::from_millis(ago_ms));
            limiters.of(account).money.record(spending.amount_minor, ago, now);
        }
    }
}
