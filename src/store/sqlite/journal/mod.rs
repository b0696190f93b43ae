//! The journal in SQL: this file ties the trait to the transactions, each in its own file beside it. The rules are not
//! here: every change of a payment goes through `save::take_step`.

mod accounts;
mod announce;
mod ask;
mod begin;
mod close;
mod freeze;
mod look;
mod moves;
mod notice;
mod owed;
mod recover;
mod rows;
mod save;
mod siblings;
mod spent;
pub(super) mod standing;
mod unsent;

#[cfg(test)]
mod plans;

use std::sync::Arc;

use async_trait::async_trait;
use std::collections::BTreeMap;
use tokio::sync::watch;

use super::SqliteStore;
use super::job::Work;
use super::names;
use crate::outcome::Outcome;
use crate::payment::{Rules, State};
use crate::store::page::PAGE_MAX;
use crate::store::{
    AccountNames, AskTimes, AskedAnswer, Begun, Change, Closure, Conclusion, Cursor, Freeze,
    Journal, JournalError, Leave, NewPayment, Notice, Noticed, NotificationEvent, OpenAt,
    OutcomeEvent, PAYMENTS_KEPT_MIN_MS, PaymentCounts, PaymentDetail, PaymentFilter, PaymentId,
    PaymentListing, PaymentView, Received, Recovered, Spending, Standing, StoreError, Subject,
    Unsent,
};

/// Payments handed out by one claim at most.
const CLAIM_MAX: usize = 256;

#[async_trait]
impl Journal for SqliteStore {
    async fn begin(&self, new: NewPayment) -> Result<Begun, StoreError> {
        let begun =
            self.hold_and_write(move |work, holder| begin::begin(work, &new, holder)).await?;
        self.note_begun(&begun);
        Ok(begun)
    }

    async fn begin_sending(&self, new: NewPayment) -> Result<Begun, StoreError> {
        let id = new.id.clone();
        let begun =
            self.hold_and_write(move |work, holder| begin::begin_sending(work, &new, holder)).await;
        let begun = self.observed.uncertain(begun, Change::Begun(Subject::Id(&id)))?;
        self.note_begun(&begun);
        Ok(begun)
    }

