//! A call comes in: recorded once, known afterwards. And a call that never left, recorded late.

use super::attempt::give_up;
use super::{Decision, Moment, entry};
use crate::payment::{Payment, State};
use crate::store::{Freeze, HistoryEntry, NewPayment, PaymentRow};

/// The longest lease, whatever the caller asks for: a day.
const LEASE_MAX_MS: i64 = 24 * 60 * 60 * 1000;

/// What becomes of a call that is offered to the journal.
#[derive(Clone, Debug)]
pub enum Begin {
    /// To be inserted, with the first entry of its history. The store gives it its sequence.
    Fresh(Box<PaymentRow>, HistoryEntry),
    /// The same call was begun before.
    Known(PaymentRow),
    /// The reference stands for a call with other parameters.
    Reused(PaymentRow),
    Frozen(Freeze),
}

/// Begins a payment for `owner`, unless its reference is taken or its account frozen. `latest` is what stands under the
/// reference, of each name of the account.
pub fn begin(
    new: &NewPayment,
    latest: &[PaymentRow],
    freeze: Option<Freeze>,
    owner: &str,
    now_ms: i64,
) -> Begin {
    let taken = latest.iter().filter(|latest| !latest.payment.frees_its_reference());
    match (taken.max_by_key(|taken| taken.sequence), freeze) {
        (Some(known), _) if known.fingerprint == new.fingerprint => Begin::Known(known.clone()),
        (Some(other), _) => Begin::Reused(other.clone()),
        (None, Some(freeze)) => Begin::Frozen(freeze),
        (None, None) => fresh(new, latest, owner, now_ms),
    }
}

/// Of the payments of [`begin`] the one that stands under the reference.
pub fn standing(latest: Vec<PaymentRow>) -> Option<PaymentRow> {
    latest.into_iter().max_by_key(|row| (!row.payment.frees_its_reference(), row.sequence))
}

/// Whether a call that may not have been recorded can be recorded now. Not where its reference was used since: that caller
/// was answered, and is told how that call ends.
pub fn may_be_begun_late(new: &NewPayment, latest: &[PaymentRow]) -> bool {
    let is_free = |latest: &PaymentRow| {
        latest.payment.frees_its_reference() && latest.begun_at_ms < new.now_ms
    };
    latest.iter().all(is_free)
}

/// Settles a call that provably never left, and owes its event.
pub fn end_unsent(row: &PaymentRow, reason: &str, at: Moment) -> Decision {
    // How one in doubt ended is reported once that is found out.
    if !matches!(row.payment.state, State::Ready) {
        return Ok(None);
    }
    let ended = give_up(row, reason, at)?;
    Ok(ended.map(|mut changes| {
        changes.row.owes_event = true;
        changes
    }))
}

fn fresh(new: &NewPayment, latest: &[PaymentRow], owner: &str, now_ms: i64) -> Begin {
    let at = Moment { time_ms: now_ms, date_ms: new.now_ms };
    let lease_ms = new.hold_ms.clamp(0, LEASE_MAX_MS);
    let row = PaymentRow {
        id: new.id.clone(),
        sequence: 0,
        account: new.account.clone(),
        provider: new.provider.clone(),
        operation: new.operation.clone(),
        kind: new.kind.clone(),
        reference: new.reference.clone(),
        generation: latest.iter().map(|latest| latest.generation).max().unwrap_or(0) + 1,
        fingerprint: new.fingerprint,
        amount_minor: new.amount_minor,
        currency: new.currency.clone(),
        provider_reference: None,
        payment: Payment { place: new.place, ..Payment::new() },
        provider_code: None,
        begun_at_ms: at.date_ms,
        last_attempt_at_ms: None,
        last_attempt_tick: None,
        settled_at_ms: None,
        settled_tick: None,
        asks: 0,
        next_ask_at_ms: None,
        notice_within_ms: new.notice_within_ms,
        notified_at_ms: None,
        amount_differs: false,
        contradicted: false,
        owes_event: false,
        conflicting_reference: None,
        just_resolved: false,
        just_flagged: Vec::new(),
        trace: new.trace.clone(),
        owner: owner.to_owned(),
        lease_ms,
        leased_until_ms: at.after(lease_ms),
    };
    let begun = entry(&row, "begun", None, None, at);
    Begin::Fresh(Box::new(row), begun)
}
