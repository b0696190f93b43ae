//! How changes of the configuration's files are noticed.

use crate::config::kind::units::{HOUR_MS, SpanOrOff};
use crate::config::read::{Reader, Section, Value, file_section};
use crate::config::snapshot::Reload;

/// From a tenth of a second to an hour: a shorter time would be spent only on reading, a longer one would not be a
/// safety net.
type PollEvery = SpanOrOff<100, HOUR_MS>;

file_section! {
    /// Reloading. SIGHUP and `POST /reload` reload at once whatever is set here.
    ReloadFile {
        /// Whether the directories of the files are watched for changes.
        watch: Value<bool> = true,
        /// How often the files are read and compared with what was loaded, for file systems that do not report
        /// changes: a duration such as `10s`, or `off`.
        poll: Value<PollEvery> = "10s",
    }
}

/// Checks the section.
pub(super) fn compile(reader: &mut Reader<'_>, section: &Section<ReloadFile>) -> Reload {
    let file = reader.keys(section);
    Reload { watch: file.watch(reader), poll: file.poll(reader) }
}
