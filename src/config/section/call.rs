//! How long a call to the provider may take, how often it is attempted, and how long to wait for its outcome.

use std::time::Duration;

use crate::config::kind::units::{DAY_MS, HOUR_MS, Span, Timeout, Whole};
use crate::config::read::{Reader, Section, Value, file_section};
use crate::config::snapshot::Retry;
use crate::wire::Timeouts;

/// How long an unknown outcome is polled for.
type PollFor = Span<0, { 24 * HOUR_MS }>;
/// How long to wait for a notification.
type Awaiting = Span<1000, { 30 * DAY_MS }>;

file_section! {
    /// How long the phases of a call may take, as durations such as `2s`.
    TimeoutsFile {
        /// Name resolution, TCP and TLS together.
        connect: Value<Timeout> = "2s",
        /// Writing the whole request. Not more than `total`, even by default.
        send: Value<Timeout> = "10s",
        /// The whole call, connecting included.
        total: Value<Timeout> = "30s",
    }
}

file_section! {
    /// How often a call is attempted.
    RetryFile {
        /// The most attempts, including the first one.
        attempts: Value<Whole<1, 20>> = 3,
        /// How long an unknown outcome is polled for before the caller gets `unknown`, as a duration such as `2m`.
        resolve_for: Value<PollFor> = "2m",
        /// A payment that was accepted but had no notification for this long is queried, as a duration such as `15m`.
        /// It is not queried by default.
        notice_within: Value<Awaiting>,
    }
}

/// Checks how long the phases of a call may take. None may be longer than the whole call.
pub(super) fn timeouts(reader: &mut Reader<'_>, section: &Section<TimeoutsFile>) -> Timeouts {
    let file = reader.keys(section);
    let total = file.total(reader);
    let connect = file.connect(reader);
    let connect = at_most(reader, &file.connect, connect, total);
    let send = file.send(reader);
    let send = at_most(reader, &file.send, send, total);
    Timeouts { connect, send, total }
}

fn at_most(
    reader: &mut Reader<'_>,
    value: &Value<Timeout>,
    length: Duration,
    total: Duration,
) -> Duration {
    if value.is_given() && length > total {
        let problem = format!("longer than `total` ({total:?}), expected no more than that");
        reader.mistake(&value.path, problem);
    }
    length.min(total)
}

/// Checks how often a call is attempted.
pub(super) fn retry(reader: &mut Reader<'_>, section: &Section<RetryFile>) -> Retry {
    let file = reader.keys(section);
    Retry {
        attempts: file.attempts(reader),
        resolve_for: file.resolve_for(reader),
        notice_within: reader.optional(&file.notice_within),
    }
}
