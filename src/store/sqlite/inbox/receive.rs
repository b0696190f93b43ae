//! A notification comes in: stored once, counted afterwards.

use rusqlite::{OptionalExtension, Row, named_params, params};

use super::super::job::Work;
use super::super::names;
use super::order;
use super::rows;
use crate::store::{EventId, EventState, Intake, NewEvent, Received};

/// Stores the event, or counts a repetition of one that is or was in the inbox.
pub(in crate::store::sqlite) fn receive(
    work: &mut Work<'_>,
    event: &NewEvent,
    text_hash: &[u8],
) -> rusqlite::Result<Received> {
    let names = names::of(work.connection, &event.account)?;
    for name in &names {
        if let Some(known) = count_repetition(work, SEEN_AGAIN, event, name, text_hash)? {
            return Ok(known);
        }
    }
    // Under its own name the insert tells.
    for name in names.iter().filter(|name| **name != event.account) {
        if let Some(known) = count_repetition(work, RECEIVED_AGAIN, event, name, text_hash)? {
            return Ok(known);
        }
    }
    if insert(work, event, text_hash)? {
        return Ok(Received::Stored);
    }
    let known = count_repetition(work, RECEIVED_AGAIN, event, &event.account, text_hash)?;
    // The insert met the key within this transaction.
    known.ok_or(rusqlite::Error::QueryReturnedNoRows)
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

/// False when the account has an event with this dedupe key.
fn insert(work: &mut Work<'_>, event: &NewEvent, text_hash: &[u8]) -> rusqlite::Result<bool> {
    let now_ms = event.received_at_ms;
    let (state, closed_at, error) = match &event.intake {
        Intake::Deliver | Intake::DeliverInterim { .. } => (EventState::Pending, None, None),
        Intake::Park { reason } => (EventState::Dead, Some(now_ms), Some(reason)),
    };
    let behind = match &event.reference {
        Some(reference) => order::earliest_open(work, &event.account, reference)?.is_some(),
        None => false,
    };
    let next_attempt_at = (state.is_open() && !behind).then_some(work.now_ms);
    let inserted = work.connection.prepare_cached(INSERT)?.execute(named_params! {
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
        ":received_at": now_ms,
        ":now": work.now_ms,
        ":state": state.as_str(),
        ":next_attempt_at": next_attempt_at,
        ":last_error": error,
        ":closed_at": closed_at,
    })?;
    if inserted == 0 {
        return Ok(false);
    }
    let sequence = work.connection.last_insert_rowid();
    work.connection
        .prepare_cached(
            "INSERT INTO inbox_text (sequence, body, param, event) VALUES (?, ?, ?, ?)",
        )?
        .execute(params![sequence, event.body.as_ref(), event.param, text(work, event)?])?;
    if next_attempt_at.is_some() {
        work.wake(&event.account);
    }
    Ok(true)
}

/// The event as it is to be delivered. Looked up in the transaction that stores it: of two states that come at the same
/// moment the one that is stored later is late.
fn text<'e>(work: &Work<'_>, event: &'e NewEvent) -> rusqlite::Result<Option<&'e str>> {
    let as_is = event.event.as_deref();
    let (Intake::DeliverInterim { if_late }, Some(_)) = (&event.intake, &event.reference) else {
        return Ok(as_is);
    };
    let mut others = work.connection.prepare_cached(IS_LATE)?;
    for name in names::of(work.connection, &event.account)? {
        if others.exists(params![name, event.reference, event.kind, event.status])? {
            return Ok(Some(if_late));
        }
    }
    Ok(as_is)
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
        :state, :next_attempt_at, :last_error, :closed_at, iif(:closed_at IS NULL, NULL, :now))
    ON CONFLICT (account, dedupe_key) DO NOTHING";
