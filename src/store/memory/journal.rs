//! The journal in memory: what a step looks at is found, what it comes to is put back.

use std::collections::{BTreeMap, BTreeSet};

use async_trait::async_trait;
use tokio::sync::watch;

use super::MemoryStore;
use super::inbox::receive;
use super::state::{Payment, Work};
use crate::payment::{Final, Place, State as Stage};
use crate::store::journal::names::{joined, separated};
use crate::store::journal::resolver_key;
use crate::store::journal::steps::{
    self, Changes, Neighbour, NeighbourPayment, Spent, begun, is_listed, kept_since_ms,
};
use crate::store::journal::take::{self, Transaction};
use crate::store::page::{self, PAGE_MAX};
use crate::store::{
    AccountNames, Begun, Change, Cursor, Due, Freeze, Journal, JournalError, Leave, NewEvent,
    NewPayment, Noticed, Notification, NotificationEvent, OpenAt, PaymentCounts, PaymentDetail,
    PaymentFilter, PaymentId, PaymentListing, PaymentRow, PaymentView, Received, Recovered,
    Spending, Standing, Step, StoreError, Unsent,
};

#[async_trait]
impl Journal for MemoryStore {
    async fn begin(&self, new: NewPayment) -> Result<Begun, StoreError> {
        let begun = self.run(|work| take::begin(work, &new, work.owner))??;
        self.observed.begun(&begun);
        Ok(begun)
    }

    async fn begin_sending(&self, new: NewPayment) -> Result<Begun, StoreError> {
        let begun = self.run(|work| take::begin_sending(work, &new, work.owner))??;
        self.observed.begun(&begun);
        Ok(begun)
    }

    async fn step(&self, id: &PaymentId, step: Step) -> Result<PaymentView, JournalError> {
        let owner = Some(self.owner.clone());
        let view = self.run(|work| take::take(work, id, &step, owner))???;
        self.observed.taken(&step, &view.row);
        Ok(view)
    }

    async fn may_leave(
        &self,
        id: &PaymentId,
        attempt: u32,
        lease_left_ms: i64,
    ) -> Result<Leave, StoreError> {
        self.run(|work| {
            let row = work.state.payment(id).map(|payment| &payment.row);
            let freeze = row.and_then(|row| work.state.freeze_of(&row.account));
            let beyond_ms = work.now_ms.saturating_add(lease_left_ms);
            steps::may_leave(row, freeze, attempt, work.owner, beyond_ms)
        })
    }

    async fn end_unsent(
        &self,
        unsent: &Unsent,
        reason: &str,
        now_ms: i64,
    ) -> Result<Option<PaymentView>, JournalError> {
        let ended =
            self.run(|work| take::end_unsent(work, unsent, reason, work.owner, now_ms))???;
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
        self.run(|work| {
            let mut due = work.state.rows(|row| {
                row.payment.state.as_str() == due.state()
                    && row.next_query_at_ms.is_some_and(|due_ms| due_ms <= work.now_ms)
                    && work.state.is_same(&row.account, account)
            });
            due.sort_by_key(|row| row.next_query_at_ms);
            due.truncate(limit.min(steps::CLAIM_MAX));
            let claim = |row: PaymentRow| {
                let row = steps::claim(&row, work.owner, lease_ms, work.now_ms);
                put(work, &row);
                work.state.view(row)
            };
            due.into_iter().map(claim).collect()
        })
    }

    async fn owed_events(
        &self,
        account: &str,
        limit: usize,
    ) -> Result<Vec<PaymentView>, StoreError> {
        self.run(|work| {
            let owed = work.state.rows(|row| {
                row.owes_event && row.end().is_some() && work.state.is_same(&row.account, account)
            });
            let owed = owed.into_iter().take(limit.min(steps::CLAIM_MAX));
            owed.map(|row| work.state.view(row)).collect()
        })
    }

    async fn receive_notification(
        &self,
        notice: Notification,
        event: NotificationEvent,
    ) -> Result<(Received, Noticed), StoreError> {
        let done = self.run(|work| take::receive(work, &notice, &event))??;
        self.observed.notified(&done, &notice.event_id);
        Ok(done)
    }

    async fn recover(&self, now_ms: i64) -> Result<Recovered, StoreError> {
        let recovered = self.run(|work| {
            let is_under_way = |row: &PaymentRow| {
                matches!(row.payment.state, Stage::Ready | Stage::Sending { .. })
            };
            let (under_way, living) = (work.state.rows(is_under_way), work.state.living.clone());
            let recovered = take::recover(work, under_way, |owner| living.contains(owner), now_ms)?;
            let is_waiting = |row: &PaymentRow| {
                matches!(row.payment.state, Stage::Unknown { .. })
                    && row.next_query_at_ms.is_some_and(|due_ms| due_ms > work.now_ms)
                    && row.owner != work.owner
                    && !living.contains(&row.owner)
            };
            let waiting = work.state.rows(is_waiting);
            take::take_over(work, &waiting, work.owner, now_ms)?;
            Ok::<_, StoreError>(recovered)
        })??;
        self.observed.recovered(recovered);
        Ok(recovered)
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
        self.run(|work| work.latest(account, operation, reference).map(steps::standing))?
    }

