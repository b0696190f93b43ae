//! How changes of the configuration's files are noticed: its file section checked and built.

use std::time::Duration;

use serde_json::{Value, json};

use super::file::ReloadFile;
use crate::config::kind::units::Span;
use crate::config::read::kind::{Setting, Wrong};
use crate::config::read::reader::Walk;
use crate::config::snapshot::Reload;

/// The word for never.
const OFF: &str = "off";

/// From a tenth of a second to an hour: less would do nothing but read, more would not be a safety net.
type Every = Span<100, 3_600_000>;

/// Reads the section.
pub(crate) fn compile(walk: &mut Walk<'_>, file: &ReloadFile) -> Reload {
    Reload {
        watch: walk.or(&file.watch, ReloadFile::WATCH),
        poll: walk.or(&file.poll, ReloadFile::POLL).0,
    }
}

/// How often something is looked at; `None` for never.
#[derive(Debug, Clone, Copy)]
pub(crate) struct PollEvery(pub Option<Duration>);

impl Setting for PollEvery {
    const SECRET: bool = false;

    fn expected() -> String {
        format!("`{OFF}` or {}", Every::expected())
    }

    fn from_text(text: &str) -> Result<Self, Wrong> {
        match text {
            OFF => Ok(Self(None)),
            text => match Every::from_text(text) {
                Ok(every) => Ok(Self(Some(every.0))),
                Err(_) => Err(Self::wrong()),
            },
        }
    }

    fn schema() -> Value {
        json!({ "anyOf": [{ "const": OFF }, Every::schema()] })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn polls_have_a_unit_or_are_off() {
        for text in ["", "0", "10", "Off", "never", "1ms", "2h", "0s"] {
            assert!(PollEvery::from_text(text).is_err(), "`{text}` should be refused");
        }
        assert_eq!(PollEvery::from_text("off").expect("a word").0, None);
        assert_eq!(PollEvery::from_text("10s").expect("a time").0, Some(Duration::from_secs(10)));
    }
}
