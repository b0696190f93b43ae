//! The audit log: who moved money, when, and with what result.

use crate::config::kind::texts::FilePath;
use crate::config::read::{Reader, Value, file_section};
use crate::config::snapshot::Audit;

file_section! {
    /// The audit log.
    AuditFile {
        /// The file that lines are appended to, relative to this file's folder; a second one beside it, with `.head`
        /// at the end of its name, records its last line. No audit log by default.
        file: Value<FilePath>,
    }
}

/// Checks the section. Nothing if it names no file.
pub(crate) fn audit(reader: &mut Reader<'_>, section: &AuditFile) -> Option<Audit> {
    let written = reader.optional(&section.file)?;
    let (located, warning) = reader.sources.locate(&written);
    if let Some(warning) = warning {
        reader.warn(&section.file.path, warning);
    }
    Some(Audit { file: located.path.into() })
}
