//! What a store says about its commits to an observer, such as the audit log.

use std::sync::{Arc, OnceLock};

use super::{
    Begun, EventId, JournalError, Noticed, PaymentId, PaymentRow, PaymentView, Received, Recovered,
    Selection, Step,
};
use crate::outcome::Outcome;
use crate::payment::State;

/// Sees what was committed. It is called in the task of the store's caller, before the store answers; it cannot refuse.
pub trait Observer: Send + Sync {
    /// `change` is on disk.
    fn committed(&self, change: &Change<'_>);

    /// The commit of `change` failed in a way that it may be found made after all: see
    /// [`StoreError::Uncertain`](super::StoreError::Uncertain). Called for what moves money or is done by an operator.
    fn uncertain(&self, change: &Change<'_>);
}

/// One thing that changed. Numbers and rows that only the commit would have shown are missing where it is uncertain.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Change<'a> {
    /// A call was recorded; nothing was sent yet.
    Begun(Subject<'a>),
    /// An attempt is about to leave.
    Sending { id: &'a PaymentId, attempt: Option<u32> },
    /// An attempt ended, and it is not known whether the payment happened.
    InDoubt { row: &'a PaymentRow, attempt: u32 },
    /// It is known how the payment ended.
    Settled(&'a PaymentRow),
    /// A payment in doubt was settled without the provider's word.
    Closed { payment: Subject<'a>, reason: &'a str },
    /// A notification of a payment was stored.
    Notified { row: &'a PaymentRow, event: &'a EventId },
    /// Payments of dead processes were taken over.
    Recovered { payments: u64 },
    /// Nothing of the account moves money until it is unfrozen.
    Frozen { account: &'a str, reason: &'a str },
    /// It may again.
    Unfrozen { account: &'a str },
    /// Events are delivered once more.
    Replayed { selection: &'a Selection, events: Option<u64> },
    /// Events are not delivered.
    Discarded { selection: &'a Selection, reason: &'a str, events: Option<u64> },
}

/// A payment, as far as it is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Subject<'a> {
    Row(&'a PaymentRow),
    Id(&'a PaymentId),
}

/// A store's observer, if it has one.
#[derive(Default)]
pub(super) struct Observed(OnceLock<Arc<dyn Observer>>);

impl Observed {
    /// Sets the observer; the first one stays.
    pub(super) fn by(&self, observer: Arc<dyn Observer>) {
        let _ = self.0.set(observer);
    }

    pub(super) fn committed(&self, change: Change<'_>) {
        if let Some(observer) = self.0.get() {
            observer.committed(&change);
        }
    }

    /// A call was recorded, and perhaps its first attempt announced.
    pub(super) fn begun(&self, begun: &Begun) {
        let Begun::Fresh(PaymentView { row, .. }) = begun else { return };
        self.committed(Change::Begun(Subject::Row(row)));
        if let State::Sending { attempt } = row.payment.state {
            self.committed(Change::Sending { id: &row.id, attempt: Some(attempt) });
        }
    }

    /// `row` took `step`.
    pub(super) fn taken(&self, step: &Step, row: &PaymentRow) {
        if let Some(change) = change(step, row) {
            self.committed(change);
        }
    }

    /// A call that never left ended, unless there was nothing to settle.
    pub(super) fn ended(&self, ended: Option<&PaymentView>) {
        if let Some(view) = ended {
            self.committed(Change::Settled(&view.row));
        }
    }

    /// A notification was received as `event`.
    pub(super) fn notified(&self, done: &(Received, Noticed), event: &EventId) {
        if let (Received::Stored, Noticed { row: Some(row), .. }) = done {
            self.committed(Change::Notified { row, event });
        }
    }

    /// Payments of dead processes were taken over.
    pub(super) fn recovered(&self, recovered: Recovered) {
        let payments = recovered.unknown + recovered.closed;
        if payments > 0 {
            self.committed(Change::Recovered { payments });
        }
    }

    /// Passes `done` on, and says so where `change` may be found made.
    pub(super) fn uncertain<T, E: Clone + Into<JournalError>>(
        &self,
        done: Result<T, E>,
        change: Change<'_>,
    ) -> Result<T, E> {
        done.inspect_err(|error| {
            if let Some(observer) = self.0.get()
                && error.clone().into().may_be_written()
            {
                observer.uncertain(&change);
            }
        })
    }
}

/// The change that an observer sees of a step that `row` took.
pub(super) fn change<'a>(step: &'a Step, row: &'a PaymentRow) -> Option<Change<'a>> {
    match step {
        Step::AboutToSend { .. } => {
            Some(Change::Sending { id: &row.id, attempt: Some(row.payment.attempts) })
        }
        Step::Close { closure, .. } => {
            Some(Change::Closed { payment: Subject::Row(row), reason: closure.reason() })
        }
        Step::Conclude { attempt, .. } if row.payment.outcome() == Some(Outcome::Unknown) => {
            Some(Change::InDoubt { row, attempt: *attempt })
        }
        _ => row.just_settled.then_some(Change::Settled(row)),
    }
}

/// The change that an observer sees where it is uncertain whether `step` was written: only of steps that let money leave, or that
/// nothing else shows.
pub(super) fn uncertain_change<'a>(step: &'a Step, id: &'a PaymentId) -> Option<Change<'a>> {
    match step {
        Step::AboutToSend { .. } => Some(Change::Sending { id, attempt: None }),
        Step::Close { closure, .. } => {
            Some(Change::Closed { payment: Subject::Id(id), reason: closure.reason() })
        }
        _ => None,
    }
}