    async fn payment(&self, id: &PaymentId) -> Result<Option<PaymentView>, StoreError> {
        self.run(|work| found(work, id))
    }

    async fn show_payment(&self, id: &PaymentId) -> Result<Option<PaymentDetail>, StoreError> {
        self.run(|work| {
            let history = work.state.payment(id)?.history.clone();
            let mut view = found(work, id)?;
            view.row.next_query_at_ms = view.row.next_query_at_ms.map(|due_ms| work.date(due_ms));
            Some(PaymentDetail { view, history })
        })
    }

    async fn list_payments(
        &self,
        filter: &PaymentFilter,
        after: Option<Cursor>,
        limit: usize,
    ) -> Result<PaymentListing, StoreError> {
        let limit = limit.clamp(1, PAGE_MAX);
        self.run(|work| {
            let before = after.map_or(i64::MAX, |Cursor(sequence)| sequence);
            let older = work.state.payments.range(..before).rev().map(|(_, payment)| payment);
            let matching = older.filter(|payment| matches(work, filter, &payment.row)).take(limit);
            let mut payments: Vec<_> = matching.map(|payment| work.state.row(payment)).collect();
            for row in &mut payments {
                row.next_query_at_ms = row.next_query_at_ms.map(|due_ms| work.date(due_ms));
            }
            let next = page::next(&payments, limit, |row| row.sequence);
            PaymentListing { payments, next }
        })
    }

    async fn payment_counts(&self) -> Result<Vec<PaymentCounts>, StoreError> {
        self.run(|work| {
            let mut all: BTreeMap<String, PaymentCounts> = BTreeMap::new();
            for row in work.state.rows(|row| row.end().is_none()) {
                let counts = all.entry(row.account.clone()).or_default();
                counts.account = row.account;
                counts.add(row.payment.state.as_str(), 1, row.begun_at_ms);
            }
            all.into_values().collect()
        })
    }

    async fn know_accounts(&self, accounts: &[AccountNames]) -> Result<Vec<String>, StoreError> {
        self.run(|work| {
            let separate = separated(&work.state.names, accounts);
            work.state.names = joined(&work.state.names, accounts);
            separate
        })
    }

    async fn known_names(&self) -> Result<BTreeMap<String, String>, StoreError> {
        self.run(|work| {
            let mut names = work.state.names.clone();
            let paid = work.state.payments.values().map(|payment| &payment.row.account);
            let met = paid.chain(&work.state.event_accounts).chain(work.state.freezes.keys());
            for name in met {
                names.entry(name.clone()).or_insert_with(|| name.clone());
            }
            names
        })
    }

    async fn open_at(&self, accounts: &[AccountNames]) -> Result<Vec<OpenAt>, StoreError> {
        self.run(|work| open_at(work, accounts))
    }

    async fn standing(&self, accounts: &[AccountNames]) -> Result<Standing, StoreError> {
        self.run(|work| {
            let names: BTreeSet<_> =
                work.state.payments.values().map(|it| &it.row.account).collect();
            let names = names.into_iter().cloned().collect();
            let kept = |name: &str| {
                let rows = || work.state.payments.values().filter(|it| it.row.account == name);
                let open = rows().filter(|payment| payment.row.end().is_none()).count() as u64;
                Ok::<_, StoreError>((rows().count() as u64, open))
            };
            Standing::of(accounts, &work.state.names, open_at(work, accounts), names, kept)
        })?
    }

    async fn spendings(&self, since_ms: i64) -> Result<Vec<Spending>, StoreError> {
        self.run(|work| {
            let mut spent = Spent::default();
            let has_left = |row: &PaymentRow| {
                matches!(
                    row.payment.state,
                    Stage::Sending { .. } | Stage::Unknown { .. } | Stage::Settled(Final::Accepted)
                )
            };
            for row in work.state.rows(has_left) {
                let left_ms = row.last_attempt_tick.filter(|left_ms| *left_ms >= since_ms);
                if let Some((left_ms, amount_minor)) = left_ms.zip(row.amount_minor) {
                    spent.add(row.account, row.operation, left_ms, amount_minor);
                }
            }
            spent.into_spendings()
        })
    }

