//! A notification tells of a payment: found, held against it, settled.

use aws_lc_rs::digest;
use rusqlite::{Connection, params};

use super::super::inbox::receive;
use super::super::job::Work;
use super::super::names;
use super::moves::notice_due;
use super::save::{Entry, save, schedule, take_step};
use super::siblings;
use super::{accounts, rows};
use crate::payment::{Input, Rules, State};
use crate::provider::Flag;
use crate::store::{Notice, Noticed, NotificationEvent, PaymentRow, Received};

/// Generations of one reference that are looked at: far more than anybody begins.
const GENERATIONS_MAX: usize = 16;

/// How much earlier than a call began the provider must have made a payment for it to be an earlier call's: longer than the
/// two clocks may differ.
const EARLIER_MS: i64 = 60_000;

/// Stores the event of a notification, and lets the payment take the step.
pub(super) fn receive(
    work: &mut Work<'_>,
    notice: &Notice,
    event: &NotificationEvent,
) -> rusqlite::Result<(Received, Noticed)> {
    let mut noticed = judge(work.connection, notice)?;
    let event = event.complete(notice, &noticed);
    let hash = digest::digest(&digest::SHA256, event.param.as_bytes());
    let received = receive::receive(work, &event, hash.as_ref())?;
    if received != Received::Stored {
        return Ok((received, Noticed::default()));
    }
    if let Some(row) = noticed.row.take() {
        noticed.row = Some(tell(work, row, notice, &noticed.flags)?);
    }
    Ok((received, noticed))
}

/// What the journal makes of it.
pub(super) fn judge(connection: &Connection, notice: &Notice) -> rusqlite::Result<Noticed> {
    let mut flags: Vec<Flag> =
        notice.amount_unreadable.then_some(Flag::AmountUnreadable).into_iter().collect();
    let row = choose(generations(connection, notice)?, notice, &mut flags);
    if notice.is_journalled && row.is_none() {
        flags.push(Flag::Unexpected);
    }
    if accounts::is_of_another(connection, notice, row.as_ref())? {
        flags.push(Flag::OtherAccount);
        return Ok(Noticed { row: None, flags });
    }
    if let Some(row) = &row {
        let objections = objections(row, notice);
        flags.extend(objections.into_iter().filter(|flag| *flag != Flag::AmountUnreadable));
        if row.payment.frees_its_reference() {
            flags.push(Flag::Contradicted);
        }
    }
    Ok(Noticed { row, flags })
}

/// Lets the payment take the step. The event is stored in the same transaction.
fn tell(
    work: &mut Work<'_>,
    mut row: PaymentRow,
    notice: &Notice,
    flags: &[Flag],
) -> rusqlite::Result<PaymentRow> {
    let now_ms = notice.received_at_ms;
    let objections = objections(&row, notice);
    let is_ours = objections.is_empty();
    let input = match is_ours {
        true => Input::Notified { status: notice.status },
        false => Input::Differs,
    };
    let was = row.payment.state;
    // Both are allowed whatever the state.
    let Ok(transition) = take_step(work, &mut row, input, &Rules::new(0, 0), now_ms) else {
        return Ok(row);
    };
    row.amount_differs |= objections.contains(&Flag::AmountMismatch);
    if objections.contains(&Flag::ConflictingReference) {
        row.conflicting_reference.clone_from(&notice.provider_reference);
    }
    if is_ours {
        row.notified_at_ms = Some(now_ms);
        // It becomes an event itself.
        row.owes_event = false;
        if notice.provider_reference.is_some() {
            row.provider_reference.clone_from(&notice.provider_reference);
        }
        let next_notice_ms = notice_due(work, &row)?;
        schedule(&mut row, None, next_notice_ms);
    } else if was != row.payment.state {
        schedule(&mut row, Some(work.now_ms), None);
    }
    let status = notice.status.map_or("a status that is not known", |status| status.word());
    let mut detail = format!("{status}, event {}", notice.event_id);
    for flag in flags {
        detail.push_str(", ");
        detail.push_str(flag.word());
    }
    let entry = Entry { what: "notified", attempt: None, detail: Some(&detail), at_ms: now_ms };
    save(work, &row, &entry)?;
    if transition.contradicts {
        siblings::supersede_younger(work, &row, now_ms)?;
    }
    Ok(row)
}

