//! A notification tells of a payment: found, compared, settled.

use rusqlite::{Connection, OptionalExtension, params};

use super::super::job::Work;
use super::super::names;
use super::moves::notice_due;
use super::rows;
use super::save::{Entry, save, schedule, take_step};
use crate::payment::{Input, Rules};
use crate::store::{EventId, Expectation, Notice, PaymentRow};

/// What the journal knows of the payment that `notice` tells of.
pub(super) fn expectation(
    connection: &Connection,
    notice: &Notice,
) -> rusqlite::Result<Expectation> {
    Ok(match find(connection, notice)? {
        None => Expectation::Unexpected,
        Some(row) if differs(&row, notice) => Expectation::AmountDiffers(row),
        Some(row) => Expectation::Expected(row),
    })
}

/// Settles that payment. The event is stored in the same transaction.
pub(super) fn settle(
    work: &mut Work<'_>,
    notice: &Notice,
    event: &EventId,
    now_ms: i64,
) -> rusqlite::Result<Option<PaymentRow>> {
    let Some(mut row) = find(work.connection, notice)? else { return Ok(None) };
    let input = Input::Notified { status: notice.status };
    // A notification is allowed whatever the state.
    if take_step(work, &mut row, input, &Rules::new(0, 0), now_ms).is_err() {
        return Ok(Some(row));
    }
    row.amount_differs |= differs(&row, notice);
    row.notified_at_ms = Some(now_ms);
    // It becomes an event itself.
    row.owes_event = false;
    if notice.provider_reference.is_some() {
        row.provider_reference.clone_from(&notice.provider_reference);
    }
    let next_notice_ms = notice_due(work, &row)?;
    schedule(&mut row, None, next_notice_ms);
    let status = notice.status.map_or("a status that is not known", |status| status.word());
    let detail = format!("{status}, event {event}");
    let entry = Entry { what: "notified", attempt: None, detail: Some(&detail), at_ms: now_ms };
    save(work, &row, &entry)?;
    Ok(Some(row))
}

fn differs(row: &PaymentRow, notice: &Notice) -> bool {
    row.differs_from(notice.amount_minor, notice.currency.as_deref())
}

/// By the merchant's reference, or by the provider's where there is no other. Of several generations the one that the
/// provider's reference names, else the latest: an earlier one never reached the provider, or was refused there.
fn find(connection: &Connection, notice: &Notice) -> rusqlite::Result<Option<PaymentRow>> {
    let provider_reference = notice.provider_reference.as_deref();
    let (conditions, key, tie) = match (notice.reference.as_deref(), provider_reference) {
        (Some(reference), _) => (BY_REFERENCE, reference, provider_reference),
        (None, Some(provider_reference)) => (BY_PROVIDER_REFERENCE, provider_reference, None),
        (None, None) => return Ok(None),
    };
    let sql = format!("SELECT {} FROM payment {conditions}", rows::COLUMNS);
    let mut statement = connection.prepare_cached(&sql)?;
    let mut found: Vec<PaymentRow> = Vec::new();
    for name in names::of(connection, &notice.account)? {
        let values = params![name, notice.kind, key, tie];
        found.extend(statement.query_row(values, rows::payment_row).optional()?);
    }
    let is_named = |row: &PaymentRow| tie.is_some() && row.provider_reference.as_deref() == tie;
    Ok(found.into_iter().max_by_key(|row| (is_named(row), row.sequence)))
}

pub(super) const BY_REFERENCE: &str = "INDEXED BY payment_notice
    WHERE account = ?1 AND kind = ?2 AND reference = ?3
    ORDER BY provider_reference IS NOT NULL AND provider_reference = ?4 DESC, sequence DESC LIMIT 1";

pub(super) const BY_PROVIDER_REFERENCE: &str = "INDEXED BY payment_provider_reference
    WHERE account = ?1 AND kind = ?2 AND provider_reference = ?3 AND ?4 IS NULL
    ORDER BY sequence DESC LIMIT 1";
