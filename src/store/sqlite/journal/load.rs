//! What steps look at, read by index and under every name of an account.

use rusqlite::{Connection, OptionalExtension, Params, params};

use super::super::names;
use super::rows::{COLUMNS, by_id, payment_row, view as view_of};
use crate::store::journal::steps::NeighbourPayment;
use crate::store::{Notification, PaymentId, PaymentRow, PaymentView};

/// Generations of one reference that are looked at: far more than anybody begins.
pub(super) const GENERATIONS_MAX: i64 = 16;

/// The payment with that id.
pub(super) fn view(
    connection: &Connection,
    id: &PaymentId,
) -> rusqlite::Result<Option<PaymentView>> {
    by_id(connection, id)?.map(|row| view_of(connection, row)).transpose()
}

/// The payments that meet `conditions`.
pub(super) fn rows(
    connection: &Connection,
    conditions: &str,
    values: impl Params,
) -> rusqlite::Result<Vec<PaymentRow>> {
    let sql = format!("SELECT {COLUMNS} FROM payment {conditions}");
    connection.prepare_cached(&sql)?.query_map(values, payment_row)?.collect()
}

/// The payments of `account` that meet `conditions`, which take the values that a name of the account gives.
pub(super) fn rows_of<P: Params>(
    connection: &Connection,
    account: &str,
    conditions: &str,
    values: impl Fn(String) -> P,
) -> rusqlite::Result<Vec<PaymentRow>> {
    let mut found = Vec::new();
    for name in names::of(connection, account)? {
        found.extend(rows(connection, conditions, values(name))?);
    }
    Ok(found)
}

/// The payment that holds a reference, of each name of the account: the latest that was made or may be, else the
/// latest at all. An earlier one that was thought not to have happened counts again once it turns out that it did.
pub(super) fn latest(
    connection: &Connection,
    account: &str,
    operation: &str,
    reference: &str,
) -> rusqlite::Result<Vec<PaymentView>> {
    let latest = rows_of(connection, account, LATEST, |name| (name, operation, reference))?;
    latest.into_iter().map(|row| view_of(connection, row)).collect()
}

pub(super) const LATEST: &str = "
    WHERE account = ?1 AND operation = ?2 AND reference = ?3
    ORDER BY state IN ('rejected', 'not_sent'), generation DESC LIMIT 1";

/// Later calls under a reference that are not over.
pub(super) const YOUNGER: &str = "
    WHERE account = ?1 AND operation = ?2 AND reference = ?3 AND generation > ?4
        AND state IN ('ready', 'sending', 'unknown')";

/// Another call under the reference whose transaction it is.
pub(super) const SIBLING: &str = "
    SELECT 1 FROM payment WHERE account = ?1 AND operation = ?2 AND reference = ?3
        AND provider_reference = ?4 AND sequence <> ?5";

/// The latest payments that a notification may be about.
pub(super) const BY_REFERENCE: &str = "INDEXED BY payment_notice
    WHERE account = ?1 AND kind = ?2 AND reference = ?3 ORDER BY sequence DESC LIMIT ?4";

pub(super) const BY_PROVIDER_REFERENCE: &str = "INDEXED BY payment_provider_reference
    WHERE account = ?1 AND kind = ?2 AND provider_reference = ?3 ORDER BY sequence DESC LIMIT ?4";

/// What a notification's payment is looked up by: the merchant's reference, or where it has none, the provider's.
pub(super) fn key(notice: &Notification) -> Option<(bool, &String)> {
    let by_reference = notice.reference.as_ref().map(|reference| (true, reference));
    let by_provider = notice.provider_reference.as_ref().map(|reference| (false, reference));
    by_reference.or(by_provider).filter(|_| notice.is_journalled)
}

/// The payment under that one name that the notification could be meant for.
pub(super) fn theirs(
    connection: &Connection,
    notice: &Notification,
    name: &str,
) -> rusqlite::Result<Option<NeighbourPayment>> {
    let Some((is_by_reference, key)) = key(notice) else { return Ok(None) };
    let sql = if is_by_reference { THEIRS_BY_REFERENCE } else { THEIRS_BY_PROVIDER_REFERENCE };
    let mut statement = connection.prepare_cached(sql)?;
    let read = |row: &rusqlite::Row<'_>| Ok(NeighbourPayment { provider_reference: row.get(0)? });
    statement.query_row(params![name, notice.kind, key], read).optional()
}

pub(super) const THEIRS_BY_REFERENCE: &str = "
    SELECT provider_reference FROM payment INDEXED BY payment_notice
    WHERE account = ?1 AND kind = ?2 AND reference = ?3
        AND state NOT IN ('ready', 'rejected', 'not_sent') ORDER BY sequence DESC LIMIT 1";

pub(super) const THEIRS_BY_PROVIDER_REFERENCE: &str = "
    SELECT provider_reference FROM payment INDEXED BY payment_provider_reference
    WHERE account = ?1 AND kind = ?2 AND provider_reference = ?3
        AND state NOT IN ('ready', 'rejected', 'not_sent') ORDER BY sequence DESC LIMIT 1";

pub(super) const STORED: &str = "
    SELECT 1 FROM inbox WHERE account = ?1 AND dedupe_key = ?2
    UNION ALL SELECT 1 FROM inbox_seen WHERE account = ?1 AND dedupe_key = ?2";

/// The account, its state, the time and how many.
pub(super) const DUE: &str = "INDEXED BY payment_due
    WHERE account = ?1 AND state = ?2 AND next_ask_at <= ?3
    ORDER BY next_ask_at LIMIT ?4";

/// The account and how many.
pub(super) const OWED: &str = "INDEXED BY payment_owed
    WHERE account = ?1 AND owes_event = 1 AND settled_at IS NOT NULL LIMIT ?2";

/// After a sequence, and how many.
pub(super) const UNDER_WAY: &str = "INDEXED BY payment_held
    WHERE state IN ('ready', 'sending') AND sequence > ?1 ORDER BY sequence LIMIT ?2";

/// What is in doubt is little, also where there are millions of payments. The list of states is the index's own.
pub(super) const WAITING: &str = "INDEXED BY payment_unsettled
    WHERE state IN ('ready', 'sending', 'unknown') AND state = 'unknown'
        AND next_ask_at > ?1 AND holder <> ?2";
