//! The only durable state of the program, and the only place that knows a database.
//!
//! Everyone else sees `dyn Store`. It keeps the **inbox**: every verified notification, the event made from it and
//! how far its delivery got; and the **journal**: every money-moving call and what is known of it. Both live in the same
//! file and share commits. An `Ok` from a writing method means that it is on disk.
//!
//! Two kinds of time. *Dates* (`now_ms`, `…_at_ms`) are the caller's wall clock in milliseconds since the Unix epoch: they are
//! kept for people and decide nothing. What decides (leases, holds, due times, proofs of absence, retention) is counted in
//! *store time*, which the store owns: callers give durations, and read it by [`StoreClock::time_ms`] where a moment is meant.

mod error;
mod id;
mod inbox;
mod journal;
mod memory;
mod observe;
mod page;
mod sqlite;
mod url;
mod wake;

#[cfg(test)]
mod conformance;
#[cfg(test)]
pub mod volatile;

use std::sync::Arc;

use async_trait::async_trait;

use crate::clock::Clock;

pub use error::{Reason, StoreError};
pub use id::{EventId, PaymentId};
pub use inbox::{
    AccountCounts, Attempt, AttemptRecord, Claimed, EventDetail, EventRow, EventState, Filter,
    Inbox, Intake, Lease, Listing, NewEvent, Received, Retention, Selection, Settled, Settlement,
    Swept, Tally,
};
pub use journal::{
    AccountNames, Begun, Closure, Conclusion, Due, Freeze, HistoryEntry, Journal, JournalError,
    Leave, LeftBehind, NewPayment, Noticed, Notification, NotificationEvent, OpenAt, OutcomeEvent,
    PaymentCounts, PaymentDetail, PaymentFilter, PaymentListing, PaymentRow, PaymentView,
    QueryAnswer, QueryTimes, Recovered, RunningSidecar, Spending, Standing, Step, StoredAnswer,
    Unsent,
};
pub use memory::MemoryStore;
pub use observe::{Change, Observer, Subject};
pub use page::Cursor;
pub use sqlite::SqliteStore;
pub use url::StoreUrl;

/// What inbox and journal count time with.
pub trait StoreClock: Send + Sync + 'static {
    /// Store time: milliseconds that pass only as real time does, whatever the wall clock is set to, and never go back. It
    /// is the same in every process that uses the store, and stands still while none can.
    fn time_ms(&self) -> i64;
}

/// Everything durable. One value per process, shared as `Arc<dyn Store>`.
#[async_trait]
pub trait Store: Inbox + Journal {
    /// Lets `observer` see what is committed from now on. A store has one observer: the first.
    fn observe(&self, observer: Arc<dyn Observer>);

    /// Makes one small durable write: `Ok` means that a notification or a journal entry could be stored now, and that none
    /// failed to be in the last seconds.
    async fn probe(&self) -> Result<(), StoreError>;

    /// Lets commands beside this process see which accounts it has from now on: call it once it works with them, so that
    /// no command sees an account too early. A failure is logged, and commands go on seeing the accounts it had before.
    /// Blocks for a moment.
    fn tell_accounts(&self, accounts: &[AccountNames]);

    /// Writes what is queued, closes the files and waits for both. Later calls answer [`StoreError::Closed`].
    async fn close(&self) -> Result<(), StoreError>;
}

/// Opens the store at `url` for a process that makes payments, creating it or bringing its schema up to date; commands can
/// see from then on that it is in use. Blocks for a moment: call it at start.
pub fn open(url: &StoreUrl) -> Result<Arc<dyn Store>, StoreError> {
    open_by(url, Clock::System)
}

/// As [`open`], with another machine's clocks.
pub fn open_by(url: &StoreUrl, clock: Clock) -> Result<Arc<dyn Store>, StoreError> {
    match url {
        StoreUrl::Sqlite(path) => Ok(Arc::new(SqliteStore::open(path, clock)?)),
    }
}

/// What the store at `url` holds for the configured `accounts`; `None` when there is no store. Only looks: nothing is
/// made, brought up to date or held up, also beside a sidecar that runs on it. Blocks for a moment.
pub fn look(url: &StoreUrl, accounts: &[AccountNames]) -> Result<Option<Standing>, StoreError> {
    match url {
        StoreUrl::Sqlite(path) => sqlite::look(path, accounts),
    }
}

/// As [`open`], for commands: a store that is not there, or has an older schema, is an error and is left as it is.
pub fn open_existing(url: &StoreUrl) -> Result<Arc<dyn Store>, StoreError> {
    match url {
        StoreUrl::Sqlite(path) => Ok(Arc::new(SqliteStore::open_existing(path, Clock::System)?)),
    }
}

/// The running sidecars that use the very store at `url`.
pub fn sidecars(url: &StoreUrl) -> Vec<RunningSidecar> {
    match url {
        StoreUrl::Sqlite(path) => sqlite::sidecars(path),
    }
}
