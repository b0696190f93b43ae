//! How Countersign logs.

use crate::config::read::kind::Choice;
use crate::config::read::{Reader, Section, Value, file_section};
use crate::config::snapshot::{Log, LogFormat};

file_section! {
    /// The log.
    LogFile {
        /// One JSON object per line, or text for people.
        format: Value<LogFormat> = "json",
        /// The lowest level that is written.
        level: Value<LogLevel> = "info",
    }
}

/// Checks the section.
pub(super) fn compile(reader: &mut Reader<'_>, section: &Section<LogFile>) -> Log {
    let file = reader.keys(section);
    Log { format: file.format(reader), level: file.level(reader).0.to_owned() }
}

impl Choice for LogFormat {
    const WORDS: &'static [(&'static str, Self)] = &[("json", Self::Json), ("text", Self::Text)];
}

/// The lowest level that is logged.
#[derive(Debug, Clone, Copy)]
pub(crate) struct LogLevel(&'static str);

impl Choice for LogLevel {
    const WORDS: &'static [(&'static str, Self)] = &[
        ("error", Self("error")),
        ("warn", Self("warn")),
        ("info", Self("info")),
        ("debug", Self("debug")),
        ("trace", Self("trace")),
    ];
}
