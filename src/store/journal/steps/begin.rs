//! A call comes in: recorded once, known afterwards. And a call that never left, recorded late.

use super::attempt::give_up;
use super::{Decision, Moment, entry};
use crate::payment::{Payment, State};
use crate::store::{Begun, Freeze, HistoryEntry, NewPayment, PaymentRow, PaymentView};

/// The longest lease, whatever the caller asks for: a day.
const LEASE_MAX_MS: i64 = 24 * 60 * 60 * 1000;

/// Begins a payment for `owner`, unless its reference is taken or its account frozen. `latest` is what is recorded under the
/// reference, of each name of the account. The store inserts a fresh payment and gives it its sequence.
pub fn begin(
    new: &NewPayment,
    latest: Vec<PaymentView>,
    freeze: Option<Freeze>,
    owner: &str,
    now_ms: i64,
) -> Begun {
    let generation = latest.iter().map(|latest| latest.row.generation).max().unwrap_or(0) + 1;
    let taken = standing(latest).filter(|latest| !latest.row.payment.frees_its_reference());
    match (taken, freeze) {
        (Some(known), _) if known.row.fingerprint == new.fingerprint => Begun::Known(known),
        (Some(other), _) => Begun::Reused(other),
        (None, Some(freeze)) => Begun::Frozen(freeze),
        (None, None) => Begun::Fresh(PaymentView {
            row: fresh(new, generation, owner, now_ms),
            parameters: new.parameters.clone(),
            answer: None,
            answer_from_query: false,
        }),
    }
}

/// Of the payments of [`begin`] the one that holds the reference.
pub fn standing(latest: Vec<PaymentView>) -> Option<PaymentView> {
    let stands = |view: &PaymentView| (!view.row.payment.frees_its_reference(), view.row.sequence);
    latest.into_iter().max_by_key(stands)
}

/// The first entry of the history of a fresh payment.
pub fn begun(row: &PaymentRow) -> HistoryEntry {
    entry(row, "begun", None, None, row.begun_at_ms)
}

/// Whether a call that may not have been recorded can be recorded now. Not where its reference was used since: that caller
/// was answered, and is told how that call ends.
pub fn may_be_begun_late(new: &NewPayment, latest: &[PaymentView]) -> bool {
    let is_free =
        |row: &PaymentRow| row.payment.frees_its_reference() && row.begun_at_ms < new.now_ms;
    latest.iter().all(|latest| is_free(&latest.row))
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

fn fresh(new: &NewPayment, generation: u32, owner: &str, now_ms: i64) -> PaymentRow {
    let lease_ms = new.lease_ms.clamp(0, LEASE_MAX_MS);
    PaymentRow {
        id: new.id.clone(),
        sequence: 0,
        account: new.account.clone(),
        provider: new.provider.clone(),
        operation: new.operation.clone(),
        kind: new.kind.clone(),
        reference: new.reference.clone(),
        generation,
        fingerprint: new.fingerprint,
        amount_minor: new.amount_minor,
        currency: new.currency.clone(),
        provider_reference: None,
        payment: Payment { place: new.place, ..Payment::new() },
        provider_code: None,
        begun_at_ms: new.now_ms,
        last_attempt_at_ms: None,
        last_attempt_tick: None,
        settled_at_ms: None,
        settled_tick: None,
        queries: 0,
        next_query_at_ms: None,
        notice_within_ms: new.notice_within_ms,
        notified_at_ms: None,
        amount_differs: false,
        contradicted: false,
        owes_event: false,
        conflicting_reference: None,
        just_resolved: false,
        just_settled: false,
        just_flagged: Vec::new(),
        trace: new.trace.clone(),
        owner: owner.to_owned(),
        lease_ms,
        leased_until_ms: now_ms.saturating_add(lease_ms),
    }
}
