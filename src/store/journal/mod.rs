//! The journal: what a store must be able to do with money-moving calls. Making, resolving and listing them.

mod event;
pub(super) mod names;
mod payment;
mod payments;
mod standing;
mod step;
pub(super) mod steps;
pub(super) mod take;

use std::collections::BTreeMap;

use async_trait::async_trait;
use tokio::sync::watch;

use super::{Cursor, PaymentId, Received, StoreClock, StoreError};

pub use event::{NotificationEvent, OutcomeEvent};
pub use names::{AccountNames, RunningSidecar};
pub use payment::{
    ANSWER_BYTES_MAX, Begun, Closure, Conclusion, Due, Freeze, HistoryEntry, JournalError, Leave,
    NewPayment, Noticed, Notification, PaymentDetail, PaymentRow, PaymentView, QueryAnswer,
    QueryTimes, Recovered, Spending, StoredAnswer, Unsent,
};
pub use payments::{PAYMENTS_KEPT_MIN_MS, PaymentCounts, PaymentFilter, PaymentListing};
pub use standing::{LeftBehind, OpenAt, Standing};
pub use step::Step;

/// Money-moving calls: recorded before they leave, settled when their outcome is known.
///
/// **Before the first byte.** [`Journal::begin`], then [`Step::AboutToSend`] before every attempt; both are on disk
/// when they return `Ok`. After an error nothing may be sent; after one that
/// [may be written](JournalError::may_be_written) the next start may still send it.
///
/// **The rules** are those of [`crate::payment::step()`], enforced in the same transaction that writes: a step they forbid
/// is [`JournalError::Forbidden`] and changes nothing.
///
/// **Events.** Where a step makes an unknown outcome known, its event is stored in the transaction that takes the step:
/// no crash can keep the one without the other. The steps that can do so take an [`OutcomeEvent`].
///
/// **Time.** `now_ms` is a date for the history. What may be done when is counted in [store time](StoreClock::time_ms).
///
/// **Dead processes.** A payment belongs to the process that begins or attempts it while that process lives and its lease
/// has not ended; then [`Journal::recover`] turns an attempt into an unknown outcome, and one that was never sent into
/// `not_sent`.
#[async_trait]
pub trait Journal: StoreClock {
    /// Records a call, unless its account, operation and reference already identify one that counts. Of any number
    /// of concurrent callers exactly one gets [`Begun::Fresh`].
    async fn begin(&self, new: NewPayment) -> Result<Begun, StoreError>;

    /// [`Journal::begin`] and the first [`Step::AboutToSend`] in one write: for a caller that waits for nothing in
    /// between. A fresh payment comes back with attempt 1 announced.
    async fn begin_sending(&self, new: NewPayment) -> Result<Begun, StoreError>;

    /// Lets a payment take a step, and returns it as it then is.
    async fn step(&self, id: &PaymentId, step: Step) -> Result<PaymentView, JournalError>;

    /// Whether an attempt that this process announced may still leave: the payment was not settled or taken
    /// over and its account not frozen, and no other process can take it over for `lease_left_ms` yet. For the last moment before the first byte.
    async fn may_leave(
        &self,
        id: &PaymentId,
        attempt: u32,
        lease_left_ms: i64,
    ) -> Result<Leave, StoreError>;

    /// Ends a call that provably never left, once the store can be written again: settled as not sent (or rejected, as
    /// [`Step::GiveUp`] does), and its event owed. `None` when
    /// it was ended elsewhere or another caller answers for it, or when another call has used its reference since.
    async fn end_unsent(
        &self,
        unsent: &Unsent,
        reason: &str,
        now_ms: i64,
    ) -> Result<Option<PaymentView>, JournalError>;

    /// Hands out at most `limit` payments of `account` that are `due` to be queried, longest due first. No other
    /// worker gets them for `lease_ms`.
    async fn claim_due(
        &self,
        account: &str,
        due: Due,
        limit: usize,
        lease_ms: i64,
    ) -> Result<Vec<PaymentView>, StoreError>;