    async fn sweep_payments(&self, kept_ms: i64) -> Result<u64, StoreError> {
        self.run(|work| {
            let since_ms = kept_since_ms(kept_ms, work.now_ms);
            let is_old =
                |row: &PaymentRow| row.settled_tick.is_some_and(|settled_ms| settled_ms < since_ms);
            let old = work.state.rows(is_old);
            for row in &old {
                work.state.payments.remove(&row.sequence);
                work.state.payment_ids.remove(&row.id);
                if let Some(sequences) = work.state.references.get_mut(&row.reference) {
                    sequences.retain(|sequence| *sequence != row.sequence);
                }
            }
            old.len() as u64
        })
    }

    async fn freeze(&self, account: &str, reason: &str, now_ms: i64) -> Result<(), StoreError> {
        let change = Change::Frozen { account, reason };
        self.run(|work| {
            let known = work.state.freeze_of(account);
            let (account, since_ms) = match known {
                Some(known) => (known.account, known.since_ms),
                None => (account.to_owned(), now_ms),
            };
            let freeze = Freeze { account: account.clone(), reason: reason.to_owned(), since_ms };
            work.state.freezes.insert(account, freeze);
        })?;
        self.observed.committed(change);
        Ok(())
    }

    async fn unfreeze(&self, account: &str) -> Result<bool, StoreError> {
        let was_frozen = self.run(|work| {
            let names = work.state.names_of(account);
            let frozen = names.iter().filter(|name| work.state.freezes.remove(*name).is_some());
            frozen.count() > 0
        })?;
        if was_frozen {
            self.observed.committed(Change::Unfrozen { account });
        }
        Ok(was_frozen)
    }

    async fn freezes(&self) -> Result<Vec<Freeze>, StoreError> {
        self.run(|work| {
            let in_use = |freeze: &Freeze| Freeze {
                account: work.state.current(&freeze.account),
                ..freeze.clone()
            };
            let mut freezes: Vec<_> = work.state.freezes.values().map(in_use).collect();
            freezes.sort_by(|a, b| (&a.account, a.since_ms).cmp(&(&b.account, b.since_ms)));
            freezes.dedup_by(|later, earlier| later.account == earlier.account);
            freezes
        })
    }
}

fn found(work: &Work<'_>, id: &PaymentId) -> Option<PaymentView> {
    let row = work.state.row(work.state.payment(id)?);
    Some(work.state.view(row))
}

/// A row keeps the name it was written under, and nothing of the step that returned it.
fn put(work: &mut Work<'_>, row: &PaymentRow) {
    if let Some(payment) = work.state.payments.get_mut(&row.sequence) {
        let account = std::mem::take(&mut payment.row.account);
        let (just_resolved, just_settled, just_flagged) = (false, false, Vec::new());
        payment.row =
            PaymentRow { account, just_resolved, just_settled, just_flagged, ..row.clone() };
    }
}

