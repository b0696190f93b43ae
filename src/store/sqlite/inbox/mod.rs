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

use super::{SqliteStore, lock};
use crate::store::{
    AccountCounts, Claimed, Cursor, EventDetail, EventId, Filter, Inbox, Lease, Listing, NewEvent,
    Received, Retention, Selection, Settled, Settlement, StoreError, Swept, Tally,
};

/// A clock that goes back by less than this is not worth rescheduling for: accounts are claimed from several threads.
const CLOCK_STEP_MS: i64 = 1_000;

/// Events handed out by one claim at most, so that one account does not fill a transaction.
const CLAIM_MAX: usize = 256;

/// Events on one page at most.
const PAGE_MAX: usize = 1_000;

#[async_trait]
impl Inbox for SqliteStore {
    async fn receive(&self, event: NewEvent) -> Result<Received, StoreError> {
        let hash = digest::digest(&digest::SHA256, event.param.as_bytes());
        self.write(move |work| receive::receive(work, &event, hash.as_ref())).await
    }

    async fn claim(
        &self,
        account: &str,
        now_ms: i64,
        limit: usize,
        lease_ms: i64,
    ) -> Result<Vec<Claimed>, StoreError> {
        let account = account.to_owned();
        if self.clock_was_set_back(&account, now_ms) {
            self.reschedule(&account, now_ms).await?;
        }
        self.remember_claim(&account, now_ms);
        let limit = limit.min(CLAIM_MAX);
        self.write(move |work| claim::claim(work, &account, now_ms, limit, lease_ms)).await
    }

    async fn renew(
        &self,
        leases: &[Lease],
        now_ms: i64,
        lease_ms: i64,
    ) -> Result<usize, StoreError> {
        let leases = leases.to_vec();
        self.write(move |work| claim::renew(work, &leases, now_ms, lease_ms)).await
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

    async fn replay(&self, selection: &Selection, now_ms: i64) -> Result<Tally, StoreError> {
        self.operate(selection, operate::Change::Replay, now_ms).await
    }

    async fn discard(
        &self,
        selection: &Selection,
        reason: &str,
        now_ms: i64,
    ) -> Result<Tally, StoreError> {
        let change = operate::Change::Discard { reason: reason.to_owned() };
        self.operate(selection, change, now_ms).await
    }

    async fn counts(&self) -> Result<Vec<AccountCounts>, StoreError> {
        self.read(rows::counts).await
    }

    async fn sweep(&self, now_ms: i64, retention: Retention) -> Result<Swept, StoreError> {
        let mut swept = Swept::default();
        // Each step is a call of its own, so notifications get in between.
        loop {
            let step =
                self.write(move |work| sweep::remove_events(work, now_ms, retention)).await?;
            swept.events += step.removed;
            if step.last {
                break;
            }
        }
        loop {
            let step = self.write(move |work| sweep::remove_keys(work, now_ms, retention)).await?;
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
        now_ms: i64,
    ) -> Result<Tally, StoreError> {
        let mut steps = operate::Steps::new(selection.clone());
        let mut total = Tally::default();
        loop {
            let change = change.clone();
            let (tally, rest) =
                self.write(move |work| operate::step(work, steps, &change, now_ms)).await?;
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

    /// Also true for the first claim after a start: nobody knows what the clock did meanwhile.
    pub(super) fn clock_was_set_back(&self, account: &str, now_ms: i64) -> bool {
        let latest = lock(&self.claimed_at).get(account).copied();
        latest.is_none_or(|latest| now_ms < latest.saturating_sub(CLOCK_STEP_MS))
    }

    pub(super) fn remember_claim(&self, account: &str, now_ms: i64) {
        let mut claimed_at = lock(&self.claimed_at);
        let latest = claimed_at.entry(account.to_owned()).or_insert(now_ms);
        // A claim that is only a little behind came from another thread.
        if now_ms > *latest || now_ms < latest.saturating_sub(CLOCK_STEP_MS) {
            *latest = now_ms;
        }
    }

    /// Small steps again: a million events may be waiting for a retry.
    async fn reschedule(&self, account: &str, now_ms: i64) -> Result<(), StoreError> {
        for name in self.names_of(account).await? {
            let mut from = Some(claim::Place { next_attempt_at: now_ms, sequence: i64::MAX });
            while let Some(place) = from {
                let name = name.clone();
                from =
                    self.write(move |work| claim::reschedule(work, &name, now_ms, place)).await?;
            }
        }
        Ok(())
    }
}
