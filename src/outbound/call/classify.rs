//! What an exchange proves. The provider's code decides, never the HTTP status and never its message text.

use std::time::Duration;

use http::header::RETRY_AFTER;
use http::{HeaderMap, StatusCode};
use jiff::Timestamp;

use super::labels::AttemptResult;
use super::prepared::PreparedCall;
use crate::limits::{CircuitOpen, MoneyRefused, RateRefused, Sample};
use crate::outcome::Outcome;
use crate::payment::Final;
use crate::provider::{CodeMeaning, Kind, Operation, ProviderAnswer};
use crate::sign::SignError;
use crate::wire::{Answer, NoAnswer, NotSent, SendError};

/// How a call ended.
#[derive(Debug)]
pub(crate) enum Verdict {
    /// The provider's envelope came back.
    Answered { answer: Answer, understood: ProviderAnswer },
    /// It may have happened.
    InDoubt(InDoubt),
    /// Nothing was sent.
    NotSent(WhyNotSent),
    /// The journal says how it ended, and there is no answer from the provider to pass on.
    Settled(Final),
}

/// Why it is not known whether a call happened.
#[derive(Debug, thiserror::Error)]
pub(crate) enum InDoubt {
    /// An HTTP answer came back that is not the provider's envelope.
    #[error("HTTP status {} with a body that is not the provider's envelope", status.as_u16())]
    Unreadable { status: StatusCode, retry_after: Option<Duration> },
    /// No whole answer came back after sending had begun.
    #[error(transparent)]
    NoAnswer(NoAnswer),
    /// The journal's disk failed, and the attempt may be recorded in it; nothing was sent so far.
    #[error("the journal could not be written")]
    MaybeJournalled,
    /// The journal does not say how the call ended, whatever the result of its last attempt.
    #[error("the journal does not say how it ended")]
    Unrecorded,
}

/// Why nothing was sent.
#[derive(Debug, thiserror::Error)]
pub(crate) enum WhyNotSent {
    /// It was tried, and never left.
    #[error(transparent)]
    Unreachable(NotSent),
    #[error("no signing key is valid now")]
    NoUsableKey,
    #[error(transparent)]
    Unsigned(#[from] SignError),
    #[error("over the rate limit")]
    RateLimited(RateRefused),
    #[error("over the money per hour")]
    OverMoney(MoneyRefused),
    /// The provider failed too often recently.
    #[error("the circuit is open")]
    CircuitOpen(CircuitOpen),
    #[error("the journal could not be written")]
    NotJournalled,
    /// The account is frozen, for this reason.
    #[error("the account is frozen: {0}")]
    Frozen(String),
}

impl Verdict {
    /// The label under which the attempt is counted.
    pub fn attempt_result(&self) -> AttemptResult {
        match self {
            Self::Answered { .. } => AttemptResult::Answered,
            Self::InDoubt(InDoubt::Unreadable { .. }) => AttemptResult::Unreadable,
            Self::InDoubt(_) => AttemptResult::NoAnswer,
            Self::NotSent(_) | Self::Settled(_) => AttemptResult::NotSent,
        }
    }

    /// What the attempt says about the provider's health.
    pub fn sample(&self) -> Sample {
        match self {
            Self::Answered { .. } => Sample::Answered,
            Self::InDoubt(_) => Sample::Failed,
            // Not caused by the provider.
            Self::NotSent(WhyNotSent::Unreachable(
                NotSent::Stopping | NotSent::TooLate | NotSent::Withdrawn,
            )) => Sample::Silent,
            Self::NotSent(WhyNotSent::Unreachable(_)) => Sample::Failed,
            Self::NotSent(_) | Self::Settled(_) => Sample::Silent,
        }
    }

    /// What the caller of `operation` learns from this.
    pub fn outcome(&self, operation: &Operation) -> Outcome {
        match self {
            Self::Answered { understood, .. } => outcome(operation, understood.meaning),
            Self::InDoubt(_) => Outcome::Unknown,
            Self::NotSent(_) => Outcome::NotSent,
            Self::Settled(end) => end.outcome(),
        }
    }

    /// Whether there was an attempt to reach the provider.
    pub fn was_tried(&self) -> bool {
        match self {
            Self::Answered { .. } | Self::InDoubt(_) => true,
            Self::NotSent(why) => matches!(why, WhyNotSent::Unreachable(_)),
            Self::Settled(_) => false,
        }
    }

    /// Whether it is certain that nothing happened, for a reason that may be temporary: no connection, a stale
    /// timestamp, too many requests.
    pub fn nothing_happened_yet(&self) -> bool {
        match self {
            Self::NotSent(why) => matches!(why, WhyNotSent::Unreachable(_)),
            _ => self.is_stale() || self.meaning() == Some(CodeMeaning::Throttled),
        }
    }

