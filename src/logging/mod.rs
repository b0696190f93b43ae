//! Structured logs on standard error: JSON lines or text, with the request's id in every line about a request.
//!
//! Lines are made here and nowhere else, from the fields listed in [`fields`]; for a field that is not listed only
//! its name is written, not its value. So there is no need to filter secrets: bodies, keys and tokens have no field.
//! Libraries stay at `warn` whatever our level is, because at `debug` an HTTP library prints header fields.

pub mod fields;
mod lines;
mod panics;
mod writer;

use tracing::level_filters::LevelFilter;
use tracing_subscriber::filter::Targets;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{Layer, Registry};

use crate::config::LogFormat;

pub use writer::finish;

/// The target of spans that are phases of a request: only for tracing, never logged.
pub const PHASES: &str = "countersign_phase";

/// Another consumer of log events, such as tracing.
pub type Also = Box<dyn Layer<Registry> + Send + Sync>;

/// Installs the process's subscriber and the hook that reports panics; a second call changes nothing.
pub fn install(format: LogFormat, level: &str, also: Option<Also>) {
    let lines = lines::Lines { format, writer: writer::start() }.with_filter(filter(level));
    let subscriber = Registry::default().with(also).with(lines);
    // Already installed: a test or an embedding program has its own subscriber.
    if subscriber.try_init().is_ok() {
        panics::report_without_values();
    }
}

/// Which lines are written: our own at `level` and above, and of libraries only warnings and errors.
fn filter(level: &str) -> Targets {
    let own = level.parse().unwrap_or(LevelFilter::INFO);
    Targets::new()
        .with_default(LevelFilter::WARN)
        .with_target("countersign", own)
        .with_target(PHASES, LevelFilter::OFF)
}

#[cfg(test)]
mod tests {
    use tracing::Level;

    use super::*;

    #[test]
    fn libraries_never_log_below_warn() {
        for level in ["error", "warn", "info", "debug", "trace"] {
            let filter = filter(level);
            for library in ["pingora_core", "rustls", "log", "h2"] {
                assert!(!filter.would_enable(library, &Level::INFO), "`{library}` at `{level}`");
                assert!(filter.would_enable(library, &Level::WARN), "`{library}` at `{level}`");
            }
        }
    }

    #[test]
    fn the_level_applies_to_our_own_lines() {
        assert!(filter("trace").would_enable("countersign::outbound", &Level::TRACE));
        assert!(!filter("info").would_enable("countersign::outbound", &Level::DEBUG));
        assert!(!filter("trace").would_enable(PHASES, &Level::ERROR), "phases are not logged");
    }
}
