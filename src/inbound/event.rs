//! From a verified notification to what the inbox keeps.

use bytes::Bytes;
use jiff::Timestamp;

use super::Verified;
use crate::config::Account;
use crate::metrics::OTHER_EVENT;
use crate::provider::{Flag, NormaliseContext, Normalised};
use crate::store::{Compose, EventId, Intake, NewEvent, Notice, PaymentRow};
use crate::trace;

/// The type of a parked notification; nothing of that type is ever delivered.
const UNPARSABLE: &str = "countersign.unparsable";

/// What was made of a verified notification.
pub(super) struct Composed {
    pub id: EventId,
    pub event_type: String,
    pub reference: Option<String>,
    /// The event's name as a metric's label.
    pub label: String,
    pub kept: Kept,
}

/// How it is stored.
pub(super) enum Kept {
    /// As it is.
    Plain(Box<NewEvent>),
    /// With what the journal makes of it.
    Noticed(Box<Notice>, Compose),
}

/// What is to be stored for a verified notification. One that is no JSON object is kept as a dead letter, for a person.
pub(super) fn compose(
    account: &Account,
    neighbours: Vec<String>,
    id: EventId,
    verified: Verified,
    body: &Bytes,
    received_at: Timestamp,
) -> Composed {
    let context = NormaliseContext {
        account: &account.name,
        currency: account.currency.as_deref(),
        timezone: account.timezone,
        received_at,
        id: id.as_str(),
    };
    let normalised = account.provider.normalise(&verified.param, &context);
    let mut new = NewEvent {
        id: id.clone(),
        account: account.name.clone(),
        provider: account.provider.name.clone(),
        dedupe_key: String::new(),
        event_name: None,
        kind: None,
        event_type: UNPARSABLE.to_owned(),
        status: None,
        reference: None,
        provider_reference: None,
        body: body.clone(),
        param: verified.param,
        event: None,
        verified_by: Some(verified.key_id),
        received_at_ms: received_at.as_millisecond(),
        intake: Intake::Deliver,
    };
    match normalised {
        Err(unparsable) => {
            tracing::warn!(account = account.name, event_id = %id, "a verified notification is no JSON object: kept as a dead letter");
            new.dedupe_key = unparsable.dedupe_key;
            new.intake = Intake::Park {
                reason: format!("the param is not usable JSON: {}", unparsable.error),
            };
            let label = OTHER_EVENT.to_owned();
            let event_type = new.event_type.clone();
            Composed { id, event_type, reference: None, label, kept: Kept::Plain(Box::new(new)) }
        }
        Ok(event) => {
            if !event.notes.is_empty() {
                tracing::warn!(account = account.name, event_id = %id, notes = event.notes.join("; "), "a notification is not as documented");
            }
            new.dedupe_key = event.dedupe_key().to_owned();
            new.event_name.clone_from(&event.notification.event);
            new.kind = event.kind.map(|kind| kind.word().to_owned());
            new.event_type = event.event_type();
            new.status = event.status.map(|status| status.word().to_owned());
            new.reference = event.order_key().map(str::to_owned);
            new.provider_reference.clone_from(&event.provider_reference);
            let notice = notice(account, neighbours, &event, &new);
            Composed {
                id,
                event_type: new.event_type.clone(),
                reference: new.reference.clone(),
                label: event.event_label().to_owned(),
                kept: Kept::Noticed(Box::new(notice), composing(event, new)),
            }
        }
    }
}

/// The event as it is delivered, with what the journal has to say about it.
fn composing(mut event: Normalised, mut new: NewEvent) -> Compose {
    Box::new(move |noticed| {
        for flag in &noticed.flags {
            event.raise(*flag);
        }
        event.traceparent = noticed.row.as_ref().and_then(place_in_trace).map(str::to_owned);
        new.event = Some(event.to_cloud_event());
        new.intake = intake(&event);
        new
    })
}

/// Where the payment was made that is told of, where traces are kept: the notification's own trace is linked to that place.
pub(super) fn place_in_trace(row: &PaymentRow) -> Option<&str> {
    row.trace.as_deref().filter(|_| trace::is_on())
}

/// What the event says, for the journal.
fn notice(
    account: &Account,
    neighbours: Vec<String>,
    event: &Normalised,
    new: &NewEvent,
) -> Notice {
    let at = event.created_at.as_ref().or(event.completed_at.as_ref());
    Notice {
        account: account.name.clone(),
        kind: new.kind.clone().unwrap_or_default(),
        reference: event.reference.clone(),
        provider_reference: event.provider_reference.clone(),
        status: event.status,
        amount_minor: event.amount.as_ref().map(|amount| amount.minor),
        amount_unreadable: event.flags.contains(&Flag::AmountUnreadable),
        currency: account.currency.clone(),
        created_at_ms: at.map(|at| at.timestamp.as_millisecond()),
        is_journalled: is_journalled(account, event),
        names_another: event.client_id.as_ref().is_some_and(|client| *client != account.app_id),
        neighbours,
        event_id: new.id.clone(),
        dedupe_key: new.dedupe_key.clone(),
        received_at_ms: new.received_at_ms,
    }
}

/// Whether a money-moving operation brings about what it tells of.
fn is_journalled(account: &Account, event: &Normalised) -> bool {
    let rules = &account.provider.events.rules;
    event.kind.is_some()
        && account.provider.operations.iter().any(|operation| {
            let name = operation.event.as_deref();
            let rule = rules.iter().find(|rule| name == Some(rule.name.as_str()));
            operation.money_moving && rule.is_some_and(|rule| Some(rule.kind) == event.kind)
        })
}

/// Of a state that is not final, two forms: the store knows whether the final one was there first.
fn intake(event: &Normalised) -> Intake {
    match event.status {
        Some(status) if !status.is_final() => {
            let mut late = event.clone();
            late.raise(Flag::Stale);
            Intake::DeliverInterim { if_late: late.to_cloud_event() }
        }
        Some(_) | None => Intake::Deliver,
    }
}
