//! Events that are owed: to a caller who was told to wait for a payment's end, or could not be told it.

use super::{Changes, Moment};
use crate::store::{OutcomeEvent, PaymentRow};

/// Owes an event of the payment's end, unless it is settled.
pub(super) fn promise(row: &PaymentRow) -> Option<Changes> {
    (row.end().is_none() && !row.owes_event).then(|| owe(row))
}

/// Owes an event of a payment whose caller heard nothing. One that a notification reported has an event.
pub(super) fn unheard(row: &PaymentRow) -> Option<Changes> {
    row.notified_at_ms.is_none().then(|| owe(row))
}

/// Stores the event that is owed, and owes it no longer.
pub(super) fn tell(row: &PaymentRow, event: &OutcomeEvent, at: Moment) -> Option<Changes> {
    if !row.owes_event || row.end().is_none() {
        return None;
    }
    let event = Some(event.complete(row));
    let row = PaymentRow { owes_event: false, ..row.clone() };
    Some(Changes { event, ..Changes::told(row, "told", None, None, at) })
}

fn owe(row: &PaymentRow) -> Changes {
    Changes::of(PaymentRow { owes_event: true, ..row.clone() })
}