    async fn about_to_send(
        &self,
        id: &PaymentId,
        rules: Rules,
        now_ms: i64,
    ) -> Result<u32, JournalError> {
        let payment = id.clone();
        let announce = move |work: &mut Work<'_>, holder: &str| {
            moves::about_to_send(work, &payment, &rules, holder, now_ms)
        };
        let announced = self.hold_and_write(announce).await.map_err(JournalError::from).flatten();
        let attempt = self.observed.uncertain(announced, Change::Sending { id, attempt: None })?;
        self.observed.committed(Change::Sending { id, attempt: Some(attempt) });
        Ok(attempt)
    }

    async fn may_leave(
        &self,
        id: &PaymentId,
        attempt: u32,
        hold_left_ms: i64,
    ) -> Result<Leave, StoreError> {
        let (id, shared) = (id.clone(), Arc::clone(&self.shared));
        let holder = shared.holder()?;
        self.read(move |connection| {
            let held_beyond_ms = shared.time.now_ms().saturating_add(hold_left_ms);
            moves::may_leave(connection, &id, attempt, &holder, held_beyond_ms)
        })
        .await
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
        let id = id.clone();
        let view = self
            .write(move |work| {
                moves::conclude(work, &id, attempt, &conclusion, ask_after_ms, event, now_ms)
            })
            .await??;
        if view.row.payment.outcome() == Some(Outcome::Unknown) {
            self.observed.committed(Change::InDoubt { row: &view.row, attempt });
        }
        Ok(self.note_settled(view, now_ms))
    }

    async fn give_up(
        &self,
        id: &PaymentId,
        reason: &str,
        now_ms: i64,
    ) -> Result<PaymentView, JournalError> {
        let (id, reason) = (id.clone(), reason.to_owned());
        let view = self.write(move |work| moves::give_up(work, &id, &reason, now_ms)).await??;
        Ok(self.note_settled(view, now_ms))
    }

    async fn close_case(
        &self,
        id: &PaymentId,
        closure: Closure,
        rules: Rules,
        event: Option<OutcomeEvent>,
        now_ms: i64,
    ) -> Result<PaymentView, JournalError> {
        let payment = id.clone();
        let reason = match &closure {
            Closure::Abandoned { reason } | Closure::ByHand { reason, .. } => reason.clone(),
        };
        let closed = self
            .write(move |work| close::close_case(work, &payment, &closure, &rules, event, now_ms))
            .await
            .map_err(JournalError::from)
            .flatten();
        let change = |payment| Change::Closed { payment, reason: &reason };
        let view = self.observed.uncertain(closed, change(Subject::Id(id)))?;
        self.observed.committed(change(Subject::Row(&view.row)));
        Ok(view)
    }

    async fn end_unsent(
        &self,
        unsent: &Unsent,
        reason: &str,
        now_ms: i64,
    ) -> Result<Option<PaymentView>, JournalError> {
        let (unsent, reason) = (unsent.clone(), reason.to_owned());
        let ended = self
            .hold_and_write(move |work, holder| {
                unsent::end_unsent(work, &unsent, &reason, holder, now_ms)
            })
            .await??;
        Ok(ended.map(|view| self.note_settled(view, now_ms)))
    }

    async fn hand_over(&self, id: &PaymentId) -> Result<(), StoreError> {
        let id = id.clone();
        self.write(move |work| close::hand_over(work, &id)).await
    }

    async fn claim_unknown(
        &self,
        account: &str,
        limit: usize,
        lease_ms: i64,
    ) -> Result<Vec<PaymentView>, StoreError> {
        self.claim_in_state(account, "unknown", limit, lease_ms).await
    }

    async fn claim_unnoticed(
        &self,
        account: &str,
        limit: usize,
        lease_ms: i64,
    ) -> Result<Vec<PaymentView>, StoreError> {
        self.claim_in_state(account, "accepted", limit, lease_ms).await
    }

    async fn asked(
        &self,
        id: &PaymentId,
        answer: AskedAnswer,
        rules: Rules,
        times: AskTimes,
        event: Option<OutcomeEvent>,
    ) -> Result<PaymentView, JournalError> {
        let id = id.clone();
        let view =
            self.write(move |work| ask::asked(work, &id, &answer, &rules, times, event)).await??;
        Ok(self.note_settled(view, times.now_ms))
    }

    async fn promise_event(&self, id: &PaymentId) -> Result<PaymentView, JournalError> {
        let id = id.clone();
        self.write(move |work| owed::promise(work, &id)).await?
    }

    async fn note_unheard(&self, id: &PaymentId) -> Result<(), StoreError> {
        let id = id.clone();
        self.write(move |work| owed::unheard(work, &id)).await
    }

    async fn owed_events(
        &self,
        account: &str,
        limit: usize,
    ) -> Result<Vec<PaymentView>, StoreError> {
        let (account, limit) = (account.to_owned(), limit.min(CLAIM_MAX));
        self.read(move |connection| owed::list(connection, &account, limit)).await
    }

    async fn tell_owed(
        &self,
        id: &PaymentId,
        event: OutcomeEvent,
        now_ms: i64,
    ) -> Result<(), JournalError> {
        let id = id.clone();
        self.write(move |work| owed::tell(work, &id, event, now_ms)).await?
    }

    async fn receive_notice(
        &self,
        notice: Notice,
        event: NotificationEvent,
    ) -> Result<(Received, Noticed), StoreError> {
        let id = notice.event_id.clone();
        let (received, noticed) =
            self.write(move |work| notice::receive(work, &notice, &event)).await?;
        if let (Received::Stored, Some(row)) = (&received, &noticed.row) {
            self.observed.committed(Change::Notified { row, event: &id });
        }
        Ok((received, noticed))
    }

    async fn recover(&self, now_ms: i64) -> Result<Recovered, StoreError> {
        let mut total = Recovered::default();
        let mut from = Some(i64::MIN);
        while let Some(place) = from {
            let shared = Arc::clone(&self.shared);
            let (step, next) =
                self.write(move |work| recover::recover(work, &shared.path, place, now_ms)).await?;
            total.unknown += step.unknown;
            total.closed += step.closed;
            total.under_way += step.under_way;
            from = next;
        }
        let shared = Arc::clone(&self.shared);
        self.hold_and_write(move |work, holder| {
            work.time.keep(work.connection)?;
            recover::take_over_questions(work, &shared.path, holder)
        })
        .await?;
        let payments = total.unknown + total.closed;
        if payments > 0 {
            self.observed.committed(Change::Recovered { payments });
        }
        Ok(total)
    }

    fn payment_changes(&self, id: &PaymentId) -> watch::Receiver<u64> {
        self.shared.wake.listen(id.as_str())
    }

    fn unknown_changes(&self, account: &str) -> watch::Receiver<u64> {
        self.shared.wake.listen(&account_key(account))
    }

    async fn find_payment(
        &self,
        account: &str,
        operation: &str,
        reference: &str,
    ) -> Result<Option<PaymentView>, StoreError> {
        let key = [account, operation, reference].map(str::to_owned);
        self.read(move |connection| {
            let [account, operation, reference] = key;
            let row = rows::latest(connection, &account, &operation, &reference)?;
            row.map(|row| rows::view(connection, row)).transpose()
        })
        .await
    }

    async fn payment(&self, id: &PaymentId) -> Result<Option<PaymentView>, StoreError> {
        let id = id.clone();
        self.read(move |connection| {
            let row = rows::by_id(connection, &id)?;
            row.map(|row| rows::view(connection, row)).transpose()
        })
        .await
    }

    async fn show_payment(&self, id: &PaymentId) -> Result<Option<PaymentDetail>, StoreError> {
        let id = id.clone();
        self.read(move |connection| look::show(connection, &id)).await
    }

    async fn list_payments(
        &self,
        filter: &PaymentFilter,
        after: Option<Cursor>,
        limit: usize,
    ) -> Result<PaymentListing, StoreError> {
        let (filter, limit) = (filter.clone(), limit.clamp(1, PAGE_MAX));
        self.read(move |connection| look::list(connection, &filter, after, limit)).await
    }

    async fn payment_counts(&self) -> Result<Vec<PaymentCounts>, StoreError> {
        self.read(look::counts).await
    }

    async fn know_accounts(&self, accounts: &[AccountNames]) -> Result<Vec<String>, StoreError> {
        let (known, accounts) = (accounts.to_vec(), accounts.to_vec());
        // Mostly there is nothing to write, and a start or a reload need not wait for a disk that is full.
        if self.read(move |connection| names::are_known(connection, &known)).await? {
            return Ok(Vec::new());
        }
        self.write(move |work| names::know(work, &accounts)).await
    }

    async fn known_names(&self) -> Result<BTreeMap<String, String>, StoreError> {
        self.read(names::met).await
    }

    async fn open_at(&self, accounts: &[AccountNames]) -> Result<Vec<OpenAt>, StoreError> {
        let accounts = accounts.to_vec();
        self.read(move |connection| standing::open_at(connection, &accounts)).await
    }

    async fn standing(&self, accounts: &[AccountNames]) -> Result<Standing, StoreError> {
        let accounts = accounts.to_vec();
        self.read(move |connection| standing::of(connection, &accounts)).await
    }

    async fn spendings(&self, since_ms: i64) -> Result<Vec<Spending>, StoreError> {
        self.read(move |connection| spent::since(connection, since_ms)).await
    }

    async fn sweep_payments(&self, kept_ms: i64) -> Result<u64, StoreError> {
        let kept_ms = kept_ms.max(PAYMENTS_KEPT_MIN_MS);
        let mut removed = 0;
        loop {
            // Each step is a call of its own, so payments get in between.
            let (step, last) = self.write(move |work| look::sweep(work, kept_ms)).await?;
            removed += step;
            if last {
                return Ok(removed);
            }
        }
    }

    async fn freeze(&self, account: &str, reason: &str, now_ms: i64) -> Result<(), StoreError> {
        let change = Change::Frozen { account, reason };
        let (account, reason) = (account.to_owned(), reason.to_owned());
        let done = self.write(move |work| freeze::freeze(work, &account, &reason, now_ms)).await;
        self.observed.uncertain(done, change)?;
        self.observed.committed(change);
        Ok(())
    }

    async fn unfreeze(&self, account: &str) -> Result<bool, StoreError> {
        let change = Change::Unfrozen { account };
        let account = account.to_owned();
        let done = self.write(move |work| freeze::unfreeze(work, &account)).await;
        let was_frozen = self.observed.uncertain(done, change)?;
        if was_frozen {
            self.observed.committed(change);
        }
        Ok(was_frozen)
    }

    async fn freezes(&self) -> Result<Vec<Freeze>, StoreError> {
        self.read(freeze::all).await
    }
}

