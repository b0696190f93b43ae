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
    self, Changes, Facts, Neighbour, NeighbourPayment, Spent, begun, is_listed, kept_since_ms,
};
use crate::store::page::{self, PAGE_MAX};
use crate::store::{
    AccountNames, Begun, Change, Cursor, Due, Freeze, Journal, JournalError, Leave, NewPayment,
    Noticed, Notification, NotificationEvent, OpenAt, PaymentCounts, PaymentDetail, PaymentFilter,
    PaymentId, PaymentListing, PaymentRow, PaymentView, Received, Recovered, Spending, Standing,
    Step, StoreError, Unsent,
};

#[async_trait]
impl Journal for MemoryStore {
    async fn begin(&self, new: NewPayment) -> Result<Begun, StoreError> {
        let begun = self.run(|work| begin(work, new))??;
        self.observed.begun(&begun);
        Ok(begun)
    }

    async fn begin_sending(&self, new: NewPayment) -> Result<Begun, StoreError> {
        let begun = self.run(|work| {
            let at = work.at(new.now_ms);
            let view = match begin(work, new)? {
                Begun::Fresh(view) => view,
                other @ (Begun::Known(_) | Begun::Reused(_) | Begun::Frozen(_)) => {
                    return Ok(other);
                }
            };
            // A payment that was only written down may be sent.
            let decided = steps::first_attempt(&view.row, at);
            let refused = |error: JournalError| StoreError::Refused(error.to_string());
            finish(work, view, decided.map_err(refused)?).map(Begun::Fresh)
        })??;
        self.observed.begun(&begun);
        Ok(begun)
    }

    async fn step(&self, id: &PaymentId, step: Step) -> Result<PaymentView, JournalError> {
        let view = self.run(|work| {
            let view = found(work, id).ok_or_else(|| JournalError::NoSuchPayment(id.clone()))?;
            let changes = steps::decide(&step, &view, facts(work, &view.row, &step), work.now_ms)?;
            Ok::<_, JournalError>(finish(work, view, changes)?)
        })??;
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
        let ended = self.run(|work| {
            let view = match unsent {
                Unsent::Begun(id) => found(work, id),
                Unsent::MaybeBegun(new) => match found(work, &new.id) {
                    Some(view) => Some(view),
                    None => begin_late(work, new)?,
                },
            };
            let Some(view) = view else { return Ok(None) };
            match steps::end_unsent(&view.row, reason, work.at(now_ms))? {
                Some(changes) => Ok::<_, JournalError>(Some(finish(work, view, Some(changes))?)),
                None => Ok(None),
            }
        })??;
        if let Some(view) = &ended {
            self.observed.committed(Change::Settled(&view.row));
        }
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
        let id = notice.event_id.clone();
        let (received, noticed) = self.run(|work| {
            let mut noticed = steps::judge(
                &notice,
                about(work, &notice, &notice.account),
                &neighbours(work, &notice),
            );
            let received = receive(work, event.complete(&notice, &noticed))?;
            if received != Received::Stored {
                return Ok((received, Noticed::default()));
            }
            if let Some(row) = &noticed.row {
                let at = work.at(notice.received_at_ms);
                let younger = younger(work, row);
                let changes = steps::notified(row, younger, &notice, &noticed.flags, at);
                if let Some(mut changes) = changes {
                    save(work, &mut changes)?;
                    noticed.row = Some(changes.row);
                }
            }
            Ok::<_, StoreError>((received, noticed))
        })??;
        if let (Received::Stored, Some(row)) = (&received, &noticed.row) {
            self.observed.committed(Change::Notified { row, event: &id });
        }
        Ok((received, noticed))
    }

