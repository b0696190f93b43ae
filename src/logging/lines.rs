//! From an event and the spans around it to one line.
//!
//! Fields of an inner span override those of an outer one, and fields of the event override both. A line is written
//! in one piece, so lines of different threads never mix.

use std::io::Write;

use jiff::Timestamp;
use serde_json::Value;
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Level, Subscriber};
use tracing_appender::non_blocking::NonBlocking;
use tracing_subscriber::Layer;
use tracing_subscriber::layer::Context;
use tracing_subscriber::registry::LookupSpan;

use super::fields::Fields;
use crate::clock::wall_clock;
use crate::config::LogFormat;

/// Formats lines and passes them to the thread that writes.
pub(super) struct Lines {
    pub format: LogFormat,
    pub writer: NonBlocking,
}

/// A span's fields, kept with it for the lines within it.
struct OfSpan(Fields);

impl<S: Subscriber + for<'span> LookupSpan<'span>> Layer<S> for Lines {
    fn on_new_span(&self, attributes: &Attributes<'_>, id: &Id, context: Context<'_, S>) {
        let mut fields = Fields::default();
        attributes.record(&mut fields);
        if let Some(span) = context.span(id) {
            span.extensions_mut().insert(OfSpan(fields));
        }
    }

    fn on_record(&self, id: &Id, values: &Record<'_>, context: Context<'_, S>) {
        let Some(span) = context.span(id) else { return };
        if let Some(OfSpan(fields)) = span.extensions_mut().get_mut() {
            values.record(fields);
        }
    }

    fn on_event(&self, event: &Event<'_>, context: Context<'_, S>) {
        let mut own = Fields::default();
        event.record(&mut own);
        let mut fields = Fields::default();
        for span in context.event_scope(event).into_iter().flat_map(|scope| scope.from_root()) {
            if let Some(OfSpan(outer)) = span.extensions().get() {
                merge(&mut fields, outer);
            }
        }
        merge(&mut fields, &own);
        fields.message = own.message;
        let metadata = event.metadata();
        let target = own.log_target.as_deref().unwrap_or(metadata.target());
        let line = line(self.format, wall_clock(), *metadata.level(), target, &fields);
        // The queue accepts it or counts it as dropped; there is nowhere to report anything else.
        let _ = self.writer.clone().write_all(line.as_bytes());
    }
}

fn merge(fields: &mut Fields, inner: &Fields) {
    for (name, value) in &inner.values {
        fields.set(name, value.clone());
    }
    fields.unlisted.extend(&inner.unlisted);
}

/// The line, including its line end. The target is written only for libraries: the message already identifies our own
/// lines.
pub(super) fn line(
    format: LogFormat,
    now: Timestamp,
    level: Level,
    target: &str,
    fields: &Fields,
) -> String {
    let target = Some(target).filter(|target| !target.starts_with("countersign"));
    match format {
        LogFormat::Json => json(now, level, target, fields),
        LogFormat::Text => text(now, level, target, fields),
    }
}

fn json(now: Timestamp, level: Level, target: Option<&str>, fields: &Fields) -> String {
    let mut line = format!("{{\"timestamp\":\"{now:.6}\",\"level\":\"{level}\",\"message\":");
    line.push_str(&quoted(&fields.message));
    if let Some(target) = target {
        line.push_str(",\"target\":");
        line.push_str(&quoted(target));
    }
    for (name, value) in &fields.values {
        line.push_str(",\"");
        line.push_str(name);
        line.push_str("\":");
        line.push_str(&value.to_string());
    }
    if !fields.unlisted.is_empty() {
        line.push_str(",\"unlisted\":");
        line.push_str(&quoted(&fields.unlisted.join(" ")));
    }
    line.push_str("}\n");
    line
}

fn quoted(text: &str) -> String {
    Value::from(text).to_string()
}

fn text(now: Timestamp, level: Level, target: Option<&str>, fields: &Fields) -> String {
    // Control characters could make one line look like two, or colour a terminal.
    let clean = |text: &str| text.replace(char::is_control, "\u{fffd}");
    let mut line = format!("{now:.6} {level:>5} ");
    if let Some(target) = target {
        line.push_str(&format!("{target}: "));
    }
    line.push_str(&clean(&fields.message));
    for (name, value) in &fields.values {
        let value = match value {
            Value::String(text) if is_plain(text) => text.clone(),
            Value::String(text) => quoted(&clean(text)),
            other => other.to_string(),
        };
        line.push_str(&format!(" {name}={value}"));
    }
    if !fields.unlisted.is_empty() {
        line.push_str(&format!(" unlisted={}", quoted(&fields.unlisted.join(" "))));
    }
    line.push('\n');
    line
}

fn is_plain(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'"')
}

/// A line from the writing thread itself.
pub(super) fn dropped(lines: usize) -> String {
    let now = wall_clock();
    let message = "log lines were dropped: they were not read as fast as they came".to_owned();
    let lines = Value::from(lines);
    let fields = Fields { message, values: vec![("lines", lines)], ..Fields::default() };
    json(now, Level::WARN, None, &fields)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fields() -> Fields {
        let text = |text: &str| Value::from(text);
        Fields {
            message: "two\nlines \"and\" quotes".to_owned(),
            values: vec![("reference", text("A\u{1b}[31m 1")), ("attempts", 2.into())],
            unlisted: vec!["account_number"],
            log_target: None,
        }
    }

    #[test]
    fn json_is_always_one_line() {
        let line = line(LogFormat::Json, Timestamp::UNIX_EPOCH, Level::WARN, "rustls", &fields());
        let (value, end) = line.split_at(line.len() - 1);
        assert_eq!((end, value.contains('\n')), ("\n", false));
        let value: Value = serde_json::from_str(value).expect("JSON");
        assert_eq!(value["timestamp"], "1970-01-01T00:00:00.000000Z");
        assert_eq!((&value["level"], &value["target"]), (&"WARN".into(), &"rustls".into()));
        assert_eq!(value["reference"], "A\u{1b}[31m 1");
        assert_eq!((&value["attempts"], &value["unlisted"]), (&2.into(), &"account_number".into()));
    }

    #[test]
    fn values_cannot_break_or_colour_a_line_of_text() {
        let line =
            line(LogFormat::Text, Timestamp::UNIX_EPOCH, Level::INFO, "countersign", &fields());
        assert_eq!(
            line,
            "1970-01-01T00:00:00.000000Z  INFO two\u{fffd}lines \"and\" quotes \
             reference=\"A\u{fffd}[31m 1\" attempts=2 unlisted=\"account_number\"\n"
        );
    }
}
