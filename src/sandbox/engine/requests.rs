//! The last requests as received, so that a test or a demonstration can show them.
//!
//! A bounded ring, meant for people and tests, not as a record.

use std::collections::VecDeque;

use serde::Serialize;
use serde_json::Value;

use super::http::head::Head;
#[cfg(test)]
use super::http::head::field;
use super::transaction::rfc3339;

/// How many requests are kept.
const REQUESTS_MAX: usize = 256;

/// How much of a body is kept, in bytes.
const BODY_BYTES_MAX: usize = 64 * 1024;

/// One request to one of the provider's paths.
#[derive(Clone, Debug, Default, Serialize)]
pub struct SeenRequest {
    /// Counts up from 1.
    pub number: u64,
    /// RFC 3339.
    pub at: String,
    pub method: String,
    pub path: String,
    /// The operation the path belongs to.
    pub operation: Option<String>,
    /// As received, in their order.
    pub headers: Vec<(String, String)>,
    /// The raw body as text; bytes that are not UTF-8 are replaced. `None` when a fault prevented reading it.
    pub body: Option<String>,
    /// The sandbox's honest answer code. `None` when the request was not executed.
    pub code: Option<Value>,
    /// The message with the code.
    pub message: Option<String>,
    /// The fault that hit it.
    pub fault: Option<&'static str>,
}

/// The ring.
#[derive(Default)]
pub struct Requests {
    kept: VecDeque<SeenRequest>,
    count: u64,
}

impl SeenRequest {
    pub fn new(head: &Head, operation: Option<&str>, now_ms: i64) -> Self {
        Self {
            at: rfc3339(now_ms),
            method: head.method.clone(),
            path: head.path.clone(),
            operation: operation.map(str::to_string),
            headers: head.headers.clone(),
            ..Self::default()
        }
    }

    pub fn set_body(&mut self, body: &[u8]) {
        let kept = &body[..body.len().min(BODY_BYTES_MAX)];
        self.body = Some(String::from_utf8_lossy(kept).into_owned());
    }

    /// The first value of a header field.
    #[cfg(test)]
    pub fn header(&self, name: &str) -> Option<&str> {
        field(&self.headers, name)
    }
}

impl Requests {
    pub fn push(&mut self, request: SeenRequest) {
        self.count += 1;
        if self.kept.len() == REQUESTS_MAX {
            self.kept.pop_front();
        }
        self.kept.push_back(SeenRequest { number: self.count, ..request });
    }

    /// Oldest first.
    pub fn list(&self) -> Vec<SeenRequest> {
        self.kept.iter().cloned().collect()
    }
}
