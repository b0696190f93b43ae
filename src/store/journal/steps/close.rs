//! A payment in doubt ends without the provider's word.

use super::{Changes, Decision, Moment, notice_due, schedule, take};
use crate::payment::{Input, Ruling};
use crate::store::{Closure, OutcomeEvent, PaymentRow};

/// Settles a payment in doubt.
pub(super) fn close(
    row: &PaymentRow,
    closure: &Closure,
    event: Option<&OutcomeEvent>,
    at: Moment,
) -> Decision {
    let mut row = row.clone();
    let (input, what, detail) = describe(closure);
    let transition = take(&mut row, input, at)?;
    let notice_at_ms = notice_due(&row, at);
    schedule(&mut row, None, notice_at_ms);
    let changes = Changes::told(row, what, None, Some(detail), at);
    Ok(Some(changes.with_event(&transition, event)))
}

fn describe(closure: &Closure) -> (Input, &'static str, String) {
    match closure {
        Closure::Abandoned { reason, rules } => {
            (Input::Abandoned { rules: *rules }, "abandoned", reason.clone())
        }
        Closure::ByHand { ruling, reason } => {
            let word = match ruling {
                Ruling::Accepted => "accepted",
                Ruling::Rejected => "rejected",
            };
            (Input::ByHand(*ruling), "settled_by_hand", format!("{word}: {reason}"))
        }
    }
}
