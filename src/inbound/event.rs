//! From a verified notification to what the inbox keeps.

use bytes::Bytes;
use jiff::Timestamp;

use super::Verified;
use crate::config::Account;
use crate::metrics::OTHER_EVENT;
use crate::provider::{Flag, NormaliseContext, Normalised};
use crate::store::{EventId, Intake, NewEvent};

/// The type of a parked notification; nothing of that type is ever delivered.
const UNPARSABLE: &str = "countersign.unparsable";

/// What is to be stored for a verified notification. One that is no JSON object is kept as a dead letter, for a person.
pub(super) fn compose(
    account: &Account,
    id: EventId,
    verified: Verified,
    body: &Bytes,
    received_at: Timestamp,
) -> (NewEvent, String) {
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
            (new, OTHER_EVENT.to_owned())
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
            new.event = Some(event.to_cloud_event());
            new.intake = intake(&event);
            let label = event.event_label().to_owned();
            (new, label)
        }
    }
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
