//! The event as it is delivered: CloudEvents 1.0, structured JSON. Members and their order are a promise to applications.

use serde::Serialize;

use super::amount::Amount;
use super::kind::{EventKind, EventStatus, Flag};
use super::normalise::{Failure, Normalised, NotificationText};
use super::time::EventTime;

#[derive(Serialize)]
struct CloudEvent<'a> {
    specversion: &'static str,
    id: &'a str,
    source: String,
    r#type: String,
    /// CloudEvents knows no empty subject.
    #[serde(skip_serializing_if = "Option::is_none")]
    subject: Option<&'a str>,
    time: EventTime,
    datacontenttype: &'static str,
    /// CloudEvents' own extension for distributed tracing.
    #[serde(skip_serializing_if = "Option::is_none")]
    traceparent: Option<&'a str>,
    data: Data<'a>,
}

#[derive(Serialize)]
struct Data<'a> {
    account: &'a str,
    provider: &'a str,
    kind: Option<EventKind>,
    status: Option<EventStatus>,
    reference: Option<&'a str>,
    provider_reference: Option<&'a str>,
    amount: Option<&'a Amount>,
    fee: Option<&'a Amount>,
    channel: Option<&'a str>,
    created_at: Option<EventTime>,
    completed_at: Option<EventTime>,
    failure: Option<&'a Failure>,
    remark: Option<&'a str>,
    flags: &'a [Flag],
    notification: &'a NotificationText,
}

impl Normalised {
    /// The event's JSON text.
    pub fn to_cloud_event(&self) -> String {
        let event = CloudEvent {
            specversion: "1.0",
            id: &self.id,
            source: format!("/countersign/{}", self.account),
            r#type: self.event_type(),
            subject: self.reference.as_deref(),
            time: self.time,
            datacontenttype: "application/json",
            traceparent: self.traceparent.as_deref(),
            data: self.data(),
        };
        serde_json::to_string(&event).expect("texts, numbers and lists always make JSON")
    }

    fn data(&self) -> Data<'_> {
        Data {
            account: &self.account,
            provider: &self.provider,
            kind: self.kind,
            status: self.status,
            reference: self.reference.as_deref(),
            provider_reference: self.provider_reference.as_deref(),
            amount: self.amount.as_ref(),
            fee: self.fee.as_ref(),
            channel: self.channel.as_deref(),
            created_at: self.created_at,
            completed_at: self.completed_at,
            failure: self.failure.as_ref(),
            remark: self.remark.as_deref(),
            flags: &self.flags,
            notification: &self.notification,
        }
    }
}
