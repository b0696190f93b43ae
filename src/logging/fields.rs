//! The fields that a log line may have, and reading them from an event or a span.
//!
//! The list is closed. Adding a field means adding a row, and deciding whether every reader of the logs may see its
//! value: ids, names from the configuration, counts, times and closed sets of words may be seen; contents of a body
//! may not, except the merchant's own reference.

use std::fmt::{Debug, Write};

use serde_json::Value;
use tracing::field::{Field, Visit};

/// The longest value that is written, in bytes: longer values are not ids or words.
const VALUE_BYTES_MAX: usize = 512;

/// The prefix of fields that are only for tracing.
pub const TRACING_PREFIX: &str = "trace.";

/// Every field with its meaning, in the order of the documentation.
pub const FIELDS: &[(&str, &str)] = &[
    ("request_id", "the id of the request or notification, as in `Countersign-Request-Id`"),
    ("trace_id", "the trace that the request belongs to, when it came with one or is traced"),
    ("account", "the account's name"),
    ("operation", "the operation's name"),
    ("reference", "the merchant's own order id"),
    ("payment", "the payment's id in the journal, `pay_…`"),
    ("payments", "how many payments"),
    ("outcome", "the outcome of a call: `accepted`, `rejected`, `not_sent` or `unknown`"),
    ("code", "the problem's code, or the provider's"),
    ("status", "the HTTP status of an answer"),
    ("attempt", "the number of the attempt, from 1"),
    ("attempts", "how many attempts were made"),
    ("duration_ms", "how long it took, in milliseconds"),
    ("event_id", "the event's id in the inbox, `evt_…`"),
    ("event_type", "the event's type, `countersign.…`"),
    ("events", "how many events"),
    ("result", "the result of a notification, as in the metrics"),
    ("conflict", "how the provider's report contradicts the payment, as in an event's `flags`"),
    (
        "notes",
        "the members of a notification that differ from the documentation; names, never values",
    ),
    ("replays", "how often an operator replayed the event"),
    ("lag_ms", "from receiving a notification to its delivery, in milliseconds"),
    ("pause_ms", "until the next attempt, in milliseconds"),
    ("error", "what went wrong, in words"),
    ("refusal", "why a request was refused before it was complete"),
    ("requests", "how many requests"),
    ("keys", "how many keys of duplicates"),
    ("freed_bytes", "how much smaller the store became, in bytes"),
    ("host", "the host of the provider or application"),
    ("address", "an address: of a listener, or of a host that was tried"),
    ("listener", "`app`, `notify` or `admin`"),
    ("store", "the path of the store"),
    ("file", "the path of a file"),
    ("version", "a version"),
    ("commit", "the commit the program was built from"),
    ("accounts", "how many accounts the configuration has"),
    ("configuration", "the hash of the configuration"),
    ("trigger", "what made the configuration be read again"),
    ("mistakes", "how many mistakes a configuration has"),
    ("directory", "a watched directory"),
    ("key_id", "a key's name"),
    ("usage", "what a key is for: `sign` or `verify`"),
    ("before", "the fingerprint of the previous key"),
    ("after", "the fingerprint of the new key"),
    ("unknown_outcomes", "how many payments have an unknown outcome"),
    ("spans", "how many spans"),
    ("lines", "how many lines"),
    ("entries", "how many entries of the audit log"),
    ("at", "where in the source"),
];

/// The values of an event or a span.
#[derive(Clone, Debug, Default)]
pub struct Fields {
    /// The event's message.
    pub message: String,
    /// In the order they were given.
    pub values: Vec<(&'static str, Value)>,
    /// Names of fields that may not be written.
    pub unlisted: Vec<&'static str>,
    /// The library that logged it, where the event came through `log`.
    pub log_target: Option<String>,
}

impl Fields {
    /// Sets `value`, replacing an earlier one of that name.
    pub fn set(&mut self, name: &'static str, value: Value) {
        match self.values.iter_mut().find(|(known, _)| *known == name) {
            Some((_, known)) => *known = value,
            None => self.values.push((name, value)),
        }
    }

    /// The value of that name.
    pub fn find(&self, name: &str) -> Option<&Value> {
        self.values.iter().find_map(|(known, value)| (*known == name).then_some(value))
    }

    fn take(&mut self, field: &Field, value: impl FnOnce() -> Value) {
        let name = field.name();
        if FIELDS.iter().any(|(listed, _)| *listed == name) {
            self.set(name, value());
        } else if !name.starts_with(TRACING_PREFIX) && !name.starts_with("log.") {
            self.unlisted.push(name);
        }
    }
}

impl Visit for Fields {
    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        match field.name() {
            "message" => self.message = bounded(value),
            _ => self.take(field, || bounded(value).into()),
        }
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        match field.name() {
            "log.target" => self.log_target = Some(value.to_owned()),
            "message" => self.message = cut(value).to_owned(),
            _ => self.take(field, || cut(value).into()),
        }
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.take(field, || value.into());
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.take(field, || i64::try_from(value).unwrap_or(i64::MAX).into());
    }

    fn record_f64(&mut self, field: &Field, value: f64) {
        self.take(field, || value.into());
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.take(field, || value.into());
    }
}

/// The printed form of `value`, cut to the length that may be written.
fn bounded(value: &dyn Debug) -> String {
    struct Bounded(String);
    impl Write for Bounded {
        fn write_str(&mut self, text: &str) -> std::fmt::Result {
            let room = VALUE_BYTES_MAX.saturating_sub(self.0.len());
            self.0.push_str(&text[..text.floor_char_boundary(room)]);
            Ok(())
        }
    }
    let mut text = Bounded(String::new());
    // Only a value that cannot print itself fails; what it printed until then is kept.
    let _ = write!(text, "{value:?}");
    text.0
}

fn cut(text: &str) -> &str {
    &text[..text.floor_char_boundary(VALUE_BYTES_MAX)]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_field_is_listed_once_and_documented() {
        let page = include_str!("../../docs/logs.md");
        for (index, (name, says)) in FIELDS.iter().enumerate() {
            assert!(!FIELDS[..index].iter().any(|(known, _)| known == name), "`{name}` twice");
            let row = format!("| `{name}` | {says} |");
            assert!(page.contains(&row), "docs/logs.md lacks the row\n{row}");
        }
    }

    #[test]
    fn a_value_of_absurd_length_is_cut() {
        assert!(bounded(&"ä".repeat(10_000)).len() <= VALUE_BYTES_MAX);
        assert_eq!(cut(&"a".repeat(10_000)).len(), VALUE_BYTES_MAX);
    }
}
