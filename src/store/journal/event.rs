//! Events of payments as data: what is known when a step is asked for, completed with what the journal knows when it takes
//! the step. Nothing is consumed, so a transaction can be repeated.
//!
//! What is claimed is never more than is known: a create that the provider only took is pending, not succeeded.

use aws_lc_rs::digest::{SHA256, digest};
use bytes::Bytes;
use jiff::Timestamp;

use super::{Noticed, Notification, PaymentRow};
use crate::payment::{Final, Reported};
use crate::provider::{EventStatus, Failure, Flag, Normalised, Recount};
use crate::store::{EventId, Intake, NewEvent};

/// The event that tells the application how a payment ended. It is stored in the transaction of the step, and only when
/// the step is news: see [`Transition::is_news`](crate::payment::Transition::is_news).
#[derive(Clone, Debug)]
pub struct OutcomeEvent {
    /// What the provider said of the payment, where it said anything.
    pub reported: Normalised,
    /// Why the payment failed, if it did.
    pub reason: String,
    pub at: Timestamp,
}

impl OutcomeEvent {
    /// The event, given the payment as the step left it.
    pub fn complete(&self, row: &PaymentRow) -> NewEvent {
        let mut event = self.reported.clone();
        event.complete(&self.recount(row));
        event.traceparent.clone_from(&row.trace);
        // The amount is the journal's here, whatever a notification had.
        let conflicts = [
            (row.contradicted, Flag::Contradicted),
            (row.conflicting_reference.is_some(), Flag::ConflictingReference),
            (is_stale(&event, row), Flag::Stale),
        ];
        for (_, flag) in conflicts.into_iter().filter(|(holds, _)| *holds) {
            event.raise(flag);
        }
        let status = event.status.map_or("unrecognised", EventStatus::word);
        let dedupe_key = format!("payment:{}:{status}", row.id);
        let id = id_from(&dedupe_key, self.at);
        event.id = id.to_string();
        let new = NewEvent::of(&event, id, dedupe_key, self.at.as_millisecond());
        let (account, provider) = (row.account.clone(), row.provider.clone());
        NewEvent { account, provider, intake: Intake::Deliver, ..new }
    }

    /// What the journal knows.
    fn recount(&self, row: &PaymentRow) -> Recount {
        let failed = matches!(row.end(), Some(Final::Rejected | Final::NotSent));
        // A code of an answer that did not decide it would only mislead.
        let code = row.provider_code.filter(|_| row.payment.reported != Reported::Nothing);
        let failure =
            Failure { code: code.map(|code| code.to_string()), message: Some(self.reason.clone()) };
        Recount {
            reference: Some(row.reference.clone()),
            provider_reference: row.provider_reference.clone(),
            amount_minor: row.amount_minor,
            currency: row.currency.clone(),
            status: Some(match failed {
                true => EventStatus::Failed,
                false => row.payment.status.unwrap_or(EventStatus::Pending),
            }),
            failure: failed.then_some(failure),
        }
    }
}

/// The event of a verified notification.
#[derive(Clone, Debug)]
pub struct NotificationEvent {
    pub event: Normalised,
    /// The request body exactly as it came.
    pub body: Bytes,
    /// The id of the provider key that verified it.
    pub verified_by: Option<String>,
    /// Whether the event says where in a trace its payment was made.
    pub is_traced: bool,
}

impl NotificationEvent {
    /// The event, given what the journal makes of the notification.
    pub fn complete(&self, notice: &Notification, noticed: &Noticed) -> NewEvent {
        let mut event = self.event.clone();
        for flag in &noticed.flags {
            event.raise(*flag);
        }
        let row = noticed.row.as_ref();
        if row.is_some_and(|row| is_stale(&event, row)) {
            event.raise(Flag::Stale);
        }
        let traced = row.filter(|_| self.is_traced);
        event.traceparent = traced.and_then(|row| row.trace.clone());
        let (id, dedupe_key) = (notice.event_id.clone(), notice.dedupe_key.clone());
        let new = NewEvent::of(&event, id, dedupe_key, notice.received_at_ms);
        NewEvent {
            account: notice.account.clone(),
            event_name: event.notification.event.clone(),
            body: self.body.clone(),
            verified_by: self.verified_by.clone(),
            intake: if row.is_some() { Intake::Deliver } else { new.intake },
            ..new
        }
    }
}

impl NewEvent {
    /// What the inbox keeps of `event`, as one that no notification brought.
    fn of(event: &Normalised, id: EventId, dedupe_key: String, received_at_ms: i64) -> Self {
        let text = event.to_cloud_event();
        Self {
            id,
            account: event.account.clone(),
            provider: event.provider.clone(),
            dedupe_key,
            event_name: None,
            kind: event.kind.map(|kind| kind.word().to_owned()),
            event_type: event.event_type(),
            status: event.status.map(|status| status.word().to_owned()),
            reference: event.order_key().map(str::to_owned),
            provider_reference: event.provider_reference.clone(),
            body: Bytes::new(),
            // Where the provider said nothing, an application that wants its texts gets the event.
            param: match event.notification.param.is_empty() {
                true => text.clone(),
                false => event.notification.param.clone(),
            },
            event: Some(text),
            verified_by: None,
            received_at_ms,
            intake: intake(event),
        }
    }
}

/// Whether the journal already knows a final status of the payment and the event has an earlier one. Other calls under the
/// same reference do not count.
fn is_stale(event: &Normalised, row: &PaymentRow) -> bool {
    let is_over = row.payment.status.is_some_and(EventStatus::is_final);
    is_over && event.status.is_some_and(|status| !status.is_final())
}

/// Of a state that is not final, two forms, where the journal has no such payment: the inbox knows whether the final one was
/// there first.
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

/// Made from the key: a system without randomness must not keep an outcome from being reported.
fn id_from(dedupe_key: &str, at: Timestamp) -> EventId {
    let digest = digest(&SHA256, dedupe_key.as_bytes());
    let random = digest.as_ref().first_chunk().copied().unwrap_or_default();
    EventId::from_parts(at.as_millisecond(), random)
}
