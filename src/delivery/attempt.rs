//! One attempt: the call that carries an event, and the application's answer.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::header::{CONTENT_TYPE, RETRY_AFTER};
use http::{HeaderName, HeaderValue, StatusCode};

use super::pauses::retry_after;
use super::webhook;
use crate::clock::{Clock, instant, milliseconds};
use crate::config::{self, DeliveryFormat};
use crate::store::{Attempt, Claimed};
use crate::trace;
use crate::wire::{Answer, AnswerBody, Call, SendError, Upstream};

/// How often an operator replayed the event, so that the application can tell a replay from a repetition.
const REPLAY: HeaderName = HeaderName::from_static("countersign-replay");

/// The delivery's place in its trace, so that the application's own work joins it.
const TRACEPARENT: HeaderName = HeaderName::from_static("traceparent");

/// The application's answer to an event.
#[derive(Debug)]
pub(super) enum Heard {
    /// 2xx: it has the event.
    Taken,
    /// 410: it never wants it.
    Gone,
    /// Any other status. A redirect is not followed, because the event would go to an address that is not configured.
    Refused { status: StatusCode, retry_after: Option<Duration> },
    /// No answer; the application may have the event anyway.
    Nothing(SendError),
    /// Nothing was posted: the notification could not be understood, so there is no event.
    NotPosted,
}

/// An attempt that was made.
#[derive(Debug)]
pub(super) struct Tried {
    pub record: Attempt,
    pub heard: Heard,
}

/// Posts `claimed` once and waits for the answer, no longer than `settings` allow.
pub(super) async fn post(
    upstream: &Arc<dyn Upstream>,
    clock: &Clock,
    settings: &config::Delivery,
    claimed: &Claimed,
) -> Tried {
    let (started_at, started) = (clock.now(), instant());
    let (status, heard) = match call(settings, claimed, started_at.as_second()) {
        Some(call) => match upstream.send(&settings.target, call, settings.timeouts, None).await {
            Ok(answer) => (Some(answer.status), heard(&answer, clock)),
            Err(error) => (None, Heard::Nothing(error)),
        },
        None => (None, Heard::NotPosted),
    };
    let record = Attempt {
        started_at_ms: started_at.as_millisecond(),
        duration_ms: milliseconds(started.elapsed()),
        http_status: status.map(|status| status.as_u16()),
    };
    Tried { record, heard }
}

/// The call, built again for every attempt because its time is signed. `None` when there is nothing to post.
fn call(settings: &config::Delivery, claimed: &Claimed, unix_s: i64) -> Option<Call> {
    let (text, media_type) = match settings.format {
        DeliveryFormat::CloudEvents => (claimed.event.as_ref()?, "application/cloudevents+json"),
        DeliveryFormat::Plain => (&claimed.param, "application/json"),
    };
    let body = Bytes::copy_from_slice(text.as_bytes());
    let mut headers = vec![(CONTENT_TYPE, HeaderValue::from_static(media_type))];
    let id = claimed.lease.id.as_str();
    headers.extend(webhook::header_fields(id, unix_s, &body, &settings.secrets));
    if claimed.replays > 0 {
        headers.push((REPLAY, HeaderValue::from(claimed.replays)));
    }
    if let Some(place) = trace::current() {
        // The text of a trace context is hexadecimal digits and dashes.
        headers.extend(HeaderValue::try_from(place.to_string()).map(|place| (TRACEPARENT, place)));
    }
    let path = settings.path.clone();
    Some(Call { path, headers, body, answer_body: AnswerBody::Ignored })
}

fn heard(answer: &Answer, clock: &Clock) -> Heard {
    match answer.status {
        status if status.is_success() => Heard::Taken,
        StatusCode::GONE => Heard::Gone,
        status => {
            let field = answer.headers.get(RETRY_AFTER).and_then(|field| field.to_str().ok());
            let retry_after = field.and_then(|field| retry_after(field, clock.now()));
            Heard::Refused { status, retry_after }
        }
    }
}
