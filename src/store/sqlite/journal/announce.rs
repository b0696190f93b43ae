//! The event that a step becomes, stored in the step's own transaction.

use aws_lc_rs::digest;

use super::super::inbox::receive;
use super::super::job::Work;
use crate::payment::Transition;
use crate::store::{Announce, PaymentRow, Received};

/// Stores what `announce` makes of a step that is news, or of a payment that is over and that no notification and no
/// event told of: the event of one end has one key, so it is stored once. Returns `detail` with the event's id where there is one.
pub(super) fn announce(
    work: &mut Work<'_>,
    row: &PaymentRow,
    transition: &Transition,
    announce: Option<Announce>,
    detail: String,
) -> rusqlite::Result<String> {
    let is_news = transition.is_news() || row.is_over_unnoticed();
    let Some(announce) = announce.filter(|_| is_news) else { return Ok(detail) };
    let Some(event) = announce(row) else { return Ok(detail) };
    let hash = digest::digest(&digest::SHA256, event.param.as_bytes());
    let id = match receive::receive(work, &event, hash.as_ref())? {
        Received::Stored => event.id,
        Received::Duplicate { id, .. } => id,
    };
    Ok(format!("{detail}, event {id}"))
}
