//! Events that are owed: to a caller who was told to wait for a payment's end, or could not be told it.

use super::{Changes, Moment, Step};
use crate::store::{OutcomeEvent, PaymentRow};

/// Owes an event of the payment's end, unless it is settled.
pub fn promise(row: &PaymentRow) -> Step {
    Ok((row.end().is_none() && !row.owes_event).then(|| owe(row)))
}

/// Owes an event of a payment whose caller heard nothing. One that a notification reported has an event.
pub fn unheard(row: &PaymentRow) -> Step {
    Ok(row.notified_at_ms.is_none().then(|| owe(row)))
}

/// Stores the event that is owed, and owes it no longer.
pub fn tell(row: &PaymentRow, event: &OutcomeEvent, at: Moment) -> Step {
    if !row.owes_event || row.end().is_none() {
        return Ok(None);
    }
    let event = Some(event.complete(row));
    let row = PaymentRow { owes_event: false, ..row.clone() };
    Ok(Some(Changes { event, ..Changes::told(row, "told", None, None, at) }))
}

fn owe(row: &PaymentRow) -> Changes {
    Changes::of(PaymentRow { owes_event: true, ..row.clone() })
}
