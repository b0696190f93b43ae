//! An inbox whose disk is full for a while.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use async_trait::async_trait;
use tokio::sync::watch;

use crate::store::{
    AccountCounts, Claimed, Cursor, EventDetail, EventId, Filter, Inbox, Lease, Listing, NewEvent,
    Reason, Received, Retention, Selection, Settled, Settlement, StoreClock, StoreError, Swept,
    Tally,
};

type Answer<T> = Result<T, StoreError>;

/// Refuses a given number of claims and settlements, and passes everything else on.
pub struct Flaky {
    pub inner: Arc<dyn Inbox>,
    pub claims: AtomicU32,
    pub settlements: AtomicU32,
}

impl Flaky {
    pub fn around(inner: Arc<dyn Inbox>) -> Self {
        Self { inner, claims: AtomicU32::new(0), settlements: AtomicU32::new(0) }
    }
}

fn pass(refusals: &AtomicU32) -> Answer<()> {
    match refusals.try_update(Ordering::SeqCst, Ordering::SeqCst, |left| left.checked_sub(1)) {
        Ok(_) => Err(StoreError::Unavailable { reason: Reason::DiskFull, detail: "test".into() }),
        Err(_) => Ok(()),
    }
}

impl StoreClock for Flaky {
    fn time_ms(&self) -> i64 {
        self.inner.time_ms()
    }
}

#[async_trait]
impl Inbox for Flaky {
    async fn receive(&self, event: NewEvent) -> Answer<Received> {
        self.inner.receive(event).await
    }

    async fn claim(&self, account: &str, limit: usize, lease_ms: i64) -> Answer<Vec<Claimed>> {
        pass(&self.claims)?;
        self.inner.claim(account, limit, lease_ms).await
    }

    async fn renew(&self, leases: &[Lease], lease_ms: i64) -> Answer<usize> {
        self.inner.renew(leases, lease_ms).await
    }

    async fn settle(&self, lease: &Lease, end: Settlement, now_ms: i64) -> Answer<Settled> {
        pass(&self.settlements)?;
        self.inner.settle(lease, end, now_ms).await
    }

    async fn next_due(&self, account: &str) -> Answer<Option<i64>> {
        self.inner.next_due(account).await
    }

    fn changes(&self, account: &str) -> watch::Receiver<u64> {
        self.inner.changes(account)
    }

    async fn list(&self, filter: &Filter, after: Option<Cursor>, limit: usize) -> Answer<Listing> {
        self.inner.list(filter, after, limit).await
    }

    async fn show(&self, id: &EventId) -> Answer<Option<EventDetail>> {
        self.inner.show(id).await
    }

    async fn replay(&self, selection: &Selection) -> Answer<Tally> {
        self.inner.replay(selection).await
    }

    async fn discard(&self, selection: &Selection, reason: &str, now_ms: i64) -> Answer<Tally> {
        self.inner.discard(selection, reason, now_ms).await
    }

    async fn counts(&self) -> Answer<Vec<AccountCounts>> {
        self.inner.counts().await
    }

    async fn sweep(&self, retention: Retention) -> Answer<Swept> {
        self.inner.sweep(retention).await
    }
}
