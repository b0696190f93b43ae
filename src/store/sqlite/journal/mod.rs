//! The journal in SQL: this file ties the trait to the transactions. What a step decides is not here: `take.rs` loads what it
//! looks at, calls [`steps`] and saves what it comes to.

mod freeze;
mod load;
mod look;
mod rows;
mod save;
mod spent;
pub(super) mod standing;
mod transaction;

#[cfg(test)]
mod plans;

use std::sync::Arc;

use async_trait::async_trait;
use std::collections::BTreeMap;
use tokio::sync::watch;

use super::SqliteStore;
use super::job::Work;
use super::names;
use crate::store::journal::resolver_key;
use crate::store::journal::steps;
use crate::store::journal::take;
use crate::store::observe::uncertain_change;
use crate::store::page::PAGE_MAX;
use crate::store::{
    AccountNames, Begun, Change, Cursor, Due, Freeze, Journal, JournalError, Leave, NewPayment,
    Noticed, Notification, NotificationEvent, OpenAt, PaymentCounts, PaymentDetail, PaymentFilter,
    PaymentId, PaymentListing, PaymentView, Received, Recovered, Spending, Standing, Step,
    StoreError, Subject, Unsent,
};

#[async_trait]
impl Journal for SqliteStore {
    async fn begin(&self, new: NewPayment) -> Result<Begun, StoreError> {
        let begun = self.write_as_owner(move |work, owner| take::begin(work, &new, owner)).await?;
        self.observed.begun(&begun);
        Ok(begun)
    }

    async fn begin_sending(&self, new: NewPayment) -> Result<Begun, StoreError> {
        let id = new.id.clone();
        let begun =
            self.write_as_owner(move |work, owner| take::begin_sending(work, &new, owner)).await;
        let begun = self.observed.uncertain(begun, Change::Begun(Subject::Id(&id)))?;
        self.observed.begun(&begun);
        Ok(begun)
    }

    async fn step(&self, id: &PaymentId, step: Step) -> Result<PaymentView, JournalError> {
        let (payment, shared) = (id.clone(), Arc::clone(&self.shared));
        let step = Arc::new(step);
        let taking = Arc::clone(&step);
        let taken = self.write(move |work| {
            let owner = match &*taking {
                Step::AboutToSend { .. } => shared.holder().map(Some),
                _ => Ok(None),
            };
            match owner {
                Ok(owner) => take::take(work, &payment, &taking, owner),
                Err(error) => Ok(Err(error.into())),
            }
        });
        let taken = taken.await.map_err(JournalError::from).flatten();
        let view = match uncertain_change(&step, id) {
            Some(change) => self.observed.uncertain(taken, change)?,
            None => taken?,
        };
        self.observed.taken(&step, &view.row);
        Ok(view)
    }

    async fn may_leave(
        &self,
        id: &PaymentId,
        attempt: u32,
        lease_left_ms: i64,
    ) -> Result<Leave, StoreError> {
        let (id, shared) = (id.clone(), Arc::clone(&self.shared));
        let owner = shared.holder()?;
        self.read(move |connection| {
            let beyond_ms = shared.time.now_ms().saturating_add(lease_left_ms);
            let row = rows::by_id(connection, &id)?;
            let account = row.as_ref().map(|row| row.account.as_str());
            let freeze = account.map(|account| freeze::of(connection, account)).transpose()?;
            Ok(steps::may_leave(row.as_ref(), freeze.flatten(), attempt, &owner, beyond_ms))
        })
        .await
    }

    async fn end_unsent(
        &self,
        unsent: &Unsent,
        reason: &str,
        now_ms: i64,
    ) -> Result<Option<PaymentView>, JournalError> {
        let (unsent, reason) = (unsent.clone(), reason.to_owned());
        let ended = self.write_as_owner(move |work, owner| {
            take::end_unsent(work, &unsent, &reason, owner, now_ms)
        });
        let ended = ended.await??;
        self.observed.ended(ended.as_ref());
        Ok(ended)
    }

    async fn claim_due(
        &self,
        account: &str,
        due: Due,
        limit: usize,
        lease_ms: i64,
    ) -> Result<Vec<PaymentView>, StoreError> {
        let account = account.to_owned();
        self.write_as_owner(move |work, owner| {
            transaction::claim(work, owner, &account, due, limit, lease_ms)
        })
        .await
    }

    async fn owed_events(
        &self,
        account: &str,
        limit: usize,
    ) -> Result<Vec<PaymentView>, StoreError> {
        let (account, limit) = (account.to_owned(), limit.min(steps::CLAIM_MAX));
        self.read(move |connection| {
            let owed =
                load::rows_of(connection, &account, load::OWED, |name| (name, limit as i64))?;
            owed.into_iter().take(limit).map(|row| rows::view(connection, row)).collect()
        })
        .await
    }

    async fn receive_notification(
        &self,
        notice: Notification,
        event: NotificationEvent,
    ) -> Result<(Received, Noticed), StoreError> {
        let id = notice.event_id.clone();
        let done = self.write(move |work| take::receive(work, &notice, &event)).await?;
        self.observed.notified(&done, &id);
        Ok(done)
    }

    async fn recover(&self, now_ms: i64) -> Result<Recovered, StoreError> {
        let mut total = Recovered::default();
        let mut from = Some(i64::MIN);
        while let Some(place) = from {
            let shared = Arc::clone(&self.shared);
            let (step, next) = self
                .write(move |work| transaction::recover(work, &shared.path, place, now_ms))
                .await?;
            total.unknown += step.unknown;
            total.closed += step.closed;
            total.under_way += step.under_way;
            from = next;
        }
        let shared = Arc::clone(&self.shared);
        self.write_as_owner(move |work, owner| {
            work.time.keep(work.connection)?;
            transaction::take_over(work, &shared.path, owner, now_ms)
        })
        .await?;
        self.observed.recovered(total);
        Ok(total)
    }

    fn payment_changes(&self, id: &PaymentId) -> watch::Receiver<u64> {
        self.shared.wake.listen(id.as_str())
    }

    fn unknown_changes(&self, account: &str) -> watch::Receiver<u64> {
        self.shared.wake.listen(&resolver_key(account))
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
            let latest = load::latest(connection, &account, &operation, &reference)?;
            Ok(steps::standing(latest))
        })
        .await
    }

    async fn payment(&self, id: &PaymentId) -> Result<Option<PaymentView>, StoreError> {
        let id = id.clone();
        self.read(move |connection| load::view(connection, &id)).await
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
    /// Runs `work` with the name under which this process owns payments.
    async fn write_as_owner<T, F>(&self, work: F) -> Result<T, StoreError>
    where
        T: Send + 'static,
        F: FnOnce(&mut Work<'_>, &str) -> rusqlite::Result<T> + Send + 'static,
    {
        let shared = Arc::clone(&self.shared);
        let done = self.write(move |open| match shared.holder() {
            Ok(owner) => work(open, &owner).map(Ok),
            Err(error) => Ok(Err(error)),
        });
        done.await?
    }
}