    /// At most `limit` settled payments of `account` whose event is owed still.
    async fn owed_events(
        &self,
        account: &str,
        limit: usize,
    ) -> Result<Vec<PaymentView>, StoreError>;

    /// Compares `notice` with the journal, completes `event` with what that shows, stores it as
    /// [`Inbox::receive`](super::Inbox::receive) does and, unless it is a duplicate or contradicts the payment, settles
    /// the payment that it is about, all in one transaction. Returns that payment as it then is.
    async fn receive_notification(
        &self,
        notice: Notification,
        event: NotificationEvent,
    ) -> Result<(Received, Noticed), StoreError>;

    /// Takes over what dead processes left behind. Call it at start and every few seconds.
    async fn recover(&self, now_ms: i64) -> Result<Recovered, StoreError>;

    /// Changes whenever this payment did (in this process; by another one, a little later).
    fn payment_changes(&self, id: &PaymentId) -> watch::Receiver<u64>;

    /// Changes whenever a payment of `account` may have become due for a status query.
    fn unknown_changes(&self, account: &str) -> watch::Receiver<u64>;

    /// The payment that holds a reference: the latest that was made or may be, else the latest of all.
    async fn find_payment(
        &self,
        account: &str,
        operation: &str,
        reference: &str,
    ) -> Result<Option<PaymentView>, StoreError>;

    /// One payment without its history.
    async fn payment(&self, id: &PaymentId) -> Result<Option<PaymentView>, StoreError>;

    /// Everything about one payment.
    async fn show_payment(&self, id: &PaymentId) -> Result<Option<PaymentDetail>, StoreError>;

    /// One page of payments, newest first; `limit` is capped at 1,000.
    async fn list_payments(
        &self,
        filter: &PaymentFilter,
        after: Option<Cursor>,
        limit: usize,
    ) -> Result<PaymentListing, StoreError>;

    /// Open payments by account, for metrics.
    async fn payment_counts(&self) -> Result<Vec<PaymentCounts>, StoreError>;

    /// Records the names of accounts, present and former. From then on every process on the store finds, shows and reports
    /// what is under a former name under the present one, even after the configuration no longer lists it.
    /// Returns the accounts that were another account's former name and are now separate accounts.
    async fn know_accounts(&self, accounts: &[AccountNames]) -> Result<Vec<String>, StoreError>;

    /// Every account name that the store has met, with the name in use of its account: of payments, events, freezes, and
    /// of accounts that were renamed.
    async fn known_names(&self) -> Result<BTreeMap<String, String>, StoreError>;

    /// Payments that are not over, by account, operation and place.
    async fn open_at(&self, accounts: &[AccountNames]) -> Result<Vec<OpenAt>, StoreError>;

    /// The same, and what is kept of accounts that are not among `accounts`: reads an index of all payments of those.
    async fn standing(&self, accounts: &[AccountNames]) -> Result<Standing, StoreError>;

    /// Amounts of payments that left at or after `since_ms` (store time) and are not known to have come to nothing, by account,
    /// operation and minute: what counts against a budget after a restart.
    async fn spendings(&self, since_ms: i64) -> Result<Vec<Spending>, StoreError>;

    /// Removes payments that were settled more than `kept_ms` ago, in small steps; returns how many. Never sooner than
    /// [`PAYMENTS_KEPT_MIN_MS`], and never one that is not settled.
    async fn sweep_payments(&self, kept_ms: i64) -> Result<u64, StoreError>;

    /// Lets nothing of `account` be begun or sent until [`Journal::unfreeze`]. A second freeze keeps the first one's time.
    async fn freeze(&self, account: &str, reason: &str, now_ms: i64) -> Result<(), StoreError>;

    /// Ends a freeze; false when there was none.
    async fn unfreeze(&self, account: &str) -> Result<bool, StoreError>;

    /// The freezes that hold.
    async fn freezes(&self) -> Result<Vec<Freeze>, StoreError>;
}

/// The key under which the resolver of an account is woken. No account's name has a colon, so it is not the delivery's.
pub(super) fn resolver_key(account: &str) -> String {
    format!("unknown:{account}")
}
