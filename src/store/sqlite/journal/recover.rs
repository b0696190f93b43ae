//! What dead processes left behind: attempts whose outcome is now unknown, and calls that were never sent.

use std::collections::HashMap;
use std::path::Path;

use rusqlite::params;

use super::super::holder;
use super::super::job::Work;
use super::save::{Entry, save, schedule, take_step};
use super::{account_key, rows};
use crate::payment::{Input, Rules, State};
use crate::store::{PaymentRow, Recovered};

/// Payments looked at in one call.
const STEP: usize = 200;

/// Looks at some payments under way after `from` (a sequence), and says where to go on.
pub(super) fn recover(
    work: &mut Work<'_>,
    store: &Path,
    from: i64,
    now_ms: i64,
) -> rusqlite::Result<(Recovered, Option<i64>)> {
    let held = held(work, from)?;
    let next = held.last().filter(|_| held.len() == STEP).map(|(row, ..)| row.sequence);
    let mut recovered = Recovered::default();
    let mut alive: HashMap<String, bool> = HashMap::new();
    for (row, holder_name, held_until) in held {
        let lives = held_until > work.now_ms
            && *alive.entry(holder_name).or_insert_with_key(|name| holder::lives(store, name));
        match lives {
            true => recovered.under_way += 1,
            false => abandon(work, row, now_ms, &mut recovered)?,
        }
    }
    Ok((recovered, next))
}

fn held(work: &Work<'_>, from: i64) -> rusqlite::Result<Vec<(PaymentRow, String, i64)>> {
    let sql = format!("SELECT {}, holder, held_until FROM payment {UNDER_WAY}", rows::COLUMNS);
    work.connection
        .prepare_cached(&sql)?
        .query_map(params![from, STEP as i64], |row| {
            Ok((rows::payment_row(row)?, row.get("holder")?, row.get("held_until")?))
        })?
        .collect()
}

pub(super) const UNDER_WAY: &str = "INDEXED BY payment_held
    WHERE state IN ('ready', 'sending') AND sequence > ?1 ORDER BY sequence LIMIT ?2";

/// Payments in doubt that only a dead process would have asked about later are due now, and ours: a claim, or the pause of a
/// caller that is gone, must not delay what a restart should find out.
pub(super) fn take_over_questions(
    work: &mut Work<'_>,
    store: &Path,
    holder: &str,
) -> rusqlite::Result<()> {
    let waiting: Vec<(i64, String, String)> = work
        .connection
        .prepare_cached(WAITING)?
        .query_map(params![work.now_ms, holder], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))?
        .collect::<rusqlite::Result<_>>()?;
    let mut alive: HashMap<String, bool> = HashMap::new();
    for (sequence, account, name) in waiting {
        if *alive.entry(name).or_insert_with_key(|name| holder::lives(store, name)) {
            continue;
        }
        work.connection
            .prepare_cached("UPDATE payment SET next_ask_at = ?2, holder = ?3 WHERE sequence = ?1")?
            .execute(params![sequence, work.now_ms, holder])?;
        work.wake(&account_key(&account));
    }
    Ok(())
}

/// What is in doubt is little, also where there are millions of payments. The list of states is the index's own.
pub(super) const WAITING: &str = "
    SELECT sequence, account, holder FROM payment INDEXED BY payment_unsettled
    WHERE state IN ('ready', 'sending', 'unknown') AND state = 'unknown'
        AND next_ask_at > ?1 AND holder <> ?2";

fn abandon(
    work: &mut Work<'_>,
    mut row: PaymentRow,
    now_ms: i64,
    recovered: &mut Recovered,
) -> rusqlite::Result<()> {
    // A restart is allowed whatever the state.
    if take_step(work, &mut row, Input::Restarted, &Rules::new(0, 0), now_ms).is_err() {
        return Ok(());
    }
    schedule(&mut row, Some(work.now_ms), None);
    // Its caller was cut off, or told "unknown" where the journal's disk failed.
    row.owes_event = true;
    match row.payment.state {
        State::Unknown { .. } => recovered.unknown += 1,
        State::Ready | State::Sending { .. } | State::Settled(_) => recovered.closed += 1,
    }
    save(work, &row, &Entry { what: "restarted", attempt: None, detail: None, at_ms: now_ms })
}