fn objections(row: &PaymentRow, notice: &Notice) -> Vec<Flag> {
    row.objections(
        notice.provider_reference.as_deref(),
        notice.amount_minor,
        notice.amount_unreadable,
        notice.currency.as_deref(),
    )
}

/// Payments that it may be about, the latest first: those under the merchant's reference, or where it has none, the one that
/// the provider's names.
fn generations(connection: &Connection, notice: &Notice) -> rusqlite::Result<Vec<PaymentRow>> {
    let (conditions, key) = match (&notice.reference, &notice.provider_reference) {
        _ if !notice.is_journalled => return Ok(Vec::new()),
        (Some(reference), _) => (BY_REFERENCE, reference),
        (None, Some(provider_reference)) => (BY_PROVIDER_REFERENCE, provider_reference),
        (None, None) => return Ok(Vec::new()),
    };
    let sql = format!("SELECT {} FROM payment {conditions}", rows::COLUMNS);
    let mut statement = connection.prepare_cached(&sql)?;
    let mut found: Vec<PaymentRow> = Vec::new();
    for name in names::of(connection, &notice.account)? {
        let values = params![name, notice.kind, key, GENERATIONS_MAX as i64];
        let rows = statement.query_map(values, rows::payment_row)?;
        found.extend(rows.collect::<rusqlite::Result<Vec<_>>>()?);
    }
    found.sort_by_key(|row| std::cmp::Reverse(row.sequence));
    Ok(found)
}

pub(super) const BY_REFERENCE: &str = "INDEXED BY payment_notice
    WHERE account = ?1 AND kind = ?2 AND reference = ?3 ORDER BY sequence DESC LIMIT ?4";

pub(super) const BY_PROVIDER_REFERENCE: &str = "INDEXED BY payment_provider_reference
    WHERE account = ?1 AND kind = ?2 AND provider_reference = ?3 ORDER BY sequence DESC LIMIT ?4";

/// Of several calls under one reference the one that the provider's own id names. Else the latest, unless it cannot be that:
/// it has not left, or it began after the provider made the payment.
fn choose(mut rows: Vec<PaymentRow>, notice: &Notice, flags: &mut Vec<Flag>) -> Option<PaymentRow> {
    let told = notice.provider_reference.as_deref();
    let named =
        rows.iter().position(|row| told.is_some() && row.provider_reference.as_deref() == told);
    if let Some(place) = named {
        return Some(rows.swap_remove(place));
    }
    let latest = rows.first()?;
    let may_be = |row: &PaymentRow| row.provider_reference.is_none() && has_left(row);
    let earlier = rows.iter().skip(1).position(may_be).map(|place| place + 1);
    let earlier =
        earlier.filter(|place| !has_left(latest) || is_between(notice, &rows[*place], latest));
    // Or only an earlier call was about this amount.
    let by_amount = || {
        let is_it = |row: &PaymentRow| {
            row.amount_minor.zip(notice.amount_minor).is_some_and(|(sent, told)| sent == told)
        };
        let place = rows.iter().position(|row| is_it(row) && may_be(row))?;
        (place > 0 && !is_it(latest)).then_some(place)
    };
    let earlier = earlier.or_else(by_amount);
    match earlier {
        Some(place) => {
            flags.push(Flag::EarlierCall);
            Some(rows.swap_remove(place))
        }
        None => Some(rows.swap_remove(0)),
    }
}

/// Whether the provider made the payment after `earlier` was begun and before `later` was.
fn is_between(notice: &Notice, earlier: &PaymentRow, later: &PaymentRow) -> bool {
    notice.created_at_ms.is_some_and(|created_ms| {
        let by_ms = created_ms.saturating_add(EARLIER_MS);
        earlier.begun_at_ms <= by_ms && by_ms < later.begun_at_ms
    })
}

/// Whether anything of it may have reached the provider.
fn has_left(row: &PaymentRow) -> bool {
    use crate::payment::Final::{Accepted, NotSent, Rejected};
    let payment = &row.payment;
    match payment.state {
        State::Sending { .. } | State::Unknown { .. } => payment.attempts > 0,
        State::Settled(Accepted | Rejected) => true,
        State::Ready | State::Settled(NotSent) => !payment.open.is_empty(),
    }
}
