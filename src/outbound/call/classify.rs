//! What an exchange proves. The provider's code decides, never the HTTP status and never its message text.

use std::time::Duration;

use http::header::RETRY_AFTER;
use http::{HeaderMap, StatusCode};

use crate::limits::RateRefused;
use crate::metrics::AttemptResult;
use crate::outcome::Outcome;
use crate::provider::{CodeMeaning, Kind, Operation, Provider, ProviderAnswer};
use crate::wire::{Answer, NoAnswer, NotSent, SendError};

/// How a call ended.
#[derive(Debug)]
pub(crate) enum Verdict {
    /// The provider's envelope came back.
    Answered { answer: Answer, understood: ProviderAnswer },
    /// An HTTP answer came back that is not the provider's envelope.
    Unreadable { status: StatusCode, retry_after: Option<Duration> },
    /// No whole answer came back after sending had begun.
    NoAnswer(NoAnswer),
    /// The provider could not be reached; nothing was sent.
    NotSent(NotSent),
    /// No signing key is valid now; nothing was sent.
    NoUsableKey,
    /// The signing queue is full; nothing was sent.
    SigningQueueFull,
    /// The signing thread failed; nothing was sent.
    SigningFailed,
    /// Over a rate; nothing was sent.
    RateLimited(RateRefused),
    /// The provider failed too often lately; nothing was sent. When to come back.
    CircuitOpen(Duration),
    /// The journal could not be written; nothing was sent.
    NotJournalled,
    /// The journal's disk failed, and the attempt may stand in it; nothing was sent so far.
    MaybeJournalled,
    /// The account is frozen, for this reason; nothing was sent.
    Frozen(String),
    /// It is known how it ended, and there is no answer of the provider's to pass on.
    Settled(Outcome),
}

impl Verdict {
    /// The label under which the attempt is counted.
    pub fn attempt_result(&self) -> AttemptResult {
        match self {
            Self::Answered { .. } => AttemptResult::Answered,
            Self::Unreadable { .. } => AttemptResult::Unreadable,
            Self::NoAnswer(_) => AttemptResult::NoAnswer,
            Self::NotSent(_)
            | Self::NoUsableKey
            | Self::SigningQueueFull
            | Self::SigningFailed
            | Self::RateLimited(_)
            | Self::CircuitOpen(_)
            | Self::NotJournalled
            | Self::MaybeJournalled
            | Self::Frozen(_)
            | Self::Settled(_) => AttemptResult::NotSent,
        }
    }

    /// What a caller of `operation` who is told this hears.
    pub fn outcome(&self, operation: &Operation) -> Outcome {
        match self {
            Self::Answered { understood, .. } => outcome(operation, understood.meaning),
            Self::Unreadable { .. } | Self::NoAnswer(_) | Self::MaybeJournalled => Outcome::Unknown,
            Self::Settled(outcome) => *outcome,
            Self::NotSent(_)
            | Self::NoUsableKey
            | Self::SigningQueueFull
            | Self::SigningFailed
            | Self::RateLimited(_)
            | Self::CircuitOpen(_)
            | Self::NotJournalled
            | Self::Frozen(_) => Outcome::NotSent,
        }
    }

    /// Whether the provider was tried to be reached at all.
    pub fn was_tried(&self) -> bool {
        match self {
            Self::Answered { .. } | Self::Unreadable { .. } | Self::NoAnswer(_) => true,
            Self::NotSent(_) => true,
            Self::NoUsableKey
            | Self::SigningQueueFull
            | Self::SigningFailed
            | Self::RateLimited(_)
            | Self::CircuitOpen(_)
            | Self::NotJournalled
            | Self::MaybeJournalled
            | Self::Frozen(_)
            | Self::Settled(_) => false,
        }
    }

    /// Whether it is proved that nothing happened, for a reason that may pass: no connection, a stale timestamp, too many
    /// requests.
    pub fn nothing_happened_yet(&self) -> bool {
        let passing = [Some(CodeMeaning::StaleTimestamp), Some(CodeMeaning::Throttled)];
        matches!(self, Self::NotSent(_)) || passing.contains(&self.meaning())
    }

    /// Whether it leaves open what happened.
    pub fn is_inconclusive(&self) -> bool {
        match self {
            Self::Unreadable { .. } | Self::NoAnswer(_) => true,
            _ => self.meaning() == Some(CodeMeaning::InDoubt),
        }
    }

