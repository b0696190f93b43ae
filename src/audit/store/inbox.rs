//! What operators do to the inbox is written down; what the delivery does passes.

use async_trait::async_trait;
use tokio::sync::watch;

use super::Audited;
use crate::audit::{Action, Entry};
use crate::store::{
    AccountCounts, Claimed, Cursor, EventDetail, EventId, Filter, Inbox, Lease, Listing, NewEvent,
    Received, Retention, Selection, Settled, Settlement, StoreError, Swept, Tally,
};

/// Ids that one entry names; of more, the number is told.
const IDS_NAMED_MAX: usize = 20;

#[async_trait]
impl Inbox for Audited {
    async fn receive(&self, event: NewEvent) -> Result<Received, StoreError> {
        self.store.receive(event).await
    }

    async fn claim(
        &self,
        account: &str,
        limit: usize,
        lease_ms: i64,
    ) -> Result<Vec<Claimed>, StoreError> {
        self.store.claim(account, limit, lease_ms).await
    }

    async fn renew(&self, leases: &[Lease], lease_ms: i64) -> Result<usize, StoreError> {
        self.store.renew(leases, lease_ms).await
    }

    async fn settle(
        &self,
        lease: &Lease,
        settlement: Settlement,
        now_ms: i64,
    ) -> Result<Settled, StoreError> {
        self.store.settle(lease, settlement, now_ms).await
    }

    async fn next_due(&self, account: &str) -> Result<Option<i64>, StoreError> {
        self.store.next_due(account).await
    }

    fn changes(&self, account: &str) -> watch::Receiver<u64> {
        self.store.changes(account)
    }

    async fn list(
        &self,
        filter: &Filter,
        after: Option<Cursor>,
        limit: usize,
    ) -> Result<Listing, StoreError> {
        self.store.list(filter, after, limit).await
    }

    async fn show(&self, id: &EventId) -> Result<Option<EventDetail>, StoreError> {
        self.store.show(id).await
    }

    async fn replay(&self, selection: &Selection) -> Result<Tally, StoreError> {
        let done = self.store.replay(selection).await;
        let tally = self.failed(done, || self.operation(Action::Replayed, selection, None))?;
        self.operated(Action::Replayed, selection, None, tally);
        Ok(tally)
    }

    async fn discard(
        &self,
        selection: &Selection,
        reason: &str,
        now_ms: i64,
    ) -> Result<Tally, StoreError> {
        let done = self.store.discard(selection, reason, now_ms).await;
        let entry = || self.operation(Action::Discarded, selection, Some(reason));
        let tally = self.failed(done, entry)?;
        self.operated(Action::Discarded, selection, Some(reason), tally);
        Ok(tally)
    }

    async fn counts(&self) -> Result<Vec<AccountCounts>, StoreError> {
        self.store.counts().await
    }

    async fn sweep(&self, retention: Retention) -> Result<Swept, StoreError> {
        self.store.sweep(retention).await
    }
}

impl Audited {
    fn operated(&self, action: Action, selection: &Selection, reason: Option<&str>, tally: Tally) {
        if tally.changed > 0 {
            self.audit.record(self.operation(action, selection, reason).counting(tally.changed));
        }
    }

    fn operation(&self, action: Action, selection: &Selection, reason: Option<&str>) -> Entry {
        Entry {
            events: Some(words(selection)),
            reason: reason.map(str::to_owned),
            ..self.entry(action)
        }
    }
}

/// What an operator asked for.
fn words(selection: &Selection) -> String {
    match selection {
        Selection::Ids(ids) => {
            let named: Vec<&str> = ids.iter().take(IDS_NAMED_MAX).map(EventId::as_str).collect();
            match ids.len() - named.len() {
                0 => named.join(" "),
                more => format!("{} and {more} more", named.join(" ")),
            }
        }
        Selection::Matching(filter) => {
            let states: Vec<&str> = filter.states.iter().map(|state| state.as_str()).collect();
            let parts = [
                filter.account.as_ref().map(|account| format!("account {account}")),
                (!states.is_empty()).then(|| format!("state {}", states.join(" "))),
                filter.reference.as_ref().map(|reference| format!("reference {reference}")),
                filter.from_ms.map(|at| format!("from {at}")),
                filter.until_ms.map(|at| format!("until {at}")),
            ];
            parts.into_iter().flatten().collect::<Vec<_>>().join(", ")
        }
    }
}
