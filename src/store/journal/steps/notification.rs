//! A notification of a payment: the payment is found, compared with it, settled.

use super::{Changes, Moment, notice_due, schedule, take};
use crate::payment::{Final, Input, State};
use crate::provider::Flag;
use crate::store::{Noticed, Notification, PaymentRow};

/// How much earlier than a call began the provider must have made a payment for it to be an earlier call's: longer than the
/// two clocks may differ.
const EARLIER_MS: i64 = 60_000;

/// What is recorded under a name of another account whose notifications the same key verifies.
#[derive(Clone, Debug)]
pub struct Neighbour {
    /// Its payment that the notification could be about. What came to nothing is none.
    pub payment: Option<NeighbourPayment>,
    /// Whether the same event came for it.
    pub has_event: bool,
}

/// A payment of another account.
#[derive(Clone, Debug)]
pub struct NeighbourPayment {
    pub provider_reference: Option<String>,
}

/// What the journal makes of a notification. `candidates` are the payments that it may be about: those under the merchant's
/// reference, or where it has none, the one that the provider's names.
pub fn judge(
    notice: &Notification,
    candidates: Vec<PaymentRow>,
    neighbours: &[Neighbour],
) -> Noticed {
    let mut flags: Vec<Flag> =
        notice.amount_unreadable.then_some(Flag::AmountUnreadable).into_iter().collect();
    let row = choose(candidates, notice, &mut flags);
    if notice.is_journalled && row.is_none() {
        flags.push(Flag::Unexpected);
    }
    if is_of_another(notice, row.as_ref(), neighbours) {
        flags.push(Flag::OtherAccount);
        return Noticed { row: None, flags };
    }
    if let Some(row) = &row {
        let objections = objections(row, notice);
        flags.extend(objections.into_iter().filter(|flag| *flag != Flag::AmountUnreadable));
        if row.payment.frees_its_reference() {
            flags.push(Flag::Contradicted);
        }
    }
    Noticed { row, flags }
}

/// Lets the payment take the step, where the event of the notification is new. `younger` as for
/// [`conclude`](super::attempt::conclude). The row comes back as it then is.
pub fn notified(
    row: &PaymentRow,
    younger: Vec<PaymentRow>,
    notice: &Notification,
    flags: &[Flag],
    at: Moment,
) -> Option<Changes> {
    let mut row = row.clone();
    let was = row.payment.state;
    let objections = objections(&row, notice);
    let is_ours = objections.is_empty();
    let input = match is_ours {
        true => Input::Notified { status: notice.status },
        false => Input::Differs,
    };
    // Both are allowed whatever the state.
    let transition = take(&mut row, input, at).ok()?;
    row.object(&objections, notice.provider_reference.as_ref());
    if is_ours {
        row.notified_at_ms = Some(at.date_ms);
        // It becomes an event itself.
        row.owes_event = false;
        if notice.provider_reference.is_some() {
            row.provider_reference.clone_from(&notice.provider_reference);
        }
        let next_notice_ms = notice_due(&row, at);
        schedule(&mut row, None, next_notice_ms);
    } else if was != row.payment.state {
        schedule(&mut row, Some(at.time_ms), None);
    }
    let status = notice.status.map_or("a status that is not known", |status| status.word());
    let words: String = flags.iter().map(|flag| format!(", {}", flag.word())).collect();
    let detail = format!("{status}, event {}{words}", notice.event_id);
    let changes = Changes::told(row, "notified", None, Some(detail), at);
    Some(changes.stopping(&transition, younger, at))
}

fn objections(row: &PaymentRow, notice: &Notification) -> Vec<Flag> {
    row.objections(
        notice.provider_reference.as_deref(),
        notice.amount_minor,
        notice.amount_unreadable,
        notice.currency.as_deref(),
    )
}

/// Whether it is about a payment of another account. Where several accounts have the same provider key, its signature does
/// not say: what was signed for one verifies at each. `ours` is the payment of this account that it seems to be about.
fn is_of_another(
    notice: &Notification,
    ours: Option<&PaymentRow>,
    neighbours: &[Neighbour],
) -> bool {
    let reference = notice.provider_reference.as_ref();
    let is_known_as_ours =
        reference.is_some() && ours.is_some_and(|row| row.provider_reference.as_ref() == reference);
    let is_theirs = |neighbour: &Neighbour| match &neighbour.payment {
        // By another id of the provider's it is another payment.
        Some(theirs) => {
            let known = theirs.provider_reference.as_ref();
            known.is_none() || known == reference
        }
        None => ours.is_none() && neighbour.has_event,
    };
    notice.names_another || (!is_known_as_ours && neighbours.iter().any(is_theirs))
}

/// Of several calls under one reference the one that the provider's own id names. Else the latest, unless it cannot be that:
/// it has not left, or it began after the provider made the payment.
fn choose(
    mut rows: Vec<PaymentRow>,
    notice: &Notification,
    flags: &mut Vec<Flag>,
) -> Option<PaymentRow> {
    rows.sort_by_key(|row| std::cmp::Reverse(row.sequence));
    let named = notice.provider_reference.as_ref().and_then(|reference| {
        rows.iter().position(|row| row.provider_reference.as_ref() == Some(reference))
    });
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
    match earlier.or_else(by_amount) {
        Some(place) => {
            flags.push(Flag::EarlierCall);
            Some(rows.swap_remove(place))
        }
        None => Some(rows.swap_remove(0)),
    }
}

/// Whether the provider made the payment after `earlier` was begun and before `later` was.
fn is_between(notice: &Notification, earlier: &PaymentRow, later: &PaymentRow) -> bool {
    notice.created_at_ms.is_some_and(|created_ms| {
        let by_ms = created_ms.saturating_add(EARLIER_MS);
        earlier.begun_at_ms <= by_ms && by_ms < later.begun_at_ms
    })
}

/// Whether anything of it may have reached the provider.
fn has_left(row: &PaymentRow) -> bool {
    let payment = &row.payment;
    match payment.state {
        State::Sending { .. } | State::Unknown { .. } => payment.attempts > 0,
        State::Settled(Final::Accepted | Final::Rejected) => true,
        State::Ready | State::Settled(Final::NotSent) => !payment.open.is_empty(),
    }
}
