//! Removing what is old: closed events leave their dedupe key behind for a while, then that goes too, and the room goes
//! back to the file system. Each function is one small step.

use rusqlite::params;
use strum::VariantArray;

use super::super::job::Work;
use crate::store::inbox::steps::STEP;
use crate::store::{EventState, Retention};

/// Pages given back in one call.
const PAGES_STEP: i64 = 256;

/// Free pages that stay in the file for the events to come: 4 MiB.
const PAGES_KEPT: i64 = 1024;

pub(super) struct Removed {
    /// Rows, or bytes.
    pub(super) count: u64,
    /// Whether nothing is left to do.
    pub(super) last: bool,
}

/// Removes some closed events whose time has come.
pub(super) fn remove_events(
    work: &mut Work<'_>,
    retention: Retention,
) -> rusqlite::Result<Removed> {
    let mut old = Vec::new();
    for state in EventState::VARIANTS {
        let Some(before) = retention.oldest_kept_ms(*state, work.now_ms) else { continue };
        let mut statement = work.connection.prepare_cached(OLD)?;
        let found = statement
            .query_map(params![state.as_str(), before, (STEP - old.len()) as i64], |row| {
                row.get::<_, i64>(0)
            })?;
        for sequence in found {
            old.push(sequence?);
        }
    }
    for sequence in &old {
        for sql in REMOVE {
            work.connection.prepare_cached(sql)?.execute([sequence])?;
        }
    }
    Ok(Removed { count: old.len() as u64, last: old.len() < STEP })
}

pub(super) const OLD: &str = "
    SELECT sequence FROM inbox INDEXED BY inbox_closed
    WHERE state = ?1 AND coalesce(closed_tick, closed_at) < ?2 AND closed_at IS NOT NULL
    ORDER BY coalesce(closed_tick, closed_at) LIMIT ?3";

const REMOVE: [&str; 4] = [
    "INSERT OR REPLACE INTO inbox_seen (account, dedupe_key, id, text_hash, duplicates, last_seen_at)
     SELECT account, dedupe_key, id, text_hash, duplicates, coalesce(last_seen_tick, last_seen_at)
     FROM inbox WHERE sequence = ?1",
    "DELETE FROM delivery_attempt WHERE sequence = ?1",
    "DELETE FROM inbox_text WHERE sequence = ?1",
    "DELETE FROM inbox WHERE sequence = ?1",
];

/// Removes some dedupe keys whose time has come.
pub(super) fn remove_keys(work: &mut Work<'_>, retention: Retention) -> rusqlite::Result<Removed> {
    let before = retention.oldest_key_ms(work.now_ms);
    let removed =
        work.connection.prepare_cached(REMOVE_KEYS)?.execute(params![before, STEP as i64])?;
    Ok(Removed { count: removed as u64, last: removed < STEP })
}

pub(super) const REMOVE_KEYS: &str = "
    DELETE FROM inbox_seen WHERE (account, dedupe_key) IN (
        SELECT account, dedupe_key FROM inbox_seen INDEXED BY inbox_seen_age
        WHERE last_seen_at < ?1 LIMIT ?2)";

/// Shortens the file by some of its free pages.
pub(super) fn give_room_back(work: &mut Work<'_>) -> rusqlite::Result<Removed> {
    let number = |sql: &str| -> rusqlite::Result<i64> {
        work.connection.prepare_cached(sql)?.query_row([], |row| row.get(0))
    };
    let free = number("PRAGMA freelist_count")?;
    let pages = (free - PAGES_KEPT).clamp(0, PAGES_STEP);
    if pages > 0 {
        // Each row that is stepped through frees one page; running the statement once would free only one.
        let sql = format!("PRAGMA incremental_vacuum({pages})");
        let mut statement = work.connection.prepare(&sql)?;
        let mut rows = statement.query([])?;
        while rows.next()?.is_some() {}
    }
    let freed = free - number("PRAGMA freelist_count")?;
    let bytes = freed.max(0) * number("PRAGMA page_size")?;
    Ok(Removed { count: bytes.unsigned_abs(), last: freed < PAGES_STEP })
}
