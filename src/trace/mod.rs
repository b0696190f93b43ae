//! Traces: which request of the application led to which call, notification and delivery, and how long each step
//! took.
//!
//! A trace that an application began is continued; it never reaches the provider, because a call's header fields are
//! built from scratch. Spans are those of `tracing`: this module turns them into OTLP and sends them from its own
//! thread; it does nothing when no exporter is configured. Nothing here affects a payment.

mod context;
mod export;
mod layer;
mod otlp;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use http::HeaderMap;
use tracing::Span;
use tracing_subscriber::registry::{LookupSpan, Registry};

use crate::config::Tracing;
use crate::logging::Also;
use crate::wire::Upstream;

pub use context::TraceContext;
pub use export::finish;

/// Whether spans are exported.
static IS_ON: AtomicBool = AtomicBool::new(false);

/// Starts the thread that exports and returns the layer that observes spans; pass it to [`crate::logging::install`].
///
/// # Errors
/// When the thread cannot be started.
pub fn start(settings: Tracing, upstream: Arc<dyn Upstream>) -> std::io::Result<Also> {
    let sample = settings.sample;
    let queue = export::start(settings, upstream)?;
    IS_ON.store(true, Ordering::Relaxed);
    Ok(layer::exporting(queue, sample))
}

/// Whether spans are exported.
pub fn is_on() -> bool {
    IS_ON.load(Ordering::Relaxed)
}

/// The trace of an incoming request.
pub struct Incoming {
    /// The position in it.
    pub context: TraceContext,
    /// `tracestate`, as received.
    pub state: Option<String>,
}

/// The longest `tracestate` that is passed on, in bytes: the specification's number.
const STATE_BYTES_MAX: usize = 512;

/// The trace in the application's header fields; nothing if they do not follow the specification.
pub fn incoming(headers: &HeaderMap) -> Option<Incoming> {
    let mut parents = headers.get_all("traceparent").iter();
    let (Some(parent), None) = (parents.next(), parents.next()) else { return None };
    let context = parent.to_str().ok()?.parse().ok()?;
    let states: Vec<&str> =
        headers.get_all("tracestate").iter().map_while(|value| value.to_str().ok()).collect();
    let state = Some(states.join(",")).filter(|it| !it.is_empty() && it.len() <= STATE_BYTES_MAX);
    Some(Incoming { context, state })
}

/// The current position in a trace, if the trace is exported.
pub fn current() -> Option<TraceContext> {
    if !is_on() {
        return None;
    }
    Span::current()
        .with_subscriber(|(id, subscriber)| {
            let span = subscriber.downcast_ref::<Registry>()?.span(id)?;
            layer::context_of(&span.extensions())
        })
        .flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(fields: &[(&'static str, &str)]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for (name, value) in fields {
            headers.append(*name, value.parse().expect("a header value"));
        }
        headers
    }

    const PARENT: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

    #[test]
    fn two_parents_count_as_none() {
        assert!(incoming(&headers(&[])).is_none());
        let twice = headers(&[("traceparent", PARENT), ("traceparent", PARENT)]);
        assert!(incoming(&twice).is_none());
    }

    #[test]
    fn a_state_belongs_to_a_parent_and_has_a_limit() {
        let long = "a=".to_owned() + &"b".repeat(STATE_BYTES_MAX);
        assert!(incoming(&headers(&[("tracestate", "a=b")])).is_none());
        let cut = incoming(&headers(&[("traceparent", PARENT), ("tracestate", &long)]));
        assert_eq!(cut.expect("a parent").state, None);
        let kept = [("traceparent", PARENT), ("tracestate", "a=b"), ("tracestate", "c=d")];
        assert_eq!(incoming(&headers(&kept)).expect("a parent").state.as_deref(), Some("a=b,c=d"));
    }
}
