//! The small application of the demonstration: it posts plain JSON and receives events. It knows nothing about
//! signatures.

use std::net::SocketAddr;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use http::header::CONTENT_TYPE;
use http::{HeaderValue, StatusCode};
use parking_lot::Mutex;
use serde_json::Value;
use tokio::sync::watch;

use crate::clock::{instant, later};
use crate::config::{Address, Listener};
use crate::edge::{self, PingoraUpstream, Serving};
use crate::wire::{
    Answer, AnswerBody, Call, Handler, Refusal, Reply, Request, Target, Timeouts, Upstream,
};

/// Longer than a notification and its delivery take.
const PATIENCE: Duration = Duration::from_secs(15);

/// An application with a client and a receiver.
pub(super) struct Application {
    client: PingoraUpstream,
    sidecar: OnceLock<Target>,
    receiver: Arc<Receiver>,
    address: SocketAddr,
}

impl Application {
    /// Receives events from now on, until `shutdown`.
    pub fn start(shutdown: watch::Receiver<bool>) -> Result<Self, String> {
        let anywhere = Address::Tcp(SocketAddr::from(([127, 0, 0, 1], 0)));
        let listener = Listener { address: anywhere, tls: None };
        let bound = edge::bind("the application", &listener).map_err(|error| error.to_string())?;
        let Address::Tcp(address) = *bound.address() else {
            return Err("the application listens on TCP".to_owned());
        };
        let receiver = Arc::new(Receiver::default());
        let service = bound.service(receiver.clone(), Serving::default());
        tokio::spawn(edge::serve(service, shutdown, Duration::ZERO));
        Ok(Self { client: PingoraUpstream::default(), sidecar: OnceLock::new(), receiver, address })
    }

    /// Sets the address of the sidecar, once it is known.
    pub fn use_sidecar(&self, address: &Address) {
        if let Address::Tcp(address) = address {
            let _ = self.sidecar.set(Target {
                tls: None,
                host: address.ip().to_string(),
                port: address.port(),
                base_path: String::new(),
                fingerprint: address.to_string(),
            });
        }
    }

    /// Where events are received.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    pub async fn post(&self, path: &str, body: &str) -> Result<Got, String> {
        let sidecar =
            self.sidecar.get().ok_or("the application does not know the sidecar's address")?;
        let call = Call {
            path: path.to_owned(),
            headers: vec![(CONTENT_TYPE, HeaderValue::from_static("application/json"))],
            body: Bytes::from(body.to_owned()),
            answer_body: AnswerBody::Needed,
        };
        let seconds = Duration::from_secs;
        let timeouts = Timeouts { connect: seconds(2), send: seconds(2), total: seconds(10) };
        let answer = self.client.send(sidecar, call, timeouts, None).await;
        answer.map(Got::from).map_err(|error| format!("the sidecar gave no answer: {error}"))
    }

    /// Waits for an event about `reference`.
    pub async fn event_about(&self, reference: &str) -> Result<Delivered, String> {
        let deadline = later(instant(), PATIENCE);
        while instant() < deadline {
            if let Some(event) = self.receiver.about(reference) {
                return Ok(event);
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        Err(format!("no event about `{reference}` within {} s", PATIENCE.as_secs()))
    }
}

/// What the application received in answer to a call.
pub(super) struct Got {
    pub status: u16,
    pub headers: Vec<(&'static str, String)>,
    pub body: String,
}

impl From<Answer> for Got {
    fn from(answer: Answer) -> Self {
        let headers = [
            "Countersign-Outcome",
            "Countersign-Attempts",
            "Countersign-Replayed",
            "Countersign-Request-Id",
        ]
        .into_iter()
        .filter_map(|name| Some((name, answer.headers.get(name)?.to_str().ok()?.to_owned())))
        .collect();
        let body = String::from_utf8_lossy(&answer.body).into_owned();
        Self { status: answer.status.as_u16(), headers, body }
    }
}

impl Got {
    pub fn outcome(&self) -> &str {
        let header = self.headers.iter().find(|(name, _)| *name == "Countersign-Outcome");
        header.map_or("none", |(_, value)| value)
    }

    pub fn expect_outcome(&self, expected: &str) -> Result<(), String> {
        match self.outcome() == expected {
            true => Ok(()),
            false => Err(format!("expected outcome `{expected}`: {} {}", self.status, self.body)),
        }
    }
}

/// A delivered event.
#[derive(Clone)]
pub(super) struct Delivered {
    pub signature: String,
    pub body: String,
    event: Value,
}

impl Delivered {
    pub fn expect_type(&self, expected: &str) -> Result<(), String> {
        match self.event["type"] == expected {
            true => Ok(()),
            false => Err(format!("expected an event `{expected}`: {}", self.body)),
        }
    }

    /// A member of the event's `data`, or of the event itself.
    pub fn text(&self, name: &str) -> String {
        let value = self.event["data"].get(name).or_else(|| self.event.get(name));
        value.map_or_else(String::new, |value| match value {
            Value::String(text) => text.clone(),
            other => other.to_string(),
        })
    }
}

/// Receives every event and remembers it.
#[derive(Default)]
struct Receiver(Mutex<Vec<Delivered>>);

impl Receiver {
    fn about(&self, reference: &str) -> Option<Delivered> {
        let events = self.0.lock();
        events.iter().find(|delivered| delivered.event["subject"] == reference).cloned()
    }
}

#[async_trait]
impl Handler for Receiver {
    fn body_bytes_max(&self) -> usize {
        1024 * 1024
    }

    async fn handle(&self, request: Request) -> Reply {
        let signature =
            request.headers.get("webhook-signature").and_then(|value| value.to_str().ok());
        let body = String::from_utf8_lossy(&request.body).into_owned();
        let event = serde_json::from_str(&body).unwrap_or_default();
        let delivered =
            Delivered { signature: signature.unwrap_or_default().to_owned(), body, event };
        self.0.lock().push(delivered);
        Reply::new(StatusCode::NO_CONTENT, "text/plain", Bytes::new())
    }

    fn refuse(&self, _refusal: Refusal) -> Reply {
        Reply::new(StatusCode::BAD_REQUEST, "text/plain", Bytes::new())
    }
}
