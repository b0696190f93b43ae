//! The sandbox's answers, and their bytes on the wire.

use bytes::Bytes;
use http::{HeaderMap, StatusCode};
use serde_json::json;

use crate::wire::Reply;

/// An answer with a JSON body.
pub fn json(status: StatusCode, body: impl Into<Bytes>) -> Reply {
    Reply::new(status, "application/json", body)
}

/// An answer without a body.
pub fn bare(status: StatusCode) -> Reply {
    Reply { status, headers: HeaderMap::new(), body: Bytes::new(), ticket: None }
}

/// An answer outside the provider's API: for unknown paths and the sandbox's own pages.
pub fn problem(status: StatusCode, detail: &str) -> Reply {
    let title = status.canonical_reason().unwrap_or("Error");
    let body = json!({
        "type": "about:blank", "title": title, "status": status.as_u16(), "detail": detail,
    });
    Reply::new(status, "application/problem+json", body.to_string())
}

/// The bytes of an answer whose head announces `length` bytes of body.
pub fn encode(reply: &Reply, length: usize, keep_alive: bool) -> Vec<u8> {
    let (status, reason) = (reply.status.as_u16(), reply.status.canonical_reason());
    let mut head = format!("HTTP/1.1 {status} {}\r\n", reason.unwrap_or("Unknown"));
    for (name, value) in &reply.headers {
        head += &format!("{name}: {}\r\n", String::from_utf8_lossy(value.as_bytes()));
    }
    // 204 has no body and must not announce one.
    if reply.status != StatusCode::NO_CONTENT {
        head += &format!("content-length: {length}\r\n");
    }
    if !keep_alive {
        head += "connection: close\r\n";
    }
    head += "\r\n";
    [head.as_bytes(), &reply.body].concat()
}
