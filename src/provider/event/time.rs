//! Times in events: reads a provider's text into an instant that keeps its zone.

use std::fmt;

use jiff::civil::DateTime;
use jiff::fmt::temporal::Pieces;
use jiff::tz::Offset;
use jiff::{Timestamp, civil};
use serde::{Deserialize, Serialize, Serializer};

/// An instant, and the offset from UTC to show it in. Printed as RFC 3339.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EventTime {
    pub timestamp: Timestamp,
    pub offset: Offset,
}

/// A way of writing times.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
pub enum TimeFormat {
    /// No zone: read in the account's zone.
    #[serde(rename = "yyyy-MM-dd HH:mm:ss")]
    Plain,
    /// With its own offset from UTC, as in `2024-07-09T15:37:52+08:00`.
    #[serde(rename = "iso8601")]
    Iso8601,
}

impl EventTime {
    /// Reads `text` in the first of `formats` that fits; times without a zone are read in `zone`.
    pub(super) fn read(text: &str, formats: &[TimeFormat], zone: Offset) -> Option<Self> {
        formats
            .iter()
            .find_map(|format| match format {
                TimeFormat::Plain => plain(text, zone),
                TimeFormat::Iso8601 => iso8601(text),
            })
            .filter(Self::is_printable)
    }

    /// RFC 3339 has years of four digits and offsets of whole minutes.
    fn is_printable(&self) -> bool {
        let year = self.offset.to_datetime(self.timestamp).year();
        year >= 0 && self.offset.seconds() % 60 == 0
    }
}

/// The Unix epoch, in UTC.
impl Default for EventTime {
    fn default() -> Self {
        Self { timestamp: Timestamp::UNIX_EPOCH, offset: Offset::UTC }
    }
}

impl fmt::Display for EventTime {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.timestamp.display_with_offset(self.offset).fmt(formatter)
    }
}

impl Serialize for EventTime {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

fn plain(text: &str, zone: Offset) -> Option<EventTime> {
    // The pattern alone would accept years of other lengths and several blanks.
    if text.len() != "yyyy-MM-dd HH:mm:ss".len() {
        return None;
    }
    let at = DateTime::strptime("%Y-%m-%d %H:%M:%S", text).ok()?;
    moment(at, zone)
}

fn iso8601(text: &str) -> Option<EventTime> {
    let pieces = Pieces::parse(text).ok()?;
    if pieces.time_zone_annotation().is_some() {
        return None;
    }
    let at = civil::DateTime::from_parts(pieces.date(), pieces.time()?);
    moment(at, pieces.to_numeric_offset()?)
}

fn moment(at: DateTime, offset: Offset) -> Option<EventTime> {
    Some(EventTime { timestamp: offset.to_timestamp(at).ok()?, offset })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const BOTH: [TimeFormat; 2] = [TimeFormat::Plain, TimeFormat::Iso8601];

    fn read(text: &str) -> Option<String> {
        let zone = Offset::from_seconds(7 * 3600).expect("an offset");
        EventTime::read(text, &BOTH, zone).map(|time| time.to_string())
    }

    #[test]
    fn a_text_that_is_not_a_time_is_not_guessed() {
        for text in [
            "",
            "now",
            "2023-03-02",
            "09:25:12",
            "2023-02-30 09:25:12",
            "2023-03-02 24:00:00",
            "2023-03-02 9:25:12",
            "2023-3-2 09:25:12",
            "-023-03-02 09:25:1",
            "2023-03-02 09:25:12 ",
            "2023-03-02T09:25:12",
            "2023-03-02T09:25:12[Asia/Bangkok]",
            "2023-03-02T09:25:12+07:00[Asia/Bangkok]",
            "2023-03-02T09:25:12+07:00:30",
            "-002023-03-02T09:25:12Z",
            "1677723912000",
            "0000-00-00 00:00:00",
        ] {
            assert_eq!(read(text), None, "`{text}`");
        }
    }

    #[test]
    fn a_time_without_a_zone_is_read_in_the_account_s() {
        assert_eq!(read("2023-03-02 09:25:12").as_deref(), Some("2023-03-02T09:25:12+07:00"));
    }

    #[test]
    fn a_time_with_a_zone_keeps_it() {
        for (text, printed) in [
            ("2024-07-09T15:37:52+08:00", "2024-07-09T15:37:52+08:00"),
            ("2024-07-09T15:37:52-03:30", "2024-07-09T15:37:52-03:30"),
            ("2024-07-09T15:37:52Z", "2024-07-09T15:37:52+00:00"),
            ("2024-07-09T15:37:52.125+08:00", "2024-07-09T15:37:52.125+08:00"),
        ] {
            assert_eq!(read(text).as_deref(), Some(printed));
        }
    }

    #[test]
    fn only_the_formats_of_the_profile_are_read() {
        let zone = Offset::UTC;
        assert!(EventTime::read("2023-03-02 09:25:12", &[TimeFormat::Iso8601], zone).is_none());
        assert!(EventTime::read("2023-03-02T09:25:12Z", &[TimeFormat::Plain], zone).is_none());
    }

    proptest! {
        #[test]
        fn reading_never_panics(text in "[-+0-9:TZ. ]{0,30}|\\PC{0,30}") {
            let _ = read(&text);
        }
    }
}
