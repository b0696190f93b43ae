//! The event that a step becomes, stored in the step's own transaction.

use aws_lc_rs::digest;

use super::super::inbox::receive;
use super::super::job::Work;
use crate::payment::Transition;
use crate::store::{EventId, NewEvent, OutcomeEvent, PaymentRow, Received};

/// Stores the event of a step that is news, or of a payment that is over and that no notification and no
/// event told of: the event of one end has one key, so it is stored once. Returns `detail` with the event's id where there is one.
pub(super) fn announce(
    work: &mut Work<'_>,
    row: &mut PaymentRow,
    transition: &Transition,
    event: Option<OutcomeEvent>,
    detail: String,
) -> rusqlite::Result<String> {
    let is_news = transition.is_news() || row.is_over_unnoticed();
    let Some(event) = event.filter(|_| is_news) else { return Ok(detail) };
    let event = event.complete(row);
    row.owes_event = false;
    Ok(format!("{detail}, event {}", store(work, &event)?))
}

/// Stores an event that tells of a payment; the id of the one that told the same before, if one did.
pub(super) fn store(work: &mut Work<'_>, event: &NewEvent) -> rusqlite::Result<EventId> {
    let hash = digest::digest(&digest::SHA256, event.param.as_bytes());
    Ok(match receive::receive(work, event, hash.as_ref())? {
        Received::Stored => event.id.clone(),
        Received::Duplicate { id, .. } => id,
    })
}
