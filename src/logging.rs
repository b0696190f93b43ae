//! Structured logs on standard error: JSON lines or text, a request id in every line about a request.
//!
//! Only allow-listed fields are ever logged, so there is nothing here that filters secrets out: bodies, keys, signatures
//! and tokens are of types that print as `[redacted]`. Libraries are held at `warn` whatever our level is, because at
//! `debug` an HTTP library prints header fields.

use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt::format::FmtSpan;

use crate::config::LogFormat;

/// Levels a configuration may name.
pub const LEVELS: [&str; 5] = ["error", "warn", "info", "debug", "trace"];

/// Installs the process's subscriber; a second call changes nothing.
pub fn install(format: LogFormat, level: &str) {
    let filter = EnvFilter::new(format!("warn,countersign={level}"));
    let builder = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_span_events(FmtSpan::NONE)
        .with_writer(std::io::stderr)
        .with_target(false);
    let installed = match format {
        LogFormat::Json => builder.json().flatten_event(true).with_current_span(false).try_init(),
        LogFormat::Text => builder.with_ansi(false).try_init(),
    };
    // Already installed: a test or an embedding program has its own subscriber.
    drop(installed);
}
