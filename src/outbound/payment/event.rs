//! The event that tells the application what became of a payment in doubt.
//!
//! What a query brought is read like a notification; where there is none, the journal's row tells. What is claimed is
//! never more than is known: a create that the provider only took is pending, not succeeded.

use aws_lc_rs::digest::{SHA256, digest};
use bytes::Bytes;
use jiff::Timestamp;

use super::super::call::attempt::PreparedCall;
use crate::config::Account;
use crate::payment::{Final, State, Told};
use crate::provider::{
    CodeMeaning, EventStatus, Failure, Flag, NormaliseContext, Normalised, Operation,
    ProviderAnswer, Recount,
};
use crate::store::{Announce, EventId, Intake, NewEvent, PaymentRow};

/// Makes the event of a payment's step. `data` is what a query said of the payment; `why` is why it failed, if it did.
pub fn announcing(
    account: &Account,
    operation: &Operation,
    data: Option<&str>,
    why: String,
    now: Timestamp,
) -> Announce {
    let context = context(account, now);
    let provider = &account.provider;
    let told = data.and_then(|data| provider.synthesise(operation, data, &context));
    let event = told.unwrap_or_else(|| provider.recount(operation, &Recount::default(), &context));
    Box::new(move |row| Some(news(event, row, why, now)))
}

/// What a query's `data` says of a call.
pub(super) fn told_by(
    account: &Account,
    operation: &Operation,
    data: &str,
    now: Timestamp,
) -> Option<Normalised> {
    account.provider.synthesise(operation, data, &context(account, now))
}

/// What the provider's answer to a create says of it, where it took it and says anything.
pub(crate) fn answered_by(
    call: &PreparedCall<'_>,
    answer: &ProviderAnswer,
    now: Timestamp,
) -> Option<Normalised> {
    let data = answer.data.as_deref().filter(|_| answer.meaning == CodeMeaning::Accepted)?;
    told_by(call.account, call.operation, data, now)
}

fn context(account: &Account, now: Timestamp) -> NormaliseContext<'_> {
    NormaliseContext {
        account: &account.name,
        currency: account.currency.as_deref(),
        timezone: account.timezone,
        received_at: now,
        id: "",
    }
}

fn news(mut event: Normalised, row: &PaymentRow, why: String, now: Timestamp) -> NewEvent {
    event.complete(&recount(row, why));
    event.traceparent.clone_from(&row.trace);
    if row.amount_differs {
        event.raise(Flag::AmountMismatch);
    }
    if row.contradicted {
        event.raise(Flag::Contradicted);
    }
    if row.conflicting_reference.is_some() {
        event.raise(Flag::ConflictingReference);
    }
    let status = event.status.map(|status| status.word().to_owned());
    let dedupe_key = format!("payment:{}:{}", row.id, status.as_deref().unwrap_or("unrecognised"));
    let id = event_id(&dedupe_key, now);
    event.id = id.as_str().to_owned();
    let text = event.to_cloud_event();
    NewEvent {
        id,
        account: row.account.clone(),
        provider: row.provider.clone(),
        dedupe_key,
        event_name: None,
        kind: event.kind.map(|kind| kind.word().to_owned()),
        event_type: event.event_type(),
        status,
        reference: event.order_key().map(str::to_owned),
        provider_reference: event.provider_reference.clone(),
        body: Bytes::new(),
        // Where the provider said nothing, an application that wants its texts gets the event.
        param: match event.notification.param.is_empty() {
            true => text.clone(),
            false => event.notification.param.clone(),
        },
        intake: intake(&event),
        event: Some(text),
        verified_by: None,
        received_at_ms: now.as_millisecond(),
    }
}

/// What the journal knows.
fn recount(row: &PaymentRow, why: String) -> Recount {
    let failed = match row.payment.state {
        State::Settled(Final::Rejected | Final::NotSent) => true,
        State::Settled(Final::Accepted)
        | State::Ready
        | State::Sending { .. }
        | State::Unknown { .. } => false,
    };
    // A code of an answer that did not decide it would only mislead.
    let code = row.provider_code.filter(|_| row.payment.told != Told::Nothing);
    Recount {
        reference: Some(row.reference.clone()),
        provider_reference: row.provider_reference.clone(),
        amount_minor: row.amount_minor,
        currency: row.currency.clone(),
        status: Some(match failed {
            true => EventStatus::Failed,
            false => row.payment.status.unwrap_or(EventStatus::Pending),
        }),
        failure: failed
            .then(|| Failure { code: code.map(|code| code.to_string()), message: Some(why) }),
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

/// Made from the key: a system without randomness must not keep an outcome from being told.
fn event_id(dedupe_key: &str, now: Timestamp) -> EventId {
    let digest = digest(&SHA256, dedupe_key.as_bytes());
    let mut random = [0; 10];
    for (place, byte) in random.iter_mut().zip(digest.as_ref()) {
        *place = *byte;
    }
    EventId::from_parts(now.as_millisecond(), random)
}
