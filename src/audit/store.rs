//! A store that writes down what is done to it. Everything that moves money or is done by an operator passes here, in
//! whatever process, so nothing else has to remember to.
//!
//! An entry is made after the store said that the thing is done; the store's answers pass unchanged.

mod inbox;

use std::sync::Arc;

use async_trait::async_trait;
use std::collections::BTreeMap;
use tokio::sync::watch;

use super::actor::{self, Actor};
use super::{Action, Audit, Entry};
use crate::outcome::Outcome;
use crate::store::{
    AccountNames, Begun, Cursor, Freeze, Journal, JournalError, Leave, NewPayment, Notice, Noticed,
    NotificationEvent, Observer, OpenAt, PaymentCounts, PaymentDetail, PaymentFilter, PaymentId,
    PaymentListing, PaymentRow, PaymentView, Received, Recovered, Spending, Standing, Step, Store,
    StoreClock, StoreError, Unsent,
};

/// `store`, audited. What is done outside a request that says who does it is done by `otherwise`.
pub fn audited(store: Arc<dyn Store>, audit: Audit, otherwise: Actor) -> Arc<dyn Store> {
    Arc::new(Audited { store, audit, otherwise })
}

struct Audited {
    store: Arc<dyn Store>,
    audit: Audit,
    otherwise: Actor,
}

impl Audited {
    fn entry(&self, action: Action) -> Entry {
        match actor::current() {
            Some((actor, request_id)) => Entry::new(action, actor).within(&request_id),
            None => Entry::new(action, self.otherwise),
        }
    }

    /// What may have been done is written down too.
    fn failed<T, E: Clone + Into<JournalError>>(
        &self,
        done: Result<T, E>,
        entry: impl FnOnce() -> Entry,
    ) -> Result<T, E> {
        done.inspect_err(|error| {
            if error.clone().into().may_be_written() {
                self.audit.record(entry().uncertain());
            }
        })
    }

    fn begun(&self, begun: &Begun, is_sent: bool) {
        let Begun::Fresh(view) = begun else { return };
        self.audit.record(self.entry(Action::PaymentBegun).about_payment(&view.row));
        if is_sent {
            self.sent(&view.row.id, view.row.payment.attempts);
        }
    }

    fn sent(&self, id: &PaymentId, attempt: u32) {
        let mut entry = self.entry(Action::PaymentSent).about(id);
        entry.attempt = Some(attempt);
        self.audit.record(entry);
    }

    /// A payment took a step at `now_ms` that may have settled it.
    fn stepped(&self, row: &PaymentRow, now_ms: i64) {
        if row.end().is_some() && row.settled_at_ms == Some(now_ms) {
            let mut entry = self.entry(Action::PaymentSettled).about_payment(row);
            entry.code = row.provider_code;
            self.audit.record(entry);
        }
    }
}

impl StoreClock for Audited {
    fn time_ms(&self) -> i64 {
        self.store.time_ms()
    }
}

#[async_trait]
impl Store for Audited {
    fn observe(&self, observer: Arc<dyn Observer>) {
        self.store.observe(observer);
    }

    async fn probe(&self) -> Result<(), StoreError> {
        self.store.probe().await
    }

    fn tell_accounts(&self, accounts: &[AccountNames]) {
        self.store.tell_accounts(accounts);
    }

    async fn close(&self) -> Result<(), StoreError> {
        let closed = self.store.close().await;
        let audit = self.audit.clone();
        let written = tokio::task::spawn_blocking(move || audit.close()).await;
        if !written.unwrap_or(false) {
            tracing::error!("the last entries of the audit log could not be written");
        }
        closed
    }
}

#[async_trait]
impl Journal for Audited {
    async fn begin(&self, new: NewPayment) -> Result<Begun, StoreError> {
        let begun = self.store.begin(new).await?;
        self.begun(&begun, false);
        Ok(begun)
    }

    async fn begin_sending(&self, new: NewPayment) -> Result<Begun, StoreError> {
        let id = new.id.clone();
        let begun = self.store.begin_sending(new).await;
        let begun = self.failed(begun, || self.entry(Action::PaymentBegun).about(&id))?;
        self.begun(&begun, true);
        Ok(begun)
    }

    async fn step(&self, id: &PaymentId, step: Step) -> Result<PaymentView, JournalError> {
        let (is_sending, mut attempt, mut reason) =
            (matches!(step, Step::AboutToSend { .. }), None, None);
        let mut dated = None;
        match &step {
            Step::Conclude { attempt: ended, now_ms, .. } => {
                (attempt, dated) = (Some(*ended), Some(*now_ms))
            }
            Step::GiveUp { now_ms, .. } => dated = Some(*now_ms),
            Step::Asked { times, .. } => dated = Some(times.now_ms),
            Step::Close { closure, .. } => reason = Some(closure.reason().to_owned()),
            _ => {}
        }
        let closing = |reason: &Option<String>| Entry {
            reason: reason.clone(),
            ..self.entry(Action::PaymentSettled)
        };
        let done = self.store.step(id, step).await;
        let done = match (is_sending, &reason) {
            (true, _) => self.failed(done, || self.entry(Action::PaymentSent).about(id)),
            (false, Some(_)) => self.failed(done, || closing(&reason).about(id)),
            (false, None) => done,
        };
        let view = done?;
        if is_sending {
            self.sent(id, view.row.payment.attempts);
        }
        if reason.is_some() {
            self.audit.record(closing(&reason).about_payment(&view.row));
        }
        if attempt.is_some() && view.row.payment.outcome() == Some(Outcome::Unknown) {
            let mut entry = self.entry(Action::PaymentUnknown).about_payment(&view.row);
            entry.attempt = attempt;
            self.audit.record(entry);
        }
        if let Some(now_ms) = dated {
            self.stepped(&view.row, now_ms);
        }
        Ok(view)
    }