    async fn recover(&self, now_ms: i64) -> Result<Recovered, StoreError> {
        let recovered = self.run(|work| {
            let (mut recovered, at) = (Recovered::default(), work.at(now_ms));
            let is_under_way = |row: &PaymentRow| {
                matches!(row.payment.state, Stage::Ready | Stage::Sending { .. })
            };
            for row in work.state.rows(is_under_way) {
                if !steps::is_abandoned(&row, work.now_ms, |owner| work.state.lives(owner)) {
                    recovered.under_way += 1;
                } else if let Some(mut changes) = steps::restart(&row, at, &mut recovered) {
                    save(work, &mut changes)?;
                }
            }
            let is_waiting = |row: &PaymentRow| {
                matches!(row.payment.state, Stage::Unknown { .. })
                    && row.next_query_at_ms.is_some_and(|due_ms| due_ms > work.now_ms)
                    && row.owner != work.owner
                    && !work.state.lives(&row.owner)
            };
            for row in work.state.rows(is_waiting) {
                save(work, &mut steps::take_over(&row, work.owner, at))?;
            }
            Ok::<_, StoreError>(recovered)
        })??;
        let payments = recovered.unknown + recovered.closed;
        if payments > 0 {
            self.observed.committed(Change::Recovered { payments });
        }
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
        self.run(|work| {
            let latest = under(work, account, operation, reference);
            steps::standing(latest)
        })
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

/// What a step knows besides the payment.
fn facts(work: &Work<'_>, row: &PaymentRow, step: &Step) -> Facts {
    let is_of_a_sibling = |found: &String| {
        let its = |other: &PaymentRow| {
            other.operation == row.operation
                && other.provider_reference.as_ref() == Some(found)
                && other.sequence != row.sequence
        };
        !work.state.rows_under(&row.account, &row.reference, its).is_empty()
    };
    Facts {
        younger: younger(work, row),
        is_of_a_sibling: match step {
            Step::Queried { answer, .. } => {
                answer.provider_reference().is_some_and(is_of_a_sibling)
            }
            _ => false,
        },
        freeze: work.state.freeze_of(&row.account),
        owner: Some(work.owner.to_owned()),
    }
}

fn finish(
    work: &mut Work<'_>,
    before: PaymentView,
    changes: Option<Changes>,
) -> Result<PaymentView, StoreError> {
    let Some(mut changes) = changes else { return Ok(before) };
    save(work, &mut changes)?;
    Ok(changes.into_view(before))
}

/// Puts everything back, and wakes those who wait for it. Only the event can be refused, and it comes first.
fn save(work: &mut Work<'_>, changes: &mut Changes) -> Result<(), StoreError> {
    if let Some(event) = changes.event.take() {
        let id = event.id.clone();
        let id = match receive(work, event)? {
            Received::Stored => id,
            Received::Duplicate { id, .. } => id,
        };
        changes.event_stored(&id);
    }
    put(work, &changes.row);
    work.woken.extend(changes.woken());
    if let Some(payment) = work.state.payments.get_mut(&changes.row.sequence) {
        let entries = u32::try_from(payment.history.len()).unwrap_or(u32::MAX);
        payment.history.extend(changes.entry.clone().filter(|entry| is_listed(entry, entries)));
        if changes.answer.is_some() {
            payment.answer.clone_from(&changes.answer);
        }
    }
    changes.siblings.iter_mut().try_for_each(|sibling| save(work, sibling))
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

fn begin(work: &mut Work<'_>, new: NewPayment) -> Result<Begun, StoreError> {
    let latest = under(work, &new.account, &new.operation, &new.reference);
    let freeze = work.state.freeze_of(&new.account);
    match steps::begin(&new, latest, freeze, work.owner, work.now_ms) {
        Begun::Fresh(view) => insert(work, view).map(Begun::Fresh),
        other @ (Begun::Known(_) | Begun::Reused(_) | Begun::Frozen(_)) => Ok(other),
    }
}

/// As it was to be begun, where its reference was not used since.
fn begin_late(work: &mut Work<'_>, new: &NewPayment) -> Result<Option<PaymentView>, StoreError> {
    let latest = under(work, &new.account, &new.operation, &new.reference);
    if !steps::may_be_begun_late(new, &latest) {
        return Ok(None);
    }
    match steps::begin(new, latest, None, work.owner, work.now_ms) {
        Begun::Fresh(view) => insert(work, view).map(Some),
        Begun::Known(_) | Begun::Reused(_) | Begun::Frozen(_) => Ok(None),
    }
}

fn insert(work: &mut Work<'_>, view: PaymentView) -> Result<PaymentView, StoreError> {
    let (id, history) = (view.row.id.clone(), vec![begun(&view.row)]);
    let mut payment = Payment { row: view.row, parameters: view.parameters, answer: None, history };
    if work.state.payment_ids.contains_key(&id) {
        return Err(StoreError::Refused(format!("there is another payment `{id}`")));
    }
    let sequence = work.state.next_number();
    payment.row.sequence = sequence;
    let row = work.state.row(&payment);
    work.state.references.entry(row.reference.clone()).or_default().push(sequence);
    work.state.payment_ids.insert(id, sequence);
    work.state.payments.insert(sequence, payment);
    Ok(work.state.view(row))
}

/// Every payment under a reference of the account, whatever came of it.
fn under(work: &Work<'_>, account: &str, operation: &str, reference: &str) -> Vec<PaymentView> {
    let rows = work.state.rows_under(account, reference, |row| row.operation == operation);
    rows.into_iter().map(|row| work.state.view(row)).collect()
}

/// Later calls under the reference of `row` that are not over, where it had come to nothing.
fn younger(work: &Work<'_>, row: &PaymentRow) -> Vec<PaymentRow> {
    if !row.payment.frees_its_reference() {
        return Vec::new();
    }
    work.state.rows_under(&row.account, &row.reference, |other| {
        other.operation == row.operation
            && other.generation > row.generation
            && other.end().is_none()
    })
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

/// What stands under the names of accounts that the notification could be meant for too.
fn neighbours(work: &Work<'_>, notice: &Notification) -> Vec<Neighbour> {
    let names = notice.neighbours.iter().flat_map(|account| work.state.names_of(account));
    names
        .map(|name| {
            let theirs = about(work, notice, &name).into_iter().rfind(|row| {
                work.state.payments[&row.sequence].row.account == name
                    && !row.payment.frees_its_reference()
                    && row.payment.state != Stage::Ready
            });
            let payment =
                theirs.map(|row| NeighbourPayment { provider_reference: row.provider_reference });
            let key = (name, notice.dedupe_key.clone());
            let has_event =
                work.state.event_keys.contains_key(&key) || work.state.seen.contains_key(&key);
            Neighbour { payment, has_event }
        })
        .collect()
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
