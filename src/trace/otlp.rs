//! Spans as OTLP/JSON, the text form of the OpenTelemetry protocol that collectors accept on port 4318.
//!
//! Written by hand: the crates for this would add about fifteen others (three of them are dependencies already), and
//! a second HTTP client with its own TLS.

use serde_json::{Value, json};

use super::layer::TracedSpan;

/// The body of one export.
pub(super) fn body(service: &str, spans: &[Box<TracedSpan>]) -> String {
    let version = env!("CARGO_PKG_VERSION");
    json!({ "resourceSpans": [{
        "resource": { "attributes": [
            text("service.name", service),
            text("service.version", version),
        ] },
        "scopeSpans": [{
            "scope": { "name": "countersign", "version": version },
            "spans": spans.iter().map(|span| one(span)).collect::<Vec<_>>(),
        }],
    }] })
    .to_string()
}

fn one(span: &TracedSpan) -> Value {
    let attributes: Vec<Value> =
        span.fields.values.iter().map(|(name, value)| attribute(name, value)).collect();
    let links: Vec<Value> = span
        .links
        .iter()
        .map(|link| json!({ "traceId": trace_id(link.trace_id), "spanId": span_id(link.span_id) }))
        .collect();
    let mut json = json!({
        "traceId": trace_id(span.context.trace_id),
        "spanId": span_id(span.context.span_id),
        "name": span.name,
        "kind": kind(span.name),
        // 64-bit numbers are strings in the JSON form of protobuf.
        "startTimeUnixNano": span.began_ns.to_string(),
        "endTimeUnixNano": span.ended_ns.to_string(),
        "attributes": attributes,
        "links": links,
        "status": { "code": if span.has_failed { ERROR } else { UNSET } },
    });
    if let Some(parent) = span.parent {
        json["parentSpanId"] = span_id(parent).into();
    }
    if let Some(state) = &span.state {
        json["traceState"] = state.as_str().into();
    }
    json
}

const UNSET: u8 = 0;
const ERROR: u8 = 2;

/// Which side of a call a span is: internal 1, server 2, client 3.
fn kind(name: &str) -> u8 {
    match name {
        "request" | "notification" => 2,
        "upstream" | "delivery" => 3,
        _ => 1,
    }
}

fn trace_id(id: u128) -> String {
    format!("{id:032x}")
}

fn span_id(id: u64) -> String {
    format!("{id:016x}")
}

/// Our fields under the program's name, so that they do not collide with others.
fn attribute(name: &str, value: &Value) -> Value {
    let value = match value {
        Value::Number(number) if number.is_f64() => json!({ "doubleValue": number }),
        Value::Number(number) => json!({ "intValue": number.to_string() }),
        Value::Bool(truth) => json!({ "boolValue": truth }),
        text => json!({ "stringValue": text }),
    };
    json!({ "key": format!("countersign.{name}"), "value": value })
}

fn text(key: &str, value: &str) -> Value {
    json!({ "key": key, "value": { "stringValue": value } })
}
