//! Payments as rows: the one place that turns them into our types.

use bytes::Bytes;
use rusqlite::types::Type;
use rusqlite::{Connection, OptionalExtension, Row};
use serde::Deserialize;
use serde::de::IntoDeserializer;
use serde::de::value::{Error as WordError, StrDeserializer};

use super::super::names::current;
use crate::payment::{Absence, Final, Fingerprint, OpenAttempts, Payment, Place, Reported, State};
use crate::provider::EventStatus;
use crate::store::{PaymentId, PaymentRow, PaymentView, StoredAnswer};

/// The columns that [`payment_row`] reads.
pub(super) const COLUMNS: &str = concat!(
    "id, sequence, ",
    current!("payment.account"),
    " AS account, provider, operation, kind, reference, \
    generation, fingerprint, amount, currency, provider_reference, state, attempts, open_attempts, \
    told, doubtful_since, absences, last_absence_at, status, provider_code, begun_at, \
    last_attempt_at, settled_at, asks, next_ask_at, notified_at, amount_differs, contradicted, \
    trace, owes_event, place, conflicting_reference, holder, hold, held_until, notice_within, \
    coalesce(last_attempt_tick, last_attempt_at) AS last_attempt_tick, \
    coalesce(settled_tick, settled_at) AS settled_tick"
);

/// The payment with that id.
pub(super) fn by_id(
    connection: &Connection,
    id: &PaymentId,
) -> rusqlite::Result<Option<PaymentRow>> {
    let sql = format!("SELECT {COLUMNS} FROM payment WHERE id = ?1");
    connection.prepare_cached(&sql)?.query_row([id.as_str()], payment_row).optional()
}

/// The row with its texts.
pub(super) fn view(connection: &Connection, row: PaymentRow) -> rusqlite::Result<PaymentView> {
    let sql = "SELECT parameters, answer_status, answer, answer_from FROM payment_text \
               WHERE sequence = ?1";
    connection.prepare_cached(sql)?.query_row([row.sequence], |texts| {
        let (status, body): (Option<u16>, Option<Vec<u8>>) = (texts.get(1)?, texts.get(2)?);
        let from: Option<String> = texts.get(3)?;
        Ok(PaymentView {
            parameters: texts.get(0)?,
            answer: status
                .zip(body)
                .map(|(status, body)| StoredAnswer { status, body: Bytes::from(body) }),
            answer_from_query: from.as_deref() == Some("query"),
            row: row.clone(),
        })
    })
}

/// Reads [`COLUMNS`].
pub(super) fn payment_row(row: &Row<'_>) -> rusqlite::Result<PaymentRow> {
    let id: String = row.get(0)?;
    Ok(PaymentRow {
        id: id.parse().map_err(|error| unreadable(0, error))?,
        sequence: row.get(1)?,
        account: row.get(2)?,
        provider: row.get(3)?,
        operation: row.get(4)?,
        kind: row.get(5)?,
        reference: row.get(6)?,
        generation: row.get(7)?,
        fingerprint: Fingerprint::from_bytes(row.get(8)?),
        amount_minor: row.get(9)?,
        currency: row.get(10)?,
        provider_reference: row.get(11)?,
        payment: payment(row)?,
        provider_code: row.get(20)?,
        begun_at_ms: row.get(21)?,
        last_attempt_at_ms: row.get(22)?,
        last_attempt_tick: row.get("last_attempt_tick")?,
        settled_at_ms: row.get(23)?,
        settled_tick: row.get("settled_tick")?,
        queries: row.get(24)?,
        next_query_at_ms: row.get(25)?,
        notified_at_ms: row.get(26)?,
        amount_differs: row.get(27)?,
        contradicted: row.get(28)?,
        conflicting_reference: row.get("conflicting_reference")?,
        just_resolved: false,
        just_settled: false,
        just_flagged: Vec::new(),
        trace: row.get(29)?,
        owes_event: row.get("owes_event")?,
        notice_within_ms: row.get("notice_within")?,
        owner: row.get("holder")?,
        lease_ms: row.get("hold")?,
        leased_until_ms: row.get("held_until")?,
    })
}

fn payment(row: &Row<'_>) -> rusqlite::Result<Payment> {
    let (attempts, told): (u32, String) = (row.get(13)?, row.get(15)?);
    let doubtful_since_ms: Option<i64> = row.get(16)?;
    let status: Option<String> = row.get(19)?;
    let place: Option<String> = row.get("place")?;
    Ok(Payment {
        state: state(&row.get::<_, String>(12)?, attempts, doubtful_since_ms)
            .ok_or_else(|| unreadable(12, "not a state that can be"))?,
        attempts,
        open: OpenAttempts::from_bits(row.get::<_, i64>(14)?.cast_unsigned()),
        reported: Reported::from_word(&told)
            .ok_or_else(|| unreadable(15, "not a word the provider can have said"))?,
        doubtful_since_ms,
        absence: Absence { answers: row.get(17)?, last_ms: row.get(18)? },
        status: status.map(|word| status_word(&word)).transpose()?,
        place: place.map(|text| place_of(&text)).transpose()?,
    })
}

fn state(word: &str, attempt: u32, doubtful_since_ms: Option<i64>) -> Option<State> {
    match word {
        "ready" => Some(State::Ready),
        "sending" => Some(State::Sending { attempt }),
        "unknown" => doubtful_since_ms.map(|since_ms| State::Unknown { attempt, since_ms }),
        "accepted" => Some(State::Settled(Final::Accepted)),
        "rejected" => Some(State::Settled(Final::Rejected)),
        "not_sent" => Some(State::Settled(Final::NotSent)),
        _ => None,
    }
}

pub(super) fn place_of(text: &str) -> rusqlite::Result<Place> {
    Place::from_text(text).ok_or_else(|| unreadable(0, "not a place"))
}

fn status_word(word: &str) -> rusqlite::Result<EventStatus> {
    let word: StrDeserializer<'_, WordError> = word.into_deserializer();
    EventStatus::deserialize(word).map_err(|error| unreadable(19, error))
}

fn unreadable(
    column: usize,
    error: impl Into<Box<dyn std::error::Error + Send + Sync>>,
) -> rusqlite::Error {
    rusqlite::Error::FromSqlConversionFailure(column, Type::Text, error.into())
}
