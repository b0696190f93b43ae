//! Everything about one event, for people and as JSON.

use std::fmt::Write;

use serde_json::{Value, json};

use super::table::{row, time};
use crate::store::{AttemptRecord, EventDetail};

/// A line each for what is known, then the attempts, then the texts as they came.
pub(super) fn as_text(detail: &EventDetail) -> String {
    let mut out = String::new();
    if let Value::Object(members) = row(&detail.row) {
        for (name, value) in members.iter().filter(|(_, value)| !value.is_null()) {
            let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
            let _ = writeln!(out, "{name:<20} {text}");
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
    let _ = writeln!(out, "\nparam\n{}", detail.param);
    if let Some(event) = &detail.event {
        let _ = writeln!(out, "\nevent\n{event}");
    }
    if !detail.body.is_empty() {
        let _ =
            writeln!(out, "\nnotification as it came\n{}", String::from_utf8_lossy(&detail.body));
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

fn result(record: &AttemptRecord) -> String {
    match (&record.error, record.attempt.http_status) {
        (None, _) => "delivered".to_owned(),
        (Some(error), Some(status)) => format!("HTTP {status}: {error}"),
        (Some(error), None) => error.clone(),
    }
}