    async fn may_leave(
        &self,
        id: &PaymentId,
        attempt: u32,
        hold_left_ms: i64,
    ) -> Result<Leave, StoreError> {
        self.store.may_leave(id, attempt, hold_left_ms).await
    }

    async fn end_unsent(
        &self,
        unsent: &Unsent,
        reason: &str,
        now_ms: i64,
    ) -> Result<Option<PaymentView>, JournalError> {
        let ended = self.store.end_unsent(unsent, reason, now_ms).await?;
        if let Some(view) = &ended {
            self.stepped(&view.row, now_ms);
        }
        Ok(ended)
    }

    async fn claim_unknown(
        &self,
        account: &str,
        limit: usize,
        lease_ms: i64,
    ) -> Result<Vec<PaymentView>, StoreError> {
        self.store.claim_unknown(account, limit, lease_ms).await
    }

    async fn claim_unnoticed(
        &self,
        account: &str,
        limit: usize,
        lease_ms: i64,
    ) -> Result<Vec<PaymentView>, StoreError> {
        self.store.claim_unnoticed(account, limit, lease_ms).await
    }

    async fn owed_events(
        &self,
        account: &str,
        limit: usize,
    ) -> Result<Vec<PaymentView>, StoreError> {
        self.store.owed_events(account, limit).await
    }

    async fn receive_notice(
        &self,
        notice: Notice,
        event: NotificationEvent,
    ) -> Result<(Received, Noticed), StoreError> {
        let id = notice.event_id.clone();
        let (received, noticed) = self.store.receive_notice(notice, event).await?;
        if let (Received::Stored, Some(row)) = (&received, &noticed.row) {
            let mut entry = Entry::new(Action::PaymentNotified, Actor::Provider).about_payment(row);
            entry.events = Some(id.to_string());
            self.audit.record(entry);
        }
        Ok((received, noticed))
    }

    async fn recover(&self, now_ms: i64) -> Result<Recovered, StoreError> {
        let found = self.store.recover(now_ms).await?;
        if found.unknown + found.closed > 0 {
            let entry = self.entry(Action::PaymentsRecovered);
            self.audit.record(entry.counting(found.unknown + found.closed));
        }
        Ok(found)
    }

    fn payment_changes(&self, id: &PaymentId) -> watch::Receiver<u64> {
        self.store.payment_changes(id)
    }

    fn unknown_changes(&self, account: &str) -> watch::Receiver<u64> {
        self.store.unknown_changes(account)
    }

    async fn find_payment(
        &self,
        account: &str,
        operation: &str,
        reference: &str,
    ) -> Result<Option<PaymentView>, StoreError> {
        self.store.find_payment(account, operation, reference).await
    }

    async fn payment(&self, id: &PaymentId) -> Result<Option<PaymentView>, StoreError> {
        self.store.payment(id).await
    }

    async fn show_payment(&self, id: &PaymentId) -> Result<Option<PaymentDetail>, StoreError> {
        self.store.show_payment(id).await
    }

    async fn list_payments(
        &self,
        filter: &PaymentFilter,
        after: Option<Cursor>,
        limit: usize,
    ) -> Result<PaymentListing, StoreError> {
        self.store.list_payments(filter, after, limit).await
    }

    async fn payment_counts(&self) -> Result<Vec<PaymentCounts>, StoreError> {
        self.store.payment_counts().await
    }

    async fn sweep_payments(&self, kept_ms: i64) -> Result<u64, StoreError> {
        self.store.sweep_payments(kept_ms).await
    }

    async fn freeze(&self, account: &str, reason: &str, now_ms: i64) -> Result<(), StoreError> {
        let mut entry = self.entry(Action::Frozen).of_account(account);
        entry.reason = Some(reason.to_owned());
        self.failed(self.store.freeze(account, reason, now_ms).await, || entry.clone())?;
        self.audit.record(entry);
        Ok(())
    }

    async fn unfreeze(&self, account: &str) -> Result<bool, StoreError> {
        let entry = || self.entry(Action::Unfrozen).of_account(account);
        let was_frozen = self.failed(self.store.unfreeze(account).await, entry)?;
        if was_frozen {
            self.audit.record(entry());
        }
        Ok(was_frozen)
    }

    async fn know_accounts(&self, accounts: &[AccountNames]) -> Result<Vec<String>, StoreError> {
        self.store.know_accounts(accounts).await
    }

    async fn known_names(&self) -> Result<BTreeMap<String, String>, StoreError> {
        self.store.known_names().await
    }

    async fn open_at(&self, accounts: &[AccountNames]) -> Result<Vec<OpenAt>, StoreError> {
        self.store.open_at(accounts).await
    }

    async fn standing(&self, accounts: &[AccountNames]) -> Result<Standing, StoreError> {
        self.store.standing(accounts).await
    }

    async fn spendings(&self, since_ms: i64) -> Result<Vec<Spending>, StoreError> {
        self.store.spendings(since_ms).await
    }

    async fn freezes(&self) -> Result<Vec<Freeze>, StoreError> {
        self.store.freezes().await
    }
}
