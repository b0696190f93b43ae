//! The inbox in SQL: this file ties the trait to the transactions, each in its own file beside it.

mod claim;
mod operate;
mod order;
pub(super) mod receive;
mod rows;
mod settle;
mod sweep;

#[cfg(test)]
pub(super) mod plans;

use async_trait::async_trait;
use aws_lc_rs::digest;
use tokio::sync::watch;

use self::operate::Rest;
use self::sweep::Removed;
use super::SqliteStore;
use super::job::Work;
use crate::store::inbox::steps::{self, CLAIM_MAX, Operation};
use crate::store::page::PAGE_MAX;
use crate::store::{
    AccountCounts, Change, Claimed, Cursor, EventDetail, EventId, Filter, Inbox, Lease, Listing,
    NewEvent, Received, Retention, Selection, Settled, Settlement, StoreError, Swept, Tally,
};

#[async_trait]
impl Inbox for SqliteStore {
    async fn receive(&self, event: NewEvent) -> Result<Received, StoreError> {
        let hash = digest::digest(&digest::SHA256, event.param.as_bytes());
        self.write(move |work| receive::receive(work, &event, hash.as_ref())).await
    }

    async fn claim(
        &self,
        account: &str,
        limit: usize,
        lease_ms: i64,
    ) -> Result<Vec<Claimed>, StoreError> {
        let account = account.to_owned();
        let limit = limit.min(CLAIM_MAX);
        self.write(move |work| claim::claim(work, &account, limit, lease_ms)).await
    }

    async fn renew(&self, leases: &[Lease], lease_ms: i64) -> Result<usize, StoreError> {
        let leases = leases.to_vec();
        self.write(move |work| claim::renew(work, &leases, lease_ms)).await
    }

    async fn settle(
        &self,
        lease: &Lease,
        settlement: Settlement,
        now_ms: i64,
    ) -> Result<Settled, StoreError> {
        let lease = lease.clone();
        self.write(move |work| settle::settle(work, &lease, &settlement, now_ms)).await
    }

    async fn next_due(&self, account: &str) -> Result<Option<i64>, StoreError> {
        let account = account.to_owned();
        self.read(move |connection| claim::next_due(connection, &account)).await
    }

    fn changes(&self, account: &str) -> watch::Receiver<u64> {
        self.shared.wake.listen(account)
    }

    async fn list(
        &self,
        filter: &Filter,
        after: Option<Cursor>,
        limit: usize,
    ) -> Result<Listing, StoreError> {
        let (filter, limit) = (filter.clone(), limit.clamp(1, PAGE_MAX));
        self.read(move |connection| rows::list(connection, &filter, after, limit)).await
    }

    async fn show(&self, id: &EventId) -> Result<Option<EventDetail>, StoreError> {
        let id = id.clone();
        self.read(move |connection| rows::show(connection, &id)).await
    }

    async fn replay(&self, selection: &Selection) -> Result<Tally, StoreError> {
        let change = |events| Change::Replayed { selection, events };
        self.operate(selection, Operation::Replay, change).await
    }

    async fn discard(
        &self,
        selection: &Selection,
        reason: &str,
        now_ms: i64,
    ) -> Result<Tally, StoreError> {
        let change = |events| Change::Discarded { selection, reason, events };
        let discard = Operation::Discard { reason: reason.to_owned(), now_ms };
        self.operate(selection, discard, change).await
    }

    async fn counts(&self) -> Result<Vec<AccountCounts>, StoreError> {
        self.read(rows::counts).await
    }

    async fn sweep(&self, retention: Retention) -> Result<Swept, StoreError> {
        let events = self.remove(move |work| sweep::remove_events(work, retention)).await?;
        let keys = self.remove(move |work| sweep::remove_keys(work, retention)).await?;
        let freed_bytes = self.remove(sweep::give_room_back).await?;
        Ok(Swept { events, keys, freed_bytes })
    }
}

impl SqliteStore {
    /// Does `operation` to the selected events in steps of one call each, oldest first. `change` is what it is for the
    /// store's observer, given how many events changed.
    async fn operate<'a>(
        &self,
        selection: &Selection,
        operation: Operation,
        change: impl Fn(Option<u64>) -> Change<'a>,
    ) -> Result<Tally, StoreError> {
        let (mut tally, mut rest) = (Tally::default(), Some(Rest::all(selection.clone())));
        while let Some(some) = rest {
            let operation = operation.clone();
            let done = self.write(move |work| operate::some(work, some, &operation, tally)).await;
            (tally, rest) = self.observed.uncertain(done, change(None))?;
        }
        if tally.changed > 0 {
            self.observed.committed(change(Some(tally.changed)));
        }
        Ok(tally)
    }

    /// Removes what is old, a little in each call, so that notifications get in between; returns how much.
    async fn remove<F>(&self, some: F) -> Result<u64, StoreError>
    where
        F: Fn(&mut Work<'_>) -> rusqlite::Result<Removed> + Copy + Send + 'static,
    {
        let mut total = 0;
        loop {
            let Removed { count, last } = self.write(some).await?;
            total += count;
            if last {
                return Ok(total);
            }
        }
    }
}
