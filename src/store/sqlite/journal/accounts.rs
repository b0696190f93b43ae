//! Whether a notification is about a payment of another account. Where several accounts have the same provider key, its
//! signature does not tell: what was signed for one verifies at each.

use rusqlite::{Connection, OptionalExtension, params};

use super::super::names;
use crate::store::{Notice, PaymentRow};

/// `ours` is the payment of this account that it seems to tell of.
pub(super) fn is_of_another(
    connection: &Connection,
    notice: &Notice,
    ours: Option<&PaymentRow>,
) -> rusqlite::Result<bool> {
    if notice.names_another {
        return Ok(true);
    }
    let told = notice.provider_reference.as_deref();
    let is_known_as_ours =
        ours.is_some_and(|row| told.is_some() && row.provider_reference.as_deref() == told);
    if is_known_as_ours {
        return Ok(false);
    }
    for neighbour in &notice.neighbours {
        for name in names::of(connection, neighbour)? {
            let is_theirs = match theirs(connection, notice, &name)? {
                // By another id of the provider's it is another payment.
                Some(known) => known.is_none_or(|known| Some(known.as_str()) == told),
                None => ours.is_none() && was_stored(connection, notice, &name)?,
            };
            if is_theirs {
                return Ok(true);
            }
        }
    }
    Ok(false)
}

/// The neighbour's payment that it could be about, by its provider's id, if that is known. What came to nothing there is
/// none.
#[expect(clippy::option_option, reason = "whether there is a payment, and whether its id is known")]
fn theirs(
    connection: &Connection,
    notice: &Notice,
    neighbour: &str,
) -> rusqlite::Result<Option<Option<String>>> {
    let (sql, key) = match (&notice.reference, &notice.provider_reference) {
        _ if !notice.is_journalled => return Ok(None),
        (Some(reference), _) => (THEIRS_BY_REFERENCE, reference),
        (None, Some(provider_reference)) => (THEIRS_BY_PROVIDER_REFERENCE, provider_reference),
        (None, None) => return Ok(None),
    };
    let mut statement = connection.prepare_cached(sql)?;
    statement.query_row(params![neighbour, notice.kind, key], |row| row.get(0)).optional()
}

pub(super) const THEIRS_BY_REFERENCE: &str = "
    SELECT provider_reference FROM payment INDEXED BY payment_notice
    WHERE account = ?1 AND kind = ?2 AND reference = ?3
        AND state NOT IN ('ready', 'rejected', 'not_sent') ORDER BY sequence DESC LIMIT 1";

pub(super) const THEIRS_BY_PROVIDER_REFERENCE: &str = "
    SELECT provider_reference FROM payment INDEXED BY payment_provider_reference
    WHERE account = ?1 AND kind = ?2 AND provider_reference = ?3
        AND state NOT IN ('ready', 'rejected', 'not_sent') ORDER BY sequence DESC LIMIT 1";

/// Whether the same event came for the neighbour.
fn was_stored(connection: &Connection, notice: &Notice, neighbour: &str) -> rusqlite::Result<bool> {
    let mut statement = connection.prepare_cached(STORED)?;
    statement.exists(params![neighbour, notice.dedupe_key])
}

pub(super) const STORED: &str = "
    SELECT 1 FROM inbox WHERE account = ?1 AND dedupe_key = ?2
    UNION ALL SELECT 1 FROM inbox_seen WHERE account = ?1 AND dedupe_key = ?2";
