//! What dead processes left behind: attempts whose outcome is now unknown, calls that were never sent, queries put off.

use super::{Changes, Moment, schedule, take};
use crate::payment::{Input, State};
use crate::store::{PaymentRow, Recovered};

/// Whether no process works on a payment that is under way. `lives` says whether the process of that name does.
pub fn is_abandoned(row: &PaymentRow, now_ms: i64, lives: impl FnOnce(&str) -> bool) -> bool {
    row.leased_until_ms <= now_ms || !lives(&row.owner)
}

/// Takes over an abandoned payment, and counts it.
pub fn restart(row: &PaymentRow, at: Moment, recovered: &mut Recovered) -> Option<Changes> {
    let mut row = row.clone();
    // It is allowed whatever the state.
    take(&mut row, Input::Restarted, at).ok()?;
    schedule(&mut row, Some(at.time_ms), None);
    // Its caller was cut off, or was told "unknown" because the journal's disk failed.
    row.owes_event = true;
    match row.payment.state {
        State::Unknown { .. } => recovered.unknown += 1,
        State::Ready | State::Sending { .. } | State::Settled(_) => recovered.closed += 1,
    }
    Some(Changes::told(row, "restarted", None, None, at))
}

/// Makes a payment in doubt that only a dead process would have queried later due now, for `owner`: a claim, or the pause of
/// a caller that is gone, must not delay what a restart should find out.
pub fn take_over(row: &PaymentRow, owner: &str, at: Moment) -> Changes {
    let (owner, next_query_at_ms) = (owner.to_owned(), Some(at.time_ms));
    Changes::of(PaymentRow { owner, next_query_at_ms, ..row.clone() })
}
