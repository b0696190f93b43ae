//! Everything about one event, for people and as JSON.

use std::fmt::Write;

use serde_json::{Value, json};

use super::table::{printable, row, time};
use crate::store::{AttemptRecord, EventDetail};

/// What may stand in a text that is shown as it came.
const LINES: &str = "\n\t";

/// A line each for what is known, then the attempts, then the texts as they came.
pub(super) fn as_text(detail: &EventDetail) -> String {
    let mut out = String::new();
    if let Value::Object(members) = row(&detail.row) {
        for (name, value) in members.iter().filter(|(_, value)| !value.is_null()) {
            let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
            let _ = writeln!(out, "{name:<20} {}", printable(&text, ""));
        }
    }
    for record in &detail.attempts {
        let _ = writeln!(
            out,
            "{:<20} {}  {} ms  {}",
            "attempt",
            time(record.attempt.started_at_ms),
            record.attempt.duration_ms,
            result(record)
        );
    }
    let body = String::from_utf8_lossy(&detail.body);
    let texts = [
        ("param", Some(detail.param.as_str())),
        ("event", detail.event.as_deref()),
        ("notification as it came", Some(body.as_ref()).filter(|body| !body.is_empty())),
    ];
    for (name, text) in texts {
        let Some(text) = text else { continue };
        let _ = writeln!(out, "\n{name}\n{}", printable(text, LINES));
    }
    out
}

/// The same as JSON; texts stay texts, because they are evidence.
pub(super) fn as_json(detail: &EventDetail) -> Value {
    let attempts: Vec<Value> = detail
        .attempts
        .iter()
        .map(|record| {
            json!({
                "started_at": time(record.attempt.started_at_ms),
                "duration_ms": record.attempt.duration_ms,
                "http_status": record.attempt.http_status,
                "error": record.error,
            })
        })
        .collect();
    let mut value = row(&detail.row);
    value["attempt_history"] = json!(attempts);
    value["param"] = json!(detail.param);
    value["event"] = json!(detail.event);
    value["notification"] = json!(String::from_utf8_lossy(&detail.body));
    value
}

/// The error names the status where there was one.
fn result(record: &AttemptRecord) -> &str {
    record.error.as_deref().unwrap_or("delivered")
}