impl Transaction for Work<'_> {
    type Error = StoreError;

    fn now_ms(&self) -> i64 {
        self.now_ms
    }

    fn refused(error: JournalError) -> StoreError {
        StoreError::Refused(error.to_string())
    }

    fn view(&self, id: &PaymentId) -> Result<Option<PaymentView>, StoreError> {
        Ok(found(self, id))
    }

    fn latest(
        &self,
        account: &str,
        operation: &str,
        reference: &str,
    ) -> Result<Vec<PaymentView>, StoreError> {
        let rows = self.state.rows_under(account, reference, |row| row.operation == operation);
        Ok(rows.into_iter().map(|row| self.state.view(row)).collect())
    }

    fn younger(&self, row: &PaymentRow) -> Result<Vec<PaymentRow>, StoreError> {
        Ok(self.state.rows_under(&row.account, &row.reference, |other| {
            other.operation == row.operation
                && other.generation > row.generation
                && other.end().is_none()
        }))
    }

    fn is_of_a_sibling(&self, row: &PaymentRow, found: &str) -> Result<bool, StoreError> {
        let its = |other: &PaymentRow| {
            other.operation == row.operation
                && other.provider_reference.as_deref() == Some(found)
                && other.sequence != row.sequence
        };
        Ok(!self.state.rows_under(&row.account, &row.reference, its).is_empty())
    }

    fn freeze_of(&self, account: &str) -> Result<Option<Freeze>, StoreError> {
        Ok(self.state.freeze_of(account))
    }

    fn candidates(&self, notice: &Notification) -> Result<Vec<PaymentRow>, StoreError> {
        Ok(about(self, notice, &notice.account))
    }

    fn neighbours(&self, notice: &Notification) -> Result<Vec<Neighbour>, StoreError> {
        let names = notice.neighbours.iter().flat_map(|account| self.state.names_of(account));
        let found = names.map(|name| {
            let theirs = about(self, notice, &name).into_iter().rfind(|row| {
                self.state.payments[&row.sequence].row.account == name
                    && !row.payment.frees_its_reference()
                    && row.payment.state != Stage::Ready
            });
            let payment =
                theirs.map(|row| NeighbourPayment { provider_reference: row.provider_reference });
            let key = (name, notice.dedupe_key.clone());
            let has_event =
                self.state.event_keys.contains_key(&key) || self.state.seen.contains_key(&key);
            Neighbour { payment, has_event }
        });
        Ok(found.collect())
    }

    fn insert(&mut self, view: PaymentView) -> Result<PaymentView, StoreError> {
        let (id, history) = (view.row.id.clone(), vec![begun(&view.row)]);
        let mut payment =
            Payment { row: view.row, parameters: view.parameters, answer: None, history };
        if self.state.payment_ids.contains_key(&id) {
            return Err(StoreError::Refused(format!("there is another payment `{id}`")));
        }
        let sequence = self.state.next_number();
        payment.row.sequence = sequence;
        let row = self.state.row(&payment);
        self.state.references.entry(row.reference.clone()).or_default().push(sequence);
        self.state.payment_ids.insert(id, sequence);
        self.state.payments.insert(sequence, payment);
        Ok(self.state.view(row))
    }

    /// Only this can be refused after the payment was found, and it comes first: nothing has to be undone.
    fn receive(&mut self, event: NewEvent) -> Result<Received, StoreError> {
        receive(self, event)
    }

    fn keep(&mut self, changes: &Changes) -> Result<(), StoreError> {
        put(self, &changes.row);
        self.woken.extend(changes.woken());
        if let Some(payment) = self.state.payments.get_mut(&changes.row.sequence) {
            let entries = u32::try_from(payment.history.len()).unwrap_or(u32::MAX);
            payment.history.extend(changes.entry.clone().filter(|entry| is_listed(entry, entries)));
            if changes.answer.is_some() {
                payment.answer.clone_from(&changes.answer);
            }
        }
        Ok(())
    }
}

/// Payments of `account` under the merchant's reference, or where the notification has none, the provider's.
fn about(work: &Work<'_>, notice: &Notification, account: &str) -> Vec<PaymentRow> {
    let is_kind = |row: &PaymentRow| row.kind.as_ref() == Some(&notice.kind);
    match (&notice.reference, &notice.provider_reference) {
        _ if !notice.is_journalled => Vec::new(),
        (Some(reference), _) => work.state.rows_under(account, reference, is_kind),
        (None, Some(told)) => work.state.rows(|row| {
            is_kind(row)
                && row.provider_reference.as_ref() == Some(told)
                && work.state.is_same(&row.account, account)
        }),
        (None, None) => Vec::new(),
    }
}

fn matches(work: &Work<'_>, filter: &PaymentFilter, row: &PaymentRow) -> bool {
    let PaymentFilter { account, operation, reference, states, conflicting, from_ms, until_ms } =
        filter;
    let is_conflicting =
        row.amount_differs || row.contradicted || row.conflicting_reference.is_some();
    account.as_ref().is_none_or(|account| work.state.is_same(account, &row.account))
        && operation.as_ref().is_none_or(|operation| *operation == row.operation)
        && reference.as_ref().is_none_or(|reference| *reference == row.reference)
        && (states.is_empty() || states.iter().any(|word| word == row.payment.state.as_str()))
        && (!conflicting || is_conflicting)
        && from_ms.is_none_or(|from_ms| row.begun_at_ms >= from_ms)
        && until_ms.is_none_or(|until_ms| row.begun_at_ms < until_ms)
}

fn open_at(work: &Work<'_>, accounts: &[AccountNames]) -> Vec<OpenAt> {
    let current = joined(&work.state.names, accounts);
    let mut all: BTreeMap<_, (u64, u64)> = BTreeMap::new();
    for Payment { row, .. } in work.state.payments.values().filter(|it| it.row.end().is_none()) {
        let is_in_doubt = row.payment.doubtful_since_ms.is_some();
        if row.payment.state == Stage::Ready && !is_in_doubt {
            continue;
        }
        let account = current.get(&row.account).unwrap_or(&row.account).clone();
        let place = row.payment.place;
        let key = (account, row.operation.clone(), place.map(|place| place.to_string()));
        let (in_doubt, on_their_way) = all.entry(key).or_default();
        *(if is_in_doubt { in_doubt } else { on_their_way }) += 1;
    }
    let open = all.into_iter().map(|((account, operation, place), (in_doubt, on_their_way))| {
        let place = place.as_deref().and_then(Place::from_text);
        OpenAt { account, operation, place, in_doubt, on_their_way }
    });
    open.collect()
}
