//! A notification comes in: stored once, counted afterwards.

use rusqlite::{OptionalExtension, Row, named_params, params};

use super::super::job::Work;
use super::super::names;
use super::order;
use super::rows;
use super::steps;
use crate::store::{EventId, NewEvent, Received};

/// Stores the event, or counts a repetition of one that is or was in the inbox.
pub(in crate::store::sqlite) fn receive(
    work: &mut Work<'_>,
    event: &NewEvent,
    text_hash: &[u8],
) -> rusqlite::Result<Received> {
    for name in names::of(work.connection, &event.account)? {
        for sql in [SEEN_AGAIN, RECEIVED_AGAIN] {
            if let Some(known) = count_repetition(work, sql, event, &name, text_hash)? {
                return Ok(known);
            }
        }
    }
    insert(work, event, text_hash)?;
    Ok(Received::Stored)
}

const SEEN_AGAIN: &str = "
    UPDATE inbox_seen SET duplicates = duplicates + 1, last_seen_at = max(last_seen_at, ?4)
    WHERE account = ?1 AND dedupe_key = ?2 RETURNING id, text_hash";

const RECEIVED_AGAIN: &str = "
    UPDATE inbox SET duplicates = duplicates + 1, last_seen_at = ?3, last_seen_tick = ?4
    WHERE account = ?1 AND dedupe_key = ?2 RETURNING id, text_hash";

fn count_repetition(
    work: &Work<'_>,
    sql: &str,
    event: &NewEvent,
    account: &str,
    text_hash: &[u8],
) -> rusqlite::Result<Option<Received>> {
    let duplicate = |row: &Row<'_>| {
        let id: EventId = rows::id(row, 0)?;
        let known_hash: Vec<u8> = row.get(1)?;
        Ok(Received::Duplicate { id, same_text: known_hash == text_hash })
    };
    work.connection
        .prepare_cached(sql)?
        .query_row(params![account, event.dedupe_key, event.received_at_ms, work.now_ms], duplicate)
        .optional()
}

fn insert(work: &mut Work<'_>, event: &NewEvent, text_hash: &[u8]) -> rusqlite::Result<()> {
    let reference = event.reference.as_deref();
    let is_behind = order::earliest(work, &event.account, reference, order::NONE)?.is_some();
    let progress = steps::receive(event, is_behind, work.now_ms);
    work.connection.prepare_cached(INSERT)?.execute(named_params! {
        ":id": event.id.as_str(),
        ":account": event.account,
        ":provider": event.provider,
        ":reference": event.reference,
        ":provider_reference": event.provider_reference,
        ":event_name": event.event_name,
        ":kind": event.kind,
        ":type": event.event_type,
        ":status": event.status,
        ":dedupe_key": event.dedupe_key,
        ":text_hash": text_hash,
        ":verified_by": event.verified_by,
        ":received_at": event.received_at_ms,
        ":now": work.now_ms,
        ":state": progress.state.as_str(),
        ":next_attempt_at": progress.due_ms,
        ":last_error": progress.last_error,
        ":closed_at": progress.closed_at_ms,
        ":closed_tick": progress.closed_tick,
    })?;
    let sequence = work.connection.last_insert_rowid();
    let text = text(work, event)?;
    work.connection
        .prepare_cached(
            "INSERT INTO inbox_text (sequence, body, param, event) VALUES (?, ?, ?, ?)",
        )?
        .execute(params![sequence, event.body.as_ref(), event.param, text])?;
    if progress.due_ms.is_some() {
        work.wake(&event.account);
    }
    Ok(())
}

/// The event as it is to be delivered.
fn text<'e>(work: &Work<'_>, event: &'e NewEvent) -> rusqlite::Result<Option<&'e str>> {
    if let Some(if_late) = steps::text_if_late(event) {
        let mut others = work.connection.prepare_cached(IS_LATE)?;
        for name in names::of(work.connection, &event.account)? {
            if others.exists(params![name, event.reference, event.kind, event.status])? {
                return Ok(Some(if_late));
            }
        }
    }
    Ok(event.event.as_deref())
}

pub(super) const IS_LATE: &str = "
    SELECT 1 FROM inbox INDEXED BY inbox_reference
    WHERE account = ?1 AND reference = ?2 AND kind = ?3 AND status <> ?4 LIMIT 1";

const INSERT: &str = "
    INSERT INTO inbox (id, account, provider, reference, provider_reference, event_name, kind, type,
        status, dedupe_key, text_hash, verified_by, received_at, last_seen_at, last_seen_tick,
        state, next_attempt_at, last_error, closed_at, closed_tick)
    VALUES (:id, :account, :provider, :reference, :provider_reference, :event_name, :kind, :type,
        :status, :dedupe_key, :text_hash, :verified_by, :received_at, :received_at, :now,
        :state, :next_attempt_at, :last_error, :closed_at, :closed_tick)";
