//! Calls under the same reference: one that came to nothing leaves the reference free, and another may be begun.

use super::{Changes, Moment, schedule, take};
use crate::payment::{Input, State};
use crate::store::PaymentRow;

/// The provider has `made` after all: what was begun under its reference since must not be made too. What has not left is
/// over; what may have left is in doubt, and no further attempt of it is allowed.
pub(super) fn supersede(
    made: &mut PaymentRow,
    younger: Vec<PaymentRow>,
    at: Moment,
) -> Vec<Changes> {
    let mut superseded = Vec::new();
    for mut row in younger {
        // In doubt only for the provider's word "duplicate": a query finds out, and makes its event.
        if row.payment.open.is_empty() && matches!(row.payment.state, State::Unknown { .. }) {
            continue;
        }
        // It is allowed whatever the state.
        if take(&mut row, Input::Superseded, at).is_err() {
            continue;
        }
        schedule(&mut row, Some(at.time_ms), None);
        if row.owes_event && row.end().is_some() {
            // Its caller gets the event of the one that was made: "failed" would be taken for the end of both. A notification
            // of that one is an event already.
            row.owes_event = false;
            made.owes_event |= made.notified_at_ms.is_none();
        }
        let detail = format!("call {} under this reference was made after all", made.generation);
        superseded.push(Changes::told(row, "superseded", None, Some(detail), at));
    }
    superseded
}
