//! A page of the inbox, for people and as JSON.

use std::fmt::Write;

use jiff::Timestamp;
use serde_json::{Value, json};

use crate::store::{EventRow, Listing};

/// One line an event, the columns as wide as they need to be.
pub(super) fn as_text(listing: &Listing) -> String {
    if listing.events.is_empty() {
        return "no events\n".to_owned();
    }
    let head =
        ["ID", "RECEIVED", "ACCOUNT", "STATE", "ATTEMPTS", "TYPE", "REFERENCE", "LAST ERROR"];
    let mut rows = vec![head.map(str::to_owned)];
    rows.extend(listing.events.iter().map(|event| {
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
        .map(|cell| printable(&cell, ""))
    }));
    let mut out = String::new();
    for row in &rows {
        let mut line = String::new();
        for (column, cell) in row.iter().enumerate() {
            let width =
                rows.iter().map(|row| row[column].chars().count()).max().unwrap_or_default();
            let _ = write!(line, "{cell:<width$}  ");
        }
        let _ = writeln!(out, "{}", line.trim_end());
    }
    if let Some(next) = listing.next {
        let _ = writeln!(out, "more: --after {}", next.0);
    }
    out
}

/// The same as JSON.
pub(super) fn as_json(listing: &Listing) -> Value {
    json!({
        "events": listing.events.iter().map(row).collect::<Vec<_>>(),
        "next": listing.next.map(|cursor| cursor.0),
    })
}

/// One event without its texts.
pub(super) fn row(event: &EventRow) -> Value {
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

/// `text` for a terminal: control characters other than `kept` are escaped. What a payer wrote must not be able to move the
/// cursor or to forge a line.
pub(in crate::cli) fn printable(text: &str, kept: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for character in text.chars() {
        match character.is_control() && !kept.contains(character) {
            true => out.extend(character.escape_default()),
            false => out.push(character),
        }
    }
    out
}

/// RFC 3339 in UTC, to the millisecond.
pub(in crate::cli) fn time(unix_ms: i64) -> String {
    Timestamp::from_millisecond(unix_ms)
        .map_or_else(|_| unix_ms.to_string(), |time| format!("{time:.3}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_stranger_wrote_cannot_steer_the_terminal() {
        assert_eq!(printable("ก\u{1b}[2J\r\nb\u{9b}", ""), "ก\\u{1b}[2J\\r\\nb\\u{9b}");
        assert_eq!(printable("a\n\tb\u{7}", "\n\t"), "a\n\tb\\u{7}");
    }
}
