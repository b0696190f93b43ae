//! Observes spans as they begin, gain fields and end, and queues those that ended.
//!
//! Parent-based: a trace that came from outside is exported if the system that began it exports it, one that begins
//! here by chance. Only exported spans cost more than a check.

use serde_json::Value;
use tracing::field::{Field, Visit};
use tracing::level_filters::LevelFilter;
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Level, Subscriber};
use tracing_subscriber::Layer;
use tracing_subscriber::filter::Targets;
use tracing_subscriber::layer::Context;
use tracing_subscriber::registry::{Extensions, LookupSpan};

use super::context::TraceContext;
use super::export::Queue;
use crate::clock::wall_clock;
use crate::logging::fields::Fields;
use crate::logging::{Also, PHASES};
use crate::random;

/// A span that goes to the collector when it ends.
#[derive(Debug)]
pub(super) struct TracedSpan {
    pub context: TraceContext,
    pub parent: Option<u64>,
    /// `tracestate` of the trace that came from outside.
    pub state: Option<String>,
    pub name: &'static str,
    pub began_ns: u64,
    pub ended_ns: u64,
    pub links: Vec<TraceContext>,
    pub fields: Fields,
    pub has_failed: bool,
}

/// What is stored with a span.
enum Kept {
    Traced(Box<TracedSpan>),
    /// Its trace is not exported, so the spans within it are not either.
    Not,
}

/// The layer that queues spans; `sample` is the share of exported traces among those that begin here, from 0 to 1.
pub(super) fn exporting(queue: Queue, sample: f64) -> Also {
    let ours = Targets::new()
        .with_target("countersign", LevelFilter::INFO)
        .with_target(PHASES, LevelFilter::INFO);
    Box::new(Exporting { queue, sample }.with_filter(ours))
}

/// The position of an exported span.
pub(super) fn context_of(extensions: &Extensions<'_>) -> Option<TraceContext> {
    match extensions.get()? {
        Kept::Traced(span) => Some(span.context),
        Kept::Not => None,
    }
}

struct Exporting {
    queue: Queue,
    sample: f64,
}

impl<S: Subscriber + for<'span> LookupSpan<'span>> Layer<S> for Exporting {
    fn on_new_span(&self, attributes: &Attributes<'_>, id: &Id, context: Context<'_, S>) {
        let Some(span) = context.span(id) else { return };
        let mut given = Given::default();
        attributes.record(&mut given);
        let place = match span.parent() {
            Some(parent) => match parent.extensions().get() {
                Some(Kept::Traced(parent)) => Some((parent.context, parent.state.clone())),
                Some(Kept::Not) | None => None,
            },
            None => self.root(&given),
        };
        let kept = match place {
            Some((parent, state)) => Kept::Traced(Box::new(TracedSpan {
                context: TraceContext { span_id: random_id(), ..parent },
                parent: Some(parent.span_id).filter(|id| *id != 0),
                state,
                name: attributes.metadata().name(),
                began_ns: now_ns(),
                ended_ns: 0,
                links: given.link.into_iter().collect(),
                fields: given.fields,
                has_failed: false,
            })),
            None => Kept::Not,
        };
        span.extensions_mut().insert(kept);
    }

    fn on_record(&self, id: &Id, values: &Record<'_>, context: Context<'_, S>) {
        let Some(span) = context.span(id) else { return };
        if let Some(Kept::Traced(traced)) = span.extensions_mut().get_mut() {
            let mut given = Given::default();
            values.record(&mut given);
            traced.learn(given);
        }
    }

    fn on_event(&self, event: &Event<'_>, context: Context<'_, S>) {
        let Some(span) = context.event_span(event) else { return };
        if let Some(Kept::Traced(traced)) = span.extensions_mut().get_mut() {
            let mut given = Given::default();
            event.record(&mut given);
            traced.learn(given);
            traced.has_failed |= *event.metadata().level() == Level::ERROR;
        }
    }

    fn on_close(&self, id: Id, context: Context<'_, S>) {
        let Some(span) = context.span(&id) else { return };
        let kept = span.extensions_mut().remove();
        if let Some(Kept::Traced(mut traced)) = kept {
            traced.ended_ns = now_ns();
            self.queue.put(traced);
        }
    }
}

impl TracedSpan {
    /// Adds the fields of log events within the span.
    fn learn(&mut self, given: Given) {
        self.has_failed |= given.fields.find("outcome") == Some(&Value::from("unknown"));
        for (name, value) in given.fields.values {
            self.fields.set(name, value);
        }
        self.links.extend(given.link);
    }
}

impl Exporting {
    /// The start of a span without a parent span: in the trace of its request, or in a new one. A span id of 0 means
    /// no parent.
    fn root(&self, given: &Given) -> Option<(TraceContext, Option<String>)> {
        if let Some(parent) = given.parent {
            return parent.is_sampled.then(|| (parent, given.state.clone()));
        }
        // A request id is a random number as long as a trace id: using one number for both makes it easier to find.
        let own = given.fields.find("request_id").and_then(Value::as_str);
        let own = own.and_then(|id| u128::from_str_radix(id, 16).ok()).filter(|id| *id != 0);
        let trace_id =
            own.unwrap_or_else(|| u128::from(random_id()) << 64 | u128::from(random_id()));
        // The low half of the id is random, and every process reaches the same decision.
        let is_sampled = ((trace_id as u64) as f64) < self.sample * (u64::MAX as f64);
        is_sampled.then_some((TraceContext { trace_id, span_id: 0, is_sampled }, None))
    }
}

/// The fields of a span, with those that are only for tracing.
#[derive(Default)]
struct Given {
    fields: Fields,
    parent: Option<TraceContext>,
    state: Option<String>,
    link: Option<TraceContext>,
}

impl Visit for Given {
    fn record_debug(&mut self, field: &Field, value: &dyn std::fmt::Debug) {
        self.fields.record_debug(field, value);
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        match field.name() {
            "trace.parent" => self.parent = value.parse().ok(),
            "trace.state" => self.state = Some(value.to_owned()),
            "trace.link" => self.link = value.parse().ok(),
            _ => self.fields.record_str(field, value),
        }
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.fields.record_i64(field, value);
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.fields.record_u64(field, value);
    }

    fn record_f64(&mut self, field: &Field, value: f64) {
        self.fields.record_f64(field, value);
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.fields.record_bool(field, value);
    }
}

/// Never 0. Ids need to be unique, not secret.
fn random_id() -> u64 {
    u64::from_ne_bytes(random::bytes().unwrap_or_default()).max(1)
}

fn now_ns() -> u64 {
    u64::try_from(wall_clock().as_nanosecond()).unwrap_or(0)
}
