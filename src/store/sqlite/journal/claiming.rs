//! Claims, with what a clock that was set back asks of them.

use super::super::SqliteStore;
use super::super::job::Work;
use super::{CLAIM_MAX, ask};
use crate::store::{PaymentView, StoreError};

impl SqliteStore {
    pub(super) async fn claim_in_state(
        &self,
        account: &str,
        state: &'static str,
        now_ms: i64,
        limit: usize,
        lease_ms: i64,
    ) -> Result<Vec<PaymentView>, StoreError> {
        let key = format!("{state}:{account}");
        if self.clock_was_set_back(&key, now_ms) {
            self.pull_in(account, state, now_ms).await?;
        }
        self.remember_claim(&key, now_ms);
        let (account, limit) = (account.to_owned(), limit.min(CLAIM_MAX));
        self.hold_and_write(move |work, holder| {
            ask::claim(work, holder, &account, state, now_ms, limit, lease_ms)
        })
        .await
    }

    /// In small steps: a million payments may be waiting for their notification.
    async fn pull_in(
        &self,
        account: &str,
        state: &'static str,
        now_ms: i64,
    ) -> Result<(), StoreError> {
        for name in self.names_of(account).await? {
            let mut from = Some(ask::Place::beyond(now_ms));
            while let Some(place) = from {
                let name = name.clone();
                let step =
                    move |work: &mut Work<'_>| ask::pull_in(work, &name, state, now_ms, place);
                from = self.write(step).await?;
            }
        }
        Ok(())
    }
}
