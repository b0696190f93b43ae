//! Writes what a step came to.

use rusqlite::{named_params, params};

use super::super::job::Work;
use super::rows;
use crate::store::journal::steps::{Changes, KeptAnswer, begun, is_listed};
use crate::store::{HistoryEntry, PaymentRow, PaymentView};

/// Writes the row, its entry and its answer, and wakes those who wait for them.
pub(super) fn keep(work: &mut Work<'_>, changes: &Changes) -> rusqlite::Result<()> {
    save_row(work, &changes.row)?;
    if let Some(entry) = &changes.entry {
        record(work, changes.row.sequence, entry)?;
    }
    if let Some(KeptAnswer { answer, is_from_query }) = &changes.answer {
        let from = if *is_from_query { "query" } else { "create" };
        let values = params![changes.row.sequence, answer.status, answer.body.as_ref(), from];
        work.connection.prepare_cached(KEEP_ANSWER)?.execute(values)?;
    }
    changes.woken().for_each(|key| work.wake(&key));
    Ok(())
}

const KEEP_ANSWER: &str = "
    UPDATE payment_text SET answer_status = ?2, answer = ?3, answer_from = ?4 WHERE sequence = ?1";

/// Writes the row and nothing else.
pub(super) fn save_row(work: &Work<'_>, row: &PaymentRow) -> rusqlite::Result<()> {
    let payment = &row.payment;
    let values = named_params! {
        ":sequence": row.sequence,
        ":provider_reference": row.provider_reference,
        ":state": payment.state.as_str(),
        ":attempts": payment.attempts,
        ":open_attempts": payment.open.bits().cast_signed(),
        ":told": payment.reported.as_str(),
        ":doubtful_since": payment.doubtful_since_ms,
        ":absences": payment.absence.answers,
        ":last_absence_at": payment.absence.last_ms,
        ":status": payment.status.map(|status| status.word()),
        ":provider_code": row.provider_code,
        ":last_attempt_at": row.last_attempt_at_ms,
        ":last_attempt_tick": row.last_attempt_tick,
        ":settled_at": row.settled_at_ms,
        ":settled_tick": row.settled_tick,
        ":asks": row.queries,
        ":next_ask_at": row.next_query_at_ms,
        ":notified_at": row.notified_at_ms,
        ":amount_differs": row.amount_differs,
        ":contradicted": row.contradicted,
        ":owes_event": row.owes_event,
        ":place": payment.place.map(|place| place.to_string()),
        ":conflicting_reference": row.conflicting_reference,
        ":holder": row.owner,
        ":held_until": row.leased_until_ms,
    };
    work.connection.prepare_cached(SAVE)?.execute(values).map(|_| ())
}

const SAVE: &str = "
    UPDATE payment SET provider_reference = :provider_reference, state = :state,
        attempts = :attempts, open_attempts = :open_attempts, told = :told,
        doubtful_since = :doubtful_since, absences = :absences, last_absence_at = :last_absence_at,
        status = :status, provider_code = :provider_code, last_attempt_at = :last_attempt_at,
        last_attempt_tick = :last_attempt_tick, settled_at = :settled_at,
        settled_tick = :settled_tick, asks = :asks, next_ask_at = :next_ask_at,
        notified_at = :notified_at, amount_differs = :amount_differs, contradicted = :contradicted,
        owes_event = :owes_event, place = :place,
        conflicting_reference = :conflicting_reference, holder = :holder, held_until = :held_until
    WHERE sequence = :sequence";

/// Writes a fresh payment; returns it as it is read, under the account's name in use.
pub(super) fn insert(work: &Work<'_>, view: PaymentView) -> rusqlite::Result<PaymentView> {
    let row = &view.row;
    work.connection.prepare_cached(INSERT)?.execute(named_params! {
        ":id": row.id.as_str(),
        ":account": row.account,
        ":provider": row.provider,
        ":operation": row.operation,
        ":kind": row.kind,
        ":reference": row.reference,
        ":generation": row.generation,
        ":fingerprint": row.fingerprint.as_bytes(),
        ":amount": row.amount_minor,
        ":currency": row.currency,
        ":now": row.begun_at_ms,
        ":notice_within": row.notice_within_ms,
        ":holder": row.owner,
        ":hold": row.lease_ms,
        ":held_until": row.leased_until_ms,
        ":trace": row.trace,
        ":place": row.payment.place.map(|place| place.to_string()),
    })?;
    let sequence = work.connection.last_insert_rowid();
    work.connection
        .prepare_cached("INSERT INTO payment_text (sequence, parameters) VALUES (?, ?)")?
        .execute(params![sequence, view.parameters])?;
    record(work, sequence, &begun(row))?;
    // It was inserted within this transaction.
    let row = rows::by_id(work.connection, &row.id)?.ok_or(rusqlite::Error::QueryReturnedNoRows)?;
    Ok(PaymentView { row, ..view })
}

const INSERT: &str = "
    INSERT INTO payment (id, account, provider, operation, kind, reference, generation, fingerprint,
        amount, currency, state, attempts, open_attempts, told, absences, last_absence_at, begun_at,
        asks, notice_within, holder, hold, held_until, amount_differs, contradicted, trace, place)
    VALUES (:id, :account, :provider, :operation, :kind, :reference, :generation, :fingerprint,
        :amount, :currency, 'ready', 0, 0, 'nothing', 0, 0, :now,
        0, :notice_within, :holder, :hold, :held_until, 0, 0, :trace, :place)";

/// Adds to the history.
fn record(work: &Work<'_>, sequence: i64, entry: &HistoryEntry) -> rusqlite::Result<()> {
    let last = "SELECT coalesce(max(entry), 0) FROM payment_history WHERE sequence = ?1";
    let mut last = work.connection.prepare_cached(last)?;
    let entries: u32 = last.query_row([sequence], |row| row.get(0))?;
    if !is_listed(entry, entries) {
        return Ok(());
    }
    let values = params![
        sequence,
        entries + 1,
        entry.at_ms,
        entry.what,
        entry.attempt,
        entry.state,
        entry.detail
    ];
    work.connection.prepare_cached(RECORD)?.execute(values).map(|_| ())
}

const RECORD: &str = "
    INSERT INTO payment_history (sequence, entry, at, what, attempt, state, detail)
    VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)";
