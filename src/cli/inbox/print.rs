//! A page of the inbox and everything about one event, for people and as JSON.

use std::fmt::Write;

use serde_json::{Value, json};

use crate::cli::table::{members, page, printable, time};
use crate::store::{EventDetail, EventRow, Listing};

pub(super) fn listing_text(listing: &Listing) -> String {
    let head =
        ["ID", "RECEIVED", "ACCOUNT", "STATE", "ATTEMPTS", "TYPE", "REFERENCE", "LAST ERROR"];
    let rows = listing.events.iter().map(|event| {
        [
            event.id.to_string(),
            time(event.received_at_ms),
            event.account.clone(),
            state(event),
            event.attempts.to_string(),
            event.event_type.clone(),
            event.reference.clone().unwrap_or_else(|| "-".to_owned()),
            event.last_error.clone().unwrap_or_default(),
        ]
    });
    page("events", head.map(|name| (name, 0)), rows.collect(), listing.next)
}

pub(super) fn listing_json(listing: &Listing) -> Value {
    json!({
        "events": listing.events.iter().map(row).collect::<Vec<_>>(),
        "next": listing.next.map(|cursor| cursor.0),
    })
}

/// Control characters that are kept in a text that is shown as received.
const LINES: &str = "\n\t";

/// One line for each known value, then the attempts, then the texts as received.
pub(super) fn detail_text(detail: &EventDetail) -> String {
    let mut out = members(&row(&detail.row));
    for record in &detail.attempts {
        let _ = writeln!(
            out,
            "{:<20} {}  {} ms  {}",
            "attempt",
            time(record.attempt.started_at_ms),
            record.attempt.duration_ms,
            // The error names the status if there was one.
            record.error.as_deref().unwrap_or("delivered")
        );
    }
    let body = String::from_utf8_lossy(&detail.body);
    let texts = [
        ("param", Some(detail.param.as_str())),
        ("event", detail.event.as_deref()),
        ("notification as received", Some(body.as_ref()).filter(|body| !body.is_empty())),
    ];
    for (name, text) in texts {
        let Some(text) = text else { continue };
        let _ = writeln!(out, "\n{name}\n{}", printable(text, LINES));
    }
    out
}

/// The same as JSON; texts stay texts, because they are evidence.
pub(super) fn detail_json(detail: &EventDetail) -> Value {
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

/// One event without its texts.
fn row(event: &EventRow) -> Value {
    json!({
        "id": event.id.as_str(),
        "account": event.account,
        "provider": event.provider,
        "event_name": event.event_name,
        "kind": event.kind,
        "type": event.event_type,
        "status": event.status,
        "reference": event.reference,
        "provider_reference": event.provider_reference,
        "verified_by": event.verified_by,
        "received_at": time(event.received_at_ms),
        "duplicates": event.duplicates,
        "last_seen_at": time(event.last_seen_at_ms),
        "state": event.state.as_str(),
        "attempts": event.attempts,
        "next_attempt_at": event.next_attempt_at_ms.map(time),
        "last_error": event.last_error,
        "delivered_at": event.delivered_at_ms.map(time),
        "closed_at": event.closed_at_ms.map(time),
        "discard_reason": event.discard_reason,
        "replays": event.replays,
    })
}

/// The state, and that an open event waits behind an earlier one of its reference.
fn state(event: &EventRow) -> String {
    match event.state.is_open() && !event.claimed && event.next_attempt_at_ms.is_none() {
        true => format!("{} (waits)", event.state.as_str()),
        false => event.state.as_str().to_owned(),
    }
}
