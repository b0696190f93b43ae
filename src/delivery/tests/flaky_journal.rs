//! The journal of a store whose disk is full for a while: handed on untouched.

use async_trait::async_trait;
use std::collections::BTreeMap;
use tokio::sync::watch;

use super::flaky::Flaky;
use crate::payment::Rules;
use crate::store::{
    AccountNames, AskTimes, AskedAnswer, Begun, Closure, Conclusion, Cursor, Freeze, Journal,
    JournalError, Leave, NewPayment, Notice, Noticed, NotificationEvent, OpenAt, OutcomeEvent,
    PaymentCounts, PaymentDetail, PaymentFilter, PaymentId, PaymentListing, PaymentView, Received,
    Recovered, Spending, Standing, StoreError, Unsent,
};

#[async_trait]
impl Journal for Flaky {
    async fn begin(&self, new: NewPayment) -> Result<Begun, StoreError> {
        self.inner.begin(new).await
    }

    async fn begin_sending(&self, new: NewPayment) -> Result<Begun, StoreError> {
        self.inner.begin_sending(new).await
    }

    async fn about_to_send(
        &self,
        id: &PaymentId,
        rules: Rules,
        now_ms: i64,
    ) -> Result<u32, JournalError> {
        self.inner.about_to_send(id, rules, now_ms).await
    }

    async fn may_leave(
        &self,
        id: &PaymentId,
        attempt: u32,
        hold_left_ms: i64,
    ) -> Result<Leave, StoreError> {
        self.inner.may_leave(id, attempt, hold_left_ms).await
    }

    async fn conclude(
        &self,
        id: &PaymentId,
        attempt: u32,
        conclusion: Conclusion,
        ask_after_ms: i64,
        event: Option<OutcomeEvent>,
        now_ms: i64,
    ) -> Result<PaymentView, JournalError> {
        self.inner.conclude(id, attempt, conclusion, ask_after_ms, event, now_ms).await
    }

    async fn give_up(
        &self,
        id: &PaymentId,
        reason: &str,
        now_ms: i64,
    ) -> Result<PaymentView, JournalError> {
        self.inner.give_up(id, reason, now_ms).await
    }

    async fn end_unsent(
        &self,
        unsent: &Unsent,
        reason: &str,
        now_ms: i64,
    ) -> Result<Option<PaymentView>, JournalError> {
        self.inner.end_unsent(unsent, reason, now_ms).await
    }

    async fn close_case(
        &self,
        id: &PaymentId,
        closure: Closure,
        rules: Rules,
        event: Option<OutcomeEvent>,
        now_ms: i64,
    ) -> Result<PaymentView, JournalError> {
        self.inner.close_case(id, closure, rules, event, now_ms).await
    }

    async fn hand_over(&self, id: &PaymentId) -> Result<(), StoreError> {
        self.inner.hand_over(id).await
    }

    async fn claim_unknown(
        &self,
        account: &str,
        limit: usize,
        lease_ms: i64,
    ) -> Result<Vec<PaymentView>, StoreError> {
        self.inner.claim_unknown(account, limit, lease_ms).await
    }

    async fn claim_unnoticed(
        &self,
        account: &str,
        limit: usize,
        lease_ms: i64,
    ) -> Result<Vec<PaymentView>, StoreError> {
        self.inner.claim_unnoticed(account, limit, lease_ms).await
    }

    async fn asked(
        &self,
        id: &PaymentId,
        answer: AskedAnswer,
        rules: Rules,
        times: AskTimes,
        event: Option<OutcomeEvent>,
    ) -> Result<PaymentView, JournalError> {
        self.inner.asked(id, answer, rules, times, event).await
    }

    async fn promise_event(&self, id: &PaymentId) -> Result<PaymentView, JournalError> {
        self.inner.promise_event(id).await
    }

    async fn note_unheard(&self, id: &PaymentId) -> Result<(), StoreError> {
        self.inner.note_unheard(id).await
    }

    async fn owed_events(
        &self,
        account: &str,
        limit: usize,
    ) -> Result<Vec<PaymentView>, StoreError> {
        self.inner.owed_events(account, limit).await
    }

    async fn tell_owed(
        &self,
        id: &PaymentId,
        event: OutcomeEvent,
        now_ms: i64,
    ) -> Result<(), JournalError> {
        self.inner.tell_owed(id, event, now_ms).await
    }

    async fn receive_notice(
        &self,
        notice: Notice,
        event: NotificationEvent,
    ) -> Result<(Received, Noticed), StoreError> {
        self.inner.receive_notice(notice, event).await
    }

    async fn recover(&self, now_ms: i64) -> Result<Recovered, StoreError> {
        self.inner.recover(now_ms).await
    }

    fn payment_changes(&self, id: &PaymentId) -> watch::Receiver<u64> {
        self.inner.payment_changes(id)
    }

    fn unknown_changes(&self, account: &str) -> watch::Receiver<u64> {
        self.inner.unknown_changes(account)
    }

    async fn find_payment(
        &self,
        account: &str,
        operation: &str,
        reference: &str,
    ) -> Result<Option<PaymentView>, StoreError> {
        self.inner.find_payment(account, operation, reference).await
    }

    async fn payment(&self, id: &PaymentId) -> Result<Option<PaymentView>, StoreError> {
        self.inner.payment(id).await
    }

    async fn show_payment(&self, id: &PaymentId) -> Result<Option<PaymentDetail>, StoreError> {
        self.inner.show_payment(id).await
    }

    async fn list_payments(
        &self,
        filter: &PaymentFilter,
        after: Option<Cursor>,
        limit: usize,
    ) -> Result<PaymentListing, StoreError> {
        self.inner.list_payments(filter, after, limit).await
    }

    async fn payment_counts(&self) -> Result<Vec<PaymentCounts>, StoreError> {
        self.inner.payment_counts().await
    }

    async fn know_accounts(&self, accounts: &[AccountNames]) -> Result<Vec<String>, StoreError> {
        self.inner.know_accounts(accounts).await
    }

    async fn known_names(&self) -> Result<BTreeMap<String, String>, StoreError> {
        self.inner.known_names().await
    }

    async fn open_at(&self, accounts: &[AccountNames]) -> Result<Vec<OpenAt>, StoreError> {
        self.inner.open_at(accounts).await
    }

    async fn standing(&self, accounts: &[AccountNames]) -> Result<Standing, StoreError> {
        self.inner.standing(accounts).await
    }

    async fn spendings(&self, since_ms: i64) -> Result<Vec<Spending>, StoreError> {
        self.inner.spendings(since_ms).await
    }

    async fn sweep_payments(&self, kept_ms: i64) -> Result<u64, StoreError> {
        self.inner.sweep_payments(kept_ms).await
    }

    async fn freeze(&self, account: &str, reason: &str, now_ms: i64) -> Result<(), StoreError> {
        self.inner.freeze(account, reason, now_ms).await
    }

    async fn unfreeze(&self, account: &str) -> Result<bool, StoreError> {
        self.inner.unfreeze(account).await
    }

    async fn freezes(&self) -> Result<Vec<Freeze>, StoreError> {
        self.inner.freezes().await
    }
}
