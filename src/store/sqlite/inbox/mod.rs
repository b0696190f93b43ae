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

use super::SqliteStore;
use crate::store::page::PAGE_MAX;
use crate::store::{
    AccountCounts, Change, Claimed, Cursor, EventDetail, EventId, Filter, Inbox, Lease, Listing,
    NewEvent, Received, Retention, Selection, Settled, Settlement, StoreError, Swept, Tally,
};

/// Events handed out by one claim at most, so that one account does not fill a transaction.
const CLAIM_MAX: usize = 256;

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
        let done = self.operate(selection, operate::Change::Replay).await;
        let tally = self.observed.uncertain(done, Change::Replayed { selection, events: None })?;
        if tally.changed > 0 {
            let events = Some(tally.changed);
            self.observed.committed(Change::Replayed { selection, events });
        }
        Ok(tally)
    }

    async fn discard(
        &self,
        selection: &Selection,
        reason: &str,
        now_ms: i64,
    ) -> Result<Tally, StoreError> {
        let change = operate::Change::Discard { reason: reason.to_owned(), now_ms };
        let done = self.operate(selection, change).await;
        let discarded = |events| Change::Discarded { selection, reason, events };
        let tally = self.observed.uncertain(done, discarded(None))?;
        if tally.changed > 0 {
            self.observed.committed(discarded(Some(tally.changed)));
        }
        Ok(tally)
    }

    async fn counts(&self) -> Result<Vec<AccountCounts>, StoreError> {
        self.read(rows::counts).await
    }

    async fn sweep(&self, retention: Retention) -> Result<Swept, StoreError> {
        let mut swept = Swept::default();
        // Each step is a call of its own, so notifications get in between.
        loop {
            let step = self.write(move |work| sweep::remove_events(work, retention)).await?;
            swept.events += step.removed;
            if step.last {
                break;
            }
        }
        loop {
            let step = self.write(move |work| sweep::remove_keys(work, retention)).await?;
            swept.keys += step.removed;
            if step.last {
                break;
            }
        }
        loop {
            let step = self.write(sweep::give_room_back).await?;
            swept.freed_bytes += step.removed;
            if step.last {
                return Ok(swept);
            }
        }
    }
}

impl SqliteStore {
    /// Changes the selected events in steps of one call each, oldest first.
    async fn operate(
        &self,
        selection: &Selection,
        change: operate::Change,
    ) -> Result<Tally, StoreError> {
        let mut steps = operate::Steps::new(selection.clone());
        let mut total = Tally::default();
        loop {
            let change = change.clone();
            let (tally, rest) = self.write(move |work| operate::step(work, steps, &change)).await?;
            total.changed += tally.changed;
            total.in_flight += tally.in_flight;
            total.unchanged += tally.unchanged;
            total.unknown += tally.unknown;
            match rest {
                Some(rest) => steps = rest,
                None => return Ok(total),
            }
        }
    }
}
