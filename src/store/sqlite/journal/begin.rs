//! A call comes in: written down once, known afterwards.

use rusqlite::{named_params, params};

use super::super::job::Work;
use super::save::{Entry, record};
use super::{freeze, moves, rows};
use crate::store::{Begun, NewPayment, PaymentRow};

/// The longest hold, whatever the caller asks for: a day.
const HOLD_MAX_MS: i64 = 24 * 60 * 60 * 1000;

/// Writes the payment down for `holder`, unless its reference is taken or its account frozen.
pub(super) fn begin(
    work: &mut Work<'_>,
    new: &NewPayment,
    holder: &str,
) -> rusqlite::Result<Begun> {
    let latest =
        rows::latest_of_each_name(work.connection, &new.account, &new.operation, &new.reference)?;
    let taken = latest.iter().filter(|latest| !latest.payment.frees_its_reference());
    if let Some(taken) = taken.max_by_key(|taken| taken.sequence) {
        let view = rows::view(work.connection, taken.clone())?;
        return Ok(match view.row.fingerprint == new.fingerprint {
            true => Begun::Known(view),
            false => Begun::Reused(view),
        });
    }
    if let Some(freeze) = freeze::of(work.connection, &new.account)? {
        return Ok(Begun::Frozen(freeze));
    }
    let generation = latest.iter().map(|latest| latest.generation).max().unwrap_or(0) + 1;
    let row = insert(work, new, generation, holder)?;
    Ok(Begun::Fresh(rows::view(work.connection, row)?))
}

/// The same, and the first attempt is announced with it.
pub(super) fn begin_sending(
    work: &mut Work<'_>,
    new: &NewPayment,
    holder: &str,
) -> rusqlite::Result<Begun> {
    match begin(work, new, holder)? {
        Begun::Fresh(mut view) => {
            view.row = moves::announce_first(work, view.row, new.now_ms)?;
            Ok(Begun::Fresh(view))
        }
        other @ (Begun::Known(_) | Begun::Reused(_) | Begun::Frozen(_)) => Ok(other),
    }
}

pub(super) fn insert(
    work: &mut Work<'_>,
    new: &NewPayment,
    generation: u32,
    holder: &str,
) -> rusqlite::Result<PaymentRow> {
    let hold_ms = new.hold_ms.clamp(0, HOLD_MAX_MS);
    work.connection.prepare_cached(INSERT)?.execute(named_params! {
        ":id": new.id.as_str(),
        ":account": new.account,
        ":provider": new.provider,
        ":operation": new.operation,
        ":kind": new.kind,
        ":reference": new.reference,
        ":generation": generation,
        ":fingerprint": new.fingerprint.as_bytes(),
        ":amount": new.amount_minor,
        ":currency": new.currency,
        ":now": new.now_ms,
        ":notice_within": new.notice_within_ms,
        ":holder": holder,
        ":hold": hold_ms,
        ":trace": new.trace,
        ":place": new.place.map(|place| place.to_string()),
        ":held_until": work.now_ms.saturating_add(hold_ms),
    })?;
    let sequence = work.connection.last_insert_rowid();
    work.connection
        .prepare_cached("INSERT INTO payment_text (sequence, parameters) VALUES (?, ?)")?
        .execute(params![sequence, new.parameters])?;
    let row = rows::by_id(work.connection, &new.id)?;
    // It was inserted within this transaction.
    let row = row.ok_or(rusqlite::Error::QueryReturnedNoRows)?;
    record(work, &row, &Entry { what: "begun", attempt: None, detail: None, at_ms: new.now_ms })?;
    Ok(row)
}

const INSERT: &str = "
    INSERT INTO payment (id, account, provider, operation, kind, reference, generation, fingerprint,
        amount, currency, state, attempts, open_attempts, told, absences, last_absence_at, begun_at,
        asks, notice_within, holder, hold, held_until, amount_differs, contradicted, trace, place)
    VALUES (:id, :account, :provider, :operation, :kind, :reference, :generation, :fingerprint,
        :amount, :currency, 'ready', 0, 0, 'nothing', 0, 0, :now,
        0, :notice_within, :holder, :hold, :held_until, 0, 0, :trace, :place)";
