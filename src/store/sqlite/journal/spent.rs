//! What left lately: read once at start, so no index of its own is paid for by every call.

use rusqlite::Connection;

use super::super::names::current;
use crate::store::Spending;
use crate::store::journal::steps::Spent;

/// Amounts by account, operation and minute. Added up here and not in SQL, where a sum that is too large is an error.
pub(super) fn since(connection: &Connection, since_ms: i64) -> rusqlite::Result<Vec<Spending>> {
    let mut spent = Spent::default();
    for sql in [OPEN, ACCEPTED] {
        let mut statement = connection.prepare(sql)?;
        let mut rows = statement.query([since_ms])?;
        while let Some(row) = rows.next()? {
            spent.add(row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?);
        }
    }
    Ok(spent.into_spendings())
}

/// Open payments are few, however long ago they were begun. The list of states is the index's own.
pub(super) const OPEN: &str = concat!(
    "SELECT ",
    current!("payment.account"),
    ", operation, coalesce(last_attempt_tick, last_attempt_at), amount
    FROM payment INDEXED BY payment_unsettled
    WHERE state IN ('ready', 'sending', 'unknown') AND state <> 'ready'
        AND coalesce(last_attempt_tick, last_attempt_at) >= ?1 AND amount IS NOT NULL"
);

/// What left since then was settled since then.
pub(super) const ACCEPTED: &str = concat!(
    "SELECT ",
    current!("payment.account"),
    ", operation, coalesce(last_attempt_tick, last_attempt_at), amount
    FROM payment INDEXED BY payment_settled
    WHERE coalesce(settled_tick, settled_at) >= ?1 AND settled_at IS NOT NULL
        AND coalesce(last_attempt_tick, last_attempt_at) >= ?1 AND state = 'accepted' AND amount IS NOT NULL"
);
