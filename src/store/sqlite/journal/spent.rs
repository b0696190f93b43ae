//! What left lately: read once at start, so no index of its own is paid for by every call.

use std::collections::BTreeMap;

use rusqlite::Connection;

use super::super::names::current;
use crate::store::Spending;

const MINUTE_MS: i64 = 60_000;

/// Amounts by account, operation and minute. Added up here and not in SQL, where a sum that is too large is an error.
pub(super) fn since(connection: &Connection, since_ms: i64) -> rusqlite::Result<Vec<Spending>> {
    let mut minutes = BTreeMap::new();
    for sql in [OPEN, ACCEPTED] {
        let mut statement = connection.prepare(sql)?;
        let mut rows = statement.query([since_ms])?;
        while let Some(row) = rows.next()? {
            let (account, operation): (String, String) = (row.get(0)?, row.get(1)?);
            let (at_ms, amount): (i64, i64) = (row.get(2)?, row.get(3)?);
            let minute = minutes
                .entry((account, operation, at_ms.div_euclid(MINUTE_MS)))
                .or_insert((at_ms, 0u64));
            minute.0 = minute.0.max(at_ms);
            minute.1 = minute.1.saturating_add(u64::try_from(amount).unwrap_or(0));
        }
    }
    let spendings = minutes.into_iter().map(|((account, operation, _), (at_ms, amount_minor))| {
        Spending { account, operation, at_ms, amount_minor }
    });
    Ok(spendings.collect())
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
