//! The inbox: what a store must be able to do with events. Receiving, delivering, operating, tidying up.

mod query;
pub(super) mod steps;
mod types;

#[cfg(test)]
mod tests;

use async_trait::async_trait;
use tokio::sync::watch;

use super::StoreClock;
use super::error::StoreError;
use super::id::EventId;
use super::page::Cursor;

pub use query::{
    AccountCounts, AttemptRecord, EventDetail, EventRow, Filter, Listing, Retention, Selection,
    Swept, Tally,
};
pub use types::{
    Attempt, Claimed, EventState, Intake, Lease, NewEvent, Received, Settled, Settlement,
};

/// Notifications in, deliveries out.
///
/// **Order.** Of the open events with the same account and reference only the earliest can be claimed; the next one
/// follows when it is delivered, dead or discarded. Events without a reference wait for no other event. Only a replay can bring
/// an event behind one that came after it.
///
/// **Leases.** A claim holds for `lease_ms`. A process that dies leaves nothing to clean up: its claims become due again
/// when they run out, while those of a living process (two overlap during an upgrade) are respected.
///
/// **Time.** `now_ms` is a date for people. What is due when is counted in [store time](StoreClock::time_ms).
#[async_trait]
pub trait Inbox: StoreClock {
    /// Stores `event`, unless its account has already seen its dedupe key. Returns when it is on disk.
    async fn receive(&self, event: NewEvent) -> Result<Received, StoreError>;

    /// Hands out at most `limit` events of `account` that are due, longest due first, each for `lease_ms`.
    async fn claim(
        &self,
        account: &str,
        limit: usize,
        lease_ms: i64,
    ) -> Result<Vec<Claimed>, StoreError>;

    /// Makes `leases` hold for `lease_ms` from now; returns how many of them still held.
    async fn renew(&self, leases: &[Lease], lease_ms: i64) -> Result<usize, StoreError>;

    /// Ends a claim. With an event out of the way the next one of its reference becomes due.
    async fn settle(
        &self,
        lease: &Lease,
        settlement: Settlement,
        now_ms: i64,
    ) -> Result<Settled, StoreError>;

    /// When the next event of `account` is due, in store time; claims that run out included.
    async fn next_due(&self, account: &str) -> Result<Option<i64>, StoreError>;

    /// Changes whenever something of `account` may have become due, also by another process (a little later).
    fn changes(&self, account: &str) -> watch::Receiver<u64>;

    /// One page of events, newest first; `limit` is capped at 1,000.
    async fn list(
        &self,
        filter: &Filter,
        after: Option<Cursor>,
        limit: usize,
    ) -> Result<Listing, StoreError>;

    /// Everything about one event.
    async fn show(&self, id: &EventId) -> Result<Option<EventDetail>, StoreError>;

    /// Delivers closed events once more, under their old ids and in their old place: before open events of the same
    /// reference that came later. An open event that waits for its next attempt becomes due at once.
    async fn replay(&self, selection: &Selection) -> Result<Tally, StoreError>;

    /// Gives up open events and dead letters, for `reason`.
    async fn discard(
        &self,
        selection: &Selection,
        reason: &str,
        now_ms: i64,
    ) -> Result<Tally, StoreError>;

    /// Events by account and state, for metrics.
    async fn counts(&self) -> Result<Vec<AccountCounts>, StoreError>;

    /// Removes closed events and dedupe keys whose time has come, in small steps, and gives room back. Open events are
    /// never removed.
    async fn sweep(&self, retention: Retention) -> Result<Swept, StoreError>;
}