    /// When the provider said to come back.
    pub fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::Answered { answer, .. } => retry_after(&answer.headers),
            Self::Unreadable { retry_after, .. } => *retry_after,
            _ => None,
        }
    }

    /// Whether the provider, or what stands in front of it, says that it is called too often. A bare status 429 says so
    /// too, but not what became of the call.
    pub fn is_too_often(&self) -> bool {
        match self {
            Self::Unreadable { status, .. } => *status == StatusCode::TOO_MANY_REQUESTS,
            _ => self.meaning() == Some(CodeMeaning::Throttled),
        }
    }

    /// Whether the provider refused the call's timestamp.
    pub fn is_stale(&self) -> bool {
        self.meaning() == Some(CodeMeaning::StaleTimestamp)
    }

    /// Whether the provider's code says how the call ended.
    pub fn is_final(&self) -> bool {
        match self.meaning() {
            Some(
                CodeMeaning::Accepted
                | CodeMeaning::Refused
                | CodeMeaning::NotFound
                | CodeMeaning::Landed,
            ) => true,
            Some(CodeMeaning::StaleTimestamp | CodeMeaning::Throttled | CodeMeaning::InDoubt)
            | None => false,
        }
    }

    fn meaning(&self) -> Option<CodeMeaning> {
        match self {
            Self::Answered { understood, .. } => Some(understood.meaning),
            _ => None,
        }
    }

    /// The reason in a few words, never a body.
    pub fn reason(&self) -> String {
        match self {
            Self::Answered { understood, .. } => format!("answered with code {}", understood.code),
            Self::Unreadable { status, .. } => {
                let status = status.as_u16();
                format!("HTTP status {status} with a body that is not the provider's envelope")
            }
            Self::NoAnswer(reason) => reason.to_string(),
            Self::NotSent(reason) => reason.to_string(),
            Self::NoUsableKey => "no signing key is valid now".to_owned(),
            Self::SigningQueueFull => "the signing queue is full".to_owned(),
            Self::SigningFailed => "the signing thread failed".to_owned(),
            Self::RateLimited(_) => "over the rate limit".to_owned(),
            Self::CircuitOpen(_) => "the circuit is open".to_owned(),
            Self::NotJournalled | Self::MaybeJournalled => {
                "the journal could not be written".to_owned()
            }
            Self::Frozen(reason) => format!("the account is frozen: {reason}"),
            Self::Settled(outcome) => format!("settled as {}", outcome.as_str()),
        }
    }
}

/// The longest `Retry-After` that is believed: a mistaken one of days must not keep an account closed. No call waits longer
/// than its own time in any case.
const RETRY_AFTER_MAX: Duration = Duration::from_secs(15 * 60);

/// The whole seconds of a `Retry-After`; its date form is not read, because it would be judged by two clocks.
fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let text = headers.get(RETRY_AFTER)?.to_str().ok()?.trim();
    let is_number = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    // More digits than fit are more than anyone waits.
    let seconds = || text.parse().unwrap_or(u64::MAX);
    is_number.then(|| Duration::from_secs(seconds()).min(RETRY_AFTER_MAX))
}

/// Sorts what the upstream brought.
pub(crate) fn classify(provider: &Provider, sent: Result<Answer, SendError>) -> Verdict {
    match sent {
        Ok(answer) => match provider.read_answer(&answer.body) {
            Some(understood) => Verdict::Answered { answer, understood },
            None => Verdict::Unreadable {
                status: answer.status,
                retry_after: retry_after(&answer.headers),
            },
        },
        Err(SendError::NotSent(reason)) => Verdict::NotSent(reason),
        Err(SendError::Unknown(reason)) => Verdict::NoAnswer(reason),
    }
}

/// What the provider's code means for this call. A query that is refused or fails moved nothing, whatever the code; for
/// everything else a code that says an earlier attempt landed, or that leaves it open, is an unknown outcome: calling it
/// rejected would invite the application to pay again under a new reference.
pub(crate) fn outcome(operation: &Operation, meaning: CodeMeaning) -> Outcome {
    match (meaning, operation.kind) {
        (CodeMeaning::Accepted, _) => Outcome::Accepted,
        (
            CodeMeaning::Refused
            | CodeMeaning::StaleTimestamp
            | CodeMeaning::Throttled
            | CodeMeaning::NotFound,
            _,
        ) => Outcome::Rejected,
        (CodeMeaning::Landed | CodeMeaning::InDoubt, Kind::Query) => Outcome::Rejected,
        (CodeMeaning::Landed | CodeMeaning::InDoubt, Kind::Create | Kind::Cancel) => {
            Outcome::Unknown
        }
    }
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;
    use proptest::prelude::*;

    use super::*;

    fn told(text: &str) -> Option<Duration> {
        let value = HeaderValue::from_str(text).ok()?;
        retry_after(&HeaderMap::from_iter([(RETRY_AFTER, value)]))
    }

    #[test]
    fn whole_seconds_are_believed_up_to_a_limit() {
        assert_eq!(told(" 30 "), Some(Duration::from_secs(30)));
        for absurd in ["901", "18446744073709551615", "99999999999999999999999"] {
            assert_eq!(told(absurd), Some(RETRY_AFTER_MAX), "`{absurd}`");
        }
        for text in ["", "-1", "+5", "1.5", "1e3", "soon", "Sun, 06 Nov 1994 08:49:37 GMT"] {
            assert_eq!(told(text), None, "`{text}`");
        }
    }

    proptest! {
        #[test]
        fn no_retry_after_is_too_long_to_be_waited_for(text in "[ -~]{0,40}|[0-9]{1,40}") {
            if let Some(pause) = told(&text) {
                prop_assert!(pause <= RETRY_AFTER_MAX);
            }
        }
    }
}
