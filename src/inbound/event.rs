//! Turns a verified notification into what the inbox stores.

use bytes::Bytes;
use jiff::Timestamp;

use super::Verified;
use crate::config::Account;
use crate::metrics::OTHER_EVENT;
use crate::provider::{Flag, Normalised};
use crate::store::{EventId, Intake, NewEvent, Notification, NotificationEvent, PaymentRow};
use crate::trace;

/// The type of a parked notification; it is never delivered.
const UNPARSABLE: &str = "countersign.unparsable";

/// The result of reading a verified notification.
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
    /// As received.
    Plain(Box<NewEvent>),
    /// Together with what it means for the journal.
    Noticed(Box<Notification>, Box<NotificationEvent>),
}

/// What to store for a verified notification. One that is not a JSON object is kept as a dead letter, for a person to
/// look at.
pub(super) fn compose(
    account: &Account,
    neighbours: Vec<String>,
    id: EventId,
    verified: Verified,
    body: &Bytes,
    received_at: Timestamp,
) -> Composed {
    let reading = account.reading(received_at, id.as_str());
    match account.provider.normalise(&verified.param, &reading) {
        Err(unparsable) => {
            tracing::warn!(account = account.name, event_id = %id, "a verified notification is not a JSON object: kept as a dead letter");
            let new = NewEvent {
                id: id.clone(),
                account: account.name.clone(),
                provider: account.provider.name.clone(),
                dedupe_key: unparsable.dedupe_key,
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
                intake: Intake::Park {
                    reason: format!("the param is not usable JSON: {}", unparsable.error),
                },
            };
            Composed {
                id,
                event_type: UNPARSABLE.to_owned(),
                reference: None,
                label: OTHER_EVENT.to_owned(),
                kept: Kept::Plain(Box::new(new)),
            }
        }
        Ok(event) => {
            if !event.notes.is_empty() {
                tracing::warn!(account = account.name, event_id = %id, notes = event.notes.join("; "), "a notification is not as documented");
            }
            let notice = notice(account, neighbours, &event, &id, received_at);
            Composed {
                id,
                event_type: event.event_type(),
                reference: event.order_key().map(str::to_owned),
                label: event.event_label().to_owned(),
                kept: Kept::Noticed(
                    Box::new(notice),
                    Box::new(NotificationEvent {
                        event,
                        body: body.clone(),
                        verified_by: Some(verified.key_id),
                        is_traced: trace::is_on(),
                    }),
                ),
            }
        }
    }
}

/// The trace context in which the notification's payment was made, if traces are kept: the notification's own trace is
/// linked to it.
pub(super) fn place_in_trace(row: &PaymentRow) -> Option<&str> {
    row.trace.as_deref().filter(|_| trace::is_on())
}

/// What the event says, for the journal.
fn notice(
    account: &Account,
    neighbours: Vec<String>,
    event: &Normalised,
    id: &EventId,
    received_at: Timestamp,
) -> Notification {
    let at = event.created_at.as_ref().or(event.completed_at.as_ref());
    Notification {
        account: account.name.clone(),
        kind: event.kind.map(|kind| kind.word().to_owned()).unwrap_or_default(),
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
        event_id: id.clone(),
        dedupe_key: event.dedupe_key().to_owned(),
        received_at_ms: received_at.as_millisecond(),
    }
}

/// Whether it reports something that a money-moving operation makes.
fn is_journalled(account: &Account, event: &Normalised) -> bool {
    let rules = &account.provider.events.rules;
    event.kind.is_some()
        && account.provider.operations.iter().any(|operation| {
            let name = operation.event.as_deref();
            let rule = rules.iter().find(|rule| name == Some(rule.name.as_str()));
            operation.money_moving && rule.is_some_and(|rule| Some(rule.kind) == event.kind)
        })
}
