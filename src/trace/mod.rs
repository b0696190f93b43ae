//! Traces: which request of the application led to which call, notification and delivery, and how long each part took.
//!
//! A trace that an application began is continued; it never reaches the provider, because a call's header fields are
//! made from nothing. Spans are those of `tracing`: this module turns them into OTLP and sends them from a thread of its
//! own, or, when nothing is configured, is not there at all. What is here decides nothing about a payment.

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

/// Starts the thread that exports and returns what listens to spans; goes to [`crate::logging::install`].
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

/// The trace that a request came with.
pub struct Incoming {
    /// Where in it.
    pub context: TraceContext,
    /// `tracestate`, as it came.
    pub state: Option<String>,
}

/// The longest `tracestate` that is carried, in bytes: the number that the specification asks for.
const STATE_BYTES_MAX: usize = 512;

/// What the application's header fields say; nothing where they are not as the specification has them.
pub fn incoming(headers: &HeaderMap) -> Option<Incoming> {
    let mut parents = headers.get_all("traceparent").iter();
    let (Some(parent), None) = (parents.next(), parents.next()) else { return None };
    let context = parent.to_str().ok()?.parse().ok()?;
    let states: Vec<&str> =
        headers.get_all("tracestate").iter().map_while(|value| value.to_str().ok()).collect();
    let state = Some(states.join(",")).filter(|it| !it.is_empty() && it.len() <= STATE_BYTES_MAX);
    Some(Incoming { context, state })
}

/// Where in which trace this is, if the trace is exported.
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
    fn two_parents_are_none() {
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
