//! Ends what never left: the disk failed when it was to be written down, so its caller could not be told for certain.

use super::super::job::Work;
use super::save::{Entry, save, take_step};
use super::{begin, rows};
use crate::payment::{Input, Rules, State};
use crate::store::{JournalError, NewPayment, PaymentRow, PaymentView, Unsent};

/// Settles it as not sent, and owes its event. `None` when there is nothing to settle or to tell.
pub(super) fn end_unsent(
    work: &mut Work<'_>,
    unsent: &Unsent,
    reason: &str,
    holder: &str,
    now_ms: i64,
) -> rusqlite::Result<Result<Option<PaymentView>, JournalError>> {
    let row = match unsent {
        Unsent::Begun(id) => rows::by_id(work.connection, id)?,
        Unsent::MaybeBegun(new) => match rows::by_id(work.connection, &new.id)? {
            Some(row) => Some(row),
            None => write_down(work, new, holder)?,
        },
    };
    // Of one that is in doubt the end is told by whoever finds it out.
    let Some(mut row) = row.filter(|row| matches!(row.payment.state, State::Ready)) else {
        return Ok(Ok(None));
    };
    let rules = Rules::new(i64::MAX, u32::MAX);
    if let Err(error) = take_step(work, &mut row, Input::GaveUp, &rules, now_ms) {
        return Ok(Err(error));
    }
    row.owes_event = true;
    save(
        work,
        &row,
        &Entry { what: "gave_up", attempt: None, detail: Some(reason), at_ms: now_ms },
    )?;
    rows::view(work.connection, row).map(|view| Ok(Some(view)))
}

/// As it was to be begun. Not where its reference was used since: whoever did that was answered, and hears of that call.
fn write_down(
    work: &mut Work<'_>,
    new: &NewPayment,
    holder: &str,
) -> rusqlite::Result<Option<PaymentRow>> {
    let latest =
        rows::latest_of_each_name(work.connection, &new.account, &new.operation, &new.reference)?;
    let is_free = latest
        .iter()
        .all(|latest| latest.payment.frees_its_reference() && latest.begun_at_ms < new.now_ms);
    let generation = latest.iter().map(|latest| latest.generation).max().unwrap_or(0) + 1;
    is_free.then(|| begin::insert(work, new, generation, holder)).transpose()
}