    /// Whether it is still not known what happened.
    pub fn is_inconclusive(&self) -> bool {
        matches!(self, Self::InDoubt(_)) || self.meaning() == Some(CodeMeaning::InDoubt)
    }

    /// When the provider asked to be called again.
    pub fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::Answered { answer, .. } => retry_after(&answer.headers),
            Self::InDoubt(InDoubt::Unreadable { retry_after, .. }) => *retry_after,
            _ => None,
        }
    }

    /// Whether the provider, or a proxy in front of it, says that it is called too often. A bare status 429 says that
    /// as well, but does not give the outcome of the call.
    pub fn is_too_often(&self) -> bool {
        match self {
            Self::InDoubt(InDoubt::Unreadable { status, .. }) => {
                *status == StatusCode::TOO_MANY_REQUESTS
            }
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
            Self::InDoubt(why) => why.to_string(),
            Self::NotSent(why) => why.to_string(),
            Self::Settled(end) => format!("settled as {}", end.outcome().as_str()),
        }
    }
}

/// The longest `Retry-After` that is honoured: a mistaken one of days must not keep an account closed. In any case, no
/// call waits longer than its own time-out.
const RETRY_AFTER_MAX: Duration = Duration::from_secs(15 * 60);

/// The whole seconds of a `Retry-After`; its date form is not read, because that would compare two clocks.
fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let text = headers.get(RETRY_AFTER)?.to_str().ok()?.trim();
    let is_number = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    // A number that does not fit is longer than any wait.
    let seconds = || text.parse().unwrap_or(u64::MAX);
    is_number.then(|| Duration::from_secs(seconds()).min(RETRY_AFTER_MAX))
}

/// What the result of the exchange proves about `call`.
pub(crate) fn classify(
    call: &PreparedCall<'_>,
    sent: Result<Answer, SendError>,
    now: Timestamp,
) -> Verdict {
    match sent {
        Ok(answer) => match call.account.provider.read_answer(&answer.body) {
            Some(understood) if is_about_another(call, &understood, now) => {
                Verdict::InDoubt(InDoubt::NoAnswer(NoAnswer::AnotherCall))
            }
            Some(understood) => Verdict::Answered { answer, understood },
            None => Verdict::InDoubt(InDoubt::Unreadable {
                status: answer.status,
                retry_after: retry_after(&answer.headers),
            }),
        },
        Err(SendError::NotSent(reason)) => Verdict::NotSent(WhyNotSent::Unreachable(reason)),
        Err(SendError::Unknown(reason)) => Verdict::InDoubt(InDoubt::NoAnswer(reason)),
    }
}

/// Whether the answer to a create carries a reference that is not ours: providers sometimes mix up answers.
fn is_about_another(call: &PreparedCall<'_>, answer: &ProviderAnswer, now: Timestamp) -> bool {
    let ours = call.operation.reference(call.parameters).filter(|_| call.operation.money_moving);
    let reported = ours.and_then(|_| call.reported_by(answer, now));
    reported.and_then(|reported| reported.reference).is_some_and(|it| Some(it.as_str()) != ours)
}

/// What the provider's code means for this call. A query that is refused or fails moved nothing, whatever the code. For
/// everything else, a code that says that an earlier attempt arrived, or does not say whether it did, is an unknown
/// outcome: calling it rejected would invite the application to pay again under a new reference.
fn outcome(operation: &Operation, meaning: CodeMeaning) -> Outcome {
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

    fn believed(text: &str) -> Option<Duration> {
        let value = HeaderValue::from_str(text).ok()?;
        retry_after(&HeaderMap::from_iter([(RETRY_AFTER, value)]))
    }

    #[test]
    fn whole_seconds_are_honoured_up_to_a_limit() {
        assert_eq!(believed(" 30 "), Some(Duration::from_secs(30)));
        for absurd in ["901", "18446744073709551615", "99999999999999999999999"] {
            assert_eq!(believed(absurd), Some(RETRY_AFTER_MAX), "`{absurd}`");
        }
        for text in ["", "-1", "+5", "1.5", "1e3", "soon", "Sun, 06 Nov 1994 08:49:37 GMT"] {
            assert_eq!(believed(text), None, "`{text}`");
        }
    }

    proptest! {
        #[test]
        fn every_retry_after_is_short_enough_to_wait_for(text in "[ -~]{0,40}|[0-9]{1,40}") {
            if let Some(pause) = believed(&text) {
                prop_assert!(pause <= RETRY_AFTER_MAX);
            }
        }
    }
}
