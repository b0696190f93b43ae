//! From a verified notification to what the inbox keeps.

use bytes::Bytes;
use jiff::Timestamp;
use tracing::Span;

use super::Verified;
use crate::config::Account;
use crate::metrics::OTHER_EVENT;
use crate::provider::{Flag, NormaliseContext, Normalised};
use crate::store::{EventId, Expectation, Intake, NewEvent, Notice, Store, StoreError};
use crate::trace;

/// The type of a parked notification; nothing of that type is ever delivered.
const UNPARSABLE: &str = "countersign.unparsable";

/// What was made of a verified notification.
pub(super) struct Composed {
    pub event: NewEvent,
    /// The event's name as a metric's label.
    pub label: String,
    /// What it tells the journal.
    pub notice: Option<Notice>,
}

/// What is to be stored for a verified notification. One that is no JSON object is kept as a dead letter, for a person.
pub(super) async fn compose(
    account: &Account,
    store: &dyn Store,
    id: EventId,
    verified: Verified,
    body: &Bytes,
    received_at: Timestamp,
) -> Result<Composed, StoreError> {
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
            Ok(Composed { event: new, label: OTHER_EVENT.to_owned(), notice: None })
        }
        Ok(mut event) => {
            if !event.notes.is_empty() {
                tracing::warn!(account = account.name, event_id = %id, notes = event.notes.join("; "), "a notification is not as documented");
            }
            let notice = notice(account, &event);
            if let Some(notice) = &notice {
                let expectation = store.expectation(notice).await?;
                match &expectation {
                    Expectation::Expected(_) => {}
                    Expectation::AmountDiffers(_) => event.raise(Flag::AmountMismatch),
                    Expectation::Unexpected => event.raise(Flag::Unexpected),
                }
                event.traceparent = trace_of(expectation);
            }
            new.dedupe_key = event.dedupe_key().to_owned();
            new.event_name.clone_from(&event.notification.event);
            new.kind = event.kind.map(|kind| kind.word().to_owned());
            new.event_type = event.event_type();
            new.status = event.status.map(|status| status.word().to_owned());
            new.reference = event.order_key().map(str::to_owned);
            new.provider_reference.clone_from(&event.provider_reference);
            new.event = Some(event.to_cloud_event());
            new.intake = intake(&event);
            let label = event.event_label().to_owned();
            Ok(Composed { event: new, label, notice })
        }
    }
}

/// Where the payment was made that is told of: the notification's own trace is linked to that place.
fn trace_of(expectation: Expectation) -> Option<String> {
    match expectation {
        Expectation::Expected(row) | Expectation::AmountDiffers(row) => {
            let place = row.trace.filter(|_| trace::is_on())?;
            Span::current().record("trace.link", place.as_str());
            Some(place)
        }
        Expectation::Unexpected => None,
    }
}

/// What the event says about a payment of the journal; `None` for what no money-moving operation brings about.
fn notice(account: &Account, event: &Normalised) -> Option<Notice> {
    let kind = event.kind?.word();
    let rules = &account.provider.events.rules;
    let is_journalled = account.provider.operations.iter().any(|operation| {
        let rule = rules.iter().find(|rule| operation.event.as_deref() == Some(rule.name.as_str()));
        operation.money_moving && rule.is_some_and(|rule| rule.kind.word() == kind)
    });
    is_journalled.then(|| Notice {
        account: account.name.clone(),
        kind: kind.to_owned(),
        reference: event.reference.clone(),
        provider_reference: event.provider_reference.clone(),
        status: event.status,
        amount_minor: event.amount.as_ref().map(|amount| amount.minor),
        currency: account.currency.clone(),
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
