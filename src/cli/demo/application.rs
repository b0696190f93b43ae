//! The small application of the demonstration: all it can do is post plain JSON.

use std::net::SocketAddr;
use std::time::Duration;

use bytes::Bytes;
use http::HeaderValue;
use http::header::CONTENT_TYPE;

use crate::edge::PingoraUpstream;
use crate::wire::{Answer, AnswerBody, Call, Target, Timeouts, Upstream};

/// An application that knows the sidecar's address and nothing about signatures.
pub(super) struct Application {
    client: PingoraUpstream,
    sidecar: Target,
}

/// What the application got.
pub(super) struct Got {
    pub status: u16,
    pub headers: Vec<(&'static str, String)>,
    pub body: String,
}

impl Application {
    pub fn towards(sidecar: SocketAddr) -> Self {
        let sidecar = Target {
            tls: None,
            host: sidecar.ip().to_string(),
            port: sidecar.port(),
            base_path: String::new(),
            fingerprint: sidecar.to_string(),
        };
        Self { client: PingoraUpstream::default(), sidecar }
    }

    pub async fn post(&self, path: &str, body: &str) -> Result<Got, String> {
        let call = Call {
            path: path.to_owned(),
            headers: vec![(CONTENT_TYPE, HeaderValue::from_static("application/json"))],
            body: Bytes::from(body.to_owned()),
            answer_body: AnswerBody::Needed,
        };
        let seconds = Duration::from_secs;
        let timeouts = Timeouts { connect: seconds(2), send: seconds(2), total: seconds(10) };
        let answer = self.client.send(&self.sidecar, call, timeouts).await;
        answer.map(Got::from).map_err(|error| format!("the sidecar gave no answer: {error}"))
    }
}

impl From<Answer> for Got {
    fn from(answer: Answer) -> Self {
        let headers = ["Countersign-Outcome", "Countersign-Attempts", "Countersign-Request-Id"]
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