impl SqliteStore {
    fn note_begun(&self, begun: &Begun) {
        let Begun::Fresh(PaymentView { row, .. }) = begun else { return };
        self.observed.committed(Change::Begun(Subject::Row(row)));
        if let State::Sending { attempt } = row.payment.state {
            self.observed.committed(Change::Sending { id: &row.id, attempt: Some(attempt) });
        }
    }

    /// Passes on a payment that took a step at `now_ms`, which may have settled it.
    fn note_settled(&self, view: PaymentView, now_ms: i64) -> PaymentView {
        if view.row.end().is_some() && view.row.settled_at_ms == Some(now_ms) {
            self.observed.committed(Change::Settled(&view.row));
        }
        view
    }

    /// Runs `work` with the name under which this process holds payments.
    async fn hold_and_write<T, F>(&self, work: F) -> Result<T, StoreError>
    where
        T: Send + 'static,
        F: FnOnce(&mut Work<'_>, &str) -> rusqlite::Result<T> + Send + 'static,
    {
        let shared = Arc::clone(&self.shared);
        let done = self.write(move |open| match shared.holder() {
            Ok(holder) => work(open, &holder).map(Ok),
            Err(error) => Ok(Err(error)),
        });
        done.await?
    }

    async fn claim_in_state(
        &self,
        account: &str,
        state: &'static str,
        limit: usize,
        lease_ms: i64,
    ) -> Result<Vec<PaymentView>, StoreError> {
        let (account, limit) = (account.to_owned(), limit.min(CLAIM_MAX));
        self.hold_and_write(move |work, holder| {
            ask::claim(work, holder, &account, state, limit, lease_ms)
        })
        .await
    }
}

/// Under which the resolver of an account is woken. No account's name has a colon, so it is not the delivery's.
fn account_key(account: &str) -> String {
    format!("unknown:{account}")
}
