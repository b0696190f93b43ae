//! Steps within one transaction of a store: what they look at is loaded, what they come to is saved.

use super::steps::{self, Changes, Facts, Moment, Neighbour};
use super::{
    Begun, Freeze, JournalError, NewPayment, Noticed, Notification, NotificationEvent, PaymentRow,
    PaymentView, Recovered, Step, Unsent,
};
use crate::store::{NewEvent, PaymentId, Received};

/// What a store reads and writes within a transaction: all that is written is kept, or after an error nothing.
pub trait Transaction {
    type Error;

    /// Store time.
    fn now_ms(&self) -> i64;
    /// The error for a step that the rules forbid where that must undo the transaction.
    fn refused(error: JournalError) -> Self::Error;
    fn view(&self, id: &PaymentId) -> Result<Option<PaymentView>, Self::Error>;
    /// The payments under a reference of the account, at least the one of each name of it that stands for it.
    fn latest(
        &self,
        account: &str,
        operation: &str,
        reference: &str,
    ) -> Result<Vec<PaymentView>, Self::Error>;
    /// Later calls under the reference of `row` that are not over.
    fn younger(&self, row: &PaymentRow) -> Result<Vec<PaymentRow>, Self::Error>;
    /// Whether the transaction `found` at the provider is that of another call under the same reference.
    fn is_of_a_sibling(&self, row: &PaymentRow, found: &str) -> Result<bool, Self::Error>;
    fn freeze_of(&self, account: &str) -> Result<Option<Freeze>, Self::Error>;
    /// Payments that a notification may be about: those under the merchant's reference, or where it has none, the one that
    /// the provider's names.
    fn candidates(&self, notice: &Notification) -> Result<Vec<PaymentRow>, Self::Error>;
    /// What is recorded under the names of other accounts that the notification could be for.
    fn neighbours(&self, notice: &Notification) -> Result<Vec<Neighbour>, Self::Error>;
    /// Writes a new payment, and returns it as it then is.
    fn insert(&mut self, view: PaymentView) -> Result<PaymentView, Self::Error>;
    fn receive(&mut self, event: NewEvent) -> Result<Received, Self::Error>;
    /// Writes the row, the entry and the answer of `changes`, and wakes those who wait for them.
    fn keep(&mut self, changes: &Changes) -> Result<(), Self::Error>;
}

/// What a step within the transaction comes to. The inner error changes nothing.
type Taken<T, S> = Result<Result<T, JournalError>, <S as Transaction>::Error>;

/// Lets one payment take `step`. `owner` is this process, if the step is its to take.
pub fn take<S: Transaction>(
    store: &mut S,
    id: &PaymentId,
    step: &Step,
    owner: Option<String>,
) -> Taken<PaymentView, S> {
    let Some(view) = store.view(id)? else {
        return Ok(Err(JournalError::NoSuchPayment(id.clone())));
    };
    let facts = facts(store, &view.row, step, owner)?;
    match steps::decide(step, &view, facts, store.now_ms()) {
        Ok(Some(changes)) => finish(store, view, changes).map(Ok),
        Ok(None) => Ok(Ok(view)),
        Err(error) => Ok(Err(error)),
    }
}

fn facts<S: Transaction>(
    store: &S,
    row: &PaymentRow,
    step: &Step,
    owner: Option<String>,
) -> Result<Facts, S::Error> {
    let found = match step {
        Step::Queried { answer, .. } => answer.provider_reference(),
        _ => None,
    };
    Ok(Facts {
        younger: younger(store, row)?,
        is_of_a_sibling: match found {
            Some(found) => store.is_of_a_sibling(row, found)?,
            None => false,
        },
        freeze: match step {
            Step::AboutToSend { .. } => store.freeze_of(&row.account)?,
            _ => None,
        },
        owner,
    })
}

/// Later calls under the reference of `row` that are not over, where it had come to nothing.
fn younger<S: Transaction>(store: &S, row: &PaymentRow) -> Result<Vec<PaymentRow>, S::Error> {
    match row.payment.frees_its_reference() {
        true => store.younger(row),
        false => Ok(Vec::new()),
    }
}

fn finish<S: Transaction>(
    store: &mut S,
    before: PaymentView,
    mut changes: Changes,
) -> Result<PaymentView, S::Error> {
    save(store, &mut changes)?;
    Ok(changes.into_view(before))
}

/// Writes everything, the event first.
pub fn save<S: Transaction>(store: &mut S, changes: &mut Changes) -> Result<(), S::Error> {
    if let Some(event) = changes.event.take() {
        let new = event.id.clone();
        let id = match store.receive(event)? {
            Received::Stored => new,
            Received::Duplicate { id, .. } => id,
        };
        changes.event_stored(&id);
    }
    store.keep(changes)?;
    changes.siblings.iter_mut().try_for_each(|sibling| save(store, sibling))
}

