//! The event as it is delivered: CloudEvents 1.0, structured JSON. Members and their order are a promise to applications.

use serde::Serialize;

use super::normalise::Normalised;
use super::time::EventTime;

#[derive(Serialize)]
struct CloudEvent<'a> {
    specversion: &'static str,
    id: &'a str,
    source: String,
    r#type: String,
    /// CloudEvents does not allow an empty subject.
    #[serde(skip_serializing_if = "Option::is_none")]
    subject: Option<&'a str>,
    time: EventTime,
    datacontenttype: &'static str,
    /// CloudEvents' own extension for distributed tracing.
    #[serde(skip_serializing_if = "Option::is_none")]
    traceparent: Option<&'a str>,
    data: &'a Normalised,
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
            data: self,
        };
        serde_json::to_string(&event).expect("texts, numbers and lists always make JSON")
    }
}