/// Writes the payment down for `owner`, unless its reference is taken or its account frozen.
pub fn begin<S: Transaction>(
    store: &mut S,
    new: &NewPayment,
    owner: &str,
) -> Result<Begun, S::Error> {
    let latest = store.latest(&new.account, &new.operation, &new.reference)?;
    let freeze = store.freeze_of(&new.account)?;
    match steps::begin(new, latest, freeze, owner, store.now_ms()) {
        Begun::Fresh(view) => store.insert(view).map(Begun::Fresh),
        other @ (Begun::Known(_) | Begun::Reused(_) | Begun::Frozen(_)) => Ok(other),
    }
}

/// The same, and the first attempt is announced with it.
pub fn begin_sending<S: Transaction>(
    store: &mut S,
    new: &NewPayment,
    owner: &str,
) -> Result<Begun, S::Error> {
    let view = match begin(store, new, owner)? {
        Begun::Fresh(view) => view,
        other @ (Begun::Known(_) | Begun::Reused(_) | Begun::Frozen(_)) => return Ok(other),
    };
    match steps::first_attempt(&view.row, at(store, new.now_ms)) {
        Ok(Some(changes)) => finish(store, view, changes).map(Begun::Fresh),
        Ok(None) => Ok(Begun::Fresh(view)),
        // A payment that was only recorded may be sent.
        Err(error) => Err(S::refused(error)),
    }
}

/// Settles a call that never left, and owes its event. `None` when there is nothing to settle or to tell.
pub fn end_unsent<S: Transaction>(
    store: &mut S,
    unsent: &Unsent,
    reason: &str,
    owner: &str,
    now_ms: i64,
) -> Taken<Option<PaymentView>, S> {
    let view = match unsent {
        Unsent::Begun(id) => store.view(id)?,
        Unsent::MaybeBegun(new) => match store.view(&new.id)? {
            Some(view) => Some(view),
            None => begin_late(store, new, owner)?,
        },
    };
    let Some(view) = view else { return Ok(Ok(None)) };
    match steps::end_unsent(&view.row, reason, at(store, now_ms)) {
        Ok(Some(changes)) => finish(store, view, changes).map(|view| Ok(Some(view))),
        Ok(None) => Ok(Ok(None)),
        Err(error) => Ok(Err(error)),
    }
}

/// As it was to be begun, where its reference was not used since.
fn begin_late<S: Transaction>(
    store: &mut S,
    new: &NewPayment,
    owner: &str,
) -> Result<Option<PaymentView>, S::Error> {
    let latest = store.latest(&new.account, &new.operation, &new.reference)?;
    if !steps::may_be_begun_late(new, &latest) {
        return Ok(None);
    }
    match steps::begin(new, latest, None, owner, store.now_ms()) {
        Begun::Fresh(view) => store.insert(view).map(Some),
        Begun::Known(_) | Begun::Reused(_) | Begun::Frozen(_) => Ok(None),
    }
}

/// Stores the event of a notification, and lets the payment take the step.
pub fn receive<S: Transaction>(
    store: &mut S,
    notice: &Notification,
    event: &NotificationEvent,
) -> Result<(Received, Noticed), S::Error> {
    let mut noticed = steps::judge(notice, store.candidates(notice)?, &store.neighbours(notice)?);
    let received = store.receive(event.complete(notice, &noticed))?;
    if received != Received::Stored {
        return Ok((received, Noticed::default()));
    }
    if let Some(row) = &noticed.row {
        let (younger, at) = (younger(store, row)?, at(store, notice.received_at_ms));
        if let Some(mut changes) = steps::notified(row, younger, notice, &noticed.flags, at) {
            save(store, &mut changes)?;
            noticed.row = Some(changes.row);
        }
    }
    Ok((received, noticed))
}

/// Takes payments `under_way` up, where nothing that `lives` does.
pub fn recover<S: Transaction>(
    store: &mut S,
    under_way: Vec<PaymentRow>,
    mut lives: impl FnMut(&str) -> bool,
    now_ms: i64,
) -> Result<Recovered, S::Error> {
    let mut recovered = Recovered::default();
    for row in under_way {
        if !steps::is_abandoned(&row, store.now_ms(), &mut lives) {
            recovered.under_way += 1;
        } else if let Some(mut changes) = steps::restart(&row, at(store, now_ms), &mut recovered) {
            save(store, &mut changes)?;
        }
    }
    Ok(recovered)
}

/// Payments in doubt that are `waiting` for a dead process's query are due now, and `owner`'s.
pub fn take_over<S: Transaction>(
    store: &mut S,
    waiting: &[PaymentRow],
    owner: &str,
    now_ms: i64,
) -> Result<(), S::Error> {
    let at = at(store, now_ms);
    waiting.iter().try_for_each(|row| save(store, &mut steps::take_over(row, owner, at)))
}

fn at<S: Transaction>(store: &S, date_ms: i64) -> Moment {
    Moment { time_ms: store.now_ms(), date_ms }
}
