//! What an exchange proves. The provider's code decides, never the HTTP status and never its message text.

use crate::metrics::AttemptResult;
use crate::outcome::Outcome;
use crate::provider::{CodeMeaning, Kind, Operation, Provider, ProviderAnswer};
use crate::wire::{Answer, NoAnswer, NotSent, SendError};

/// How a call ended.
#[derive(Debug)]
pub(super) enum Verdict {
    /// The provider's envelope came back.
    Answered { answer: Answer, understood: ProviderAnswer },
    /// An HTTP answer came back that is not the provider's envelope.
    Unreadable { status: u16 },
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
}

impl Verdict {
    /// The label under which the attempt is counted.
    pub fn attempt_result(&self) -> AttemptResult {
        match self {
            Self::Answered { .. } => AttemptResult::Answered,
            Self::Unreadable { .. } => AttemptResult::Unreadable,
            Self::NoAnswer(_) => AttemptResult::NoAnswer,
            Self::NotSent(_) | Self::NoUsableKey | Self::SigningQueueFull | Self::SigningFailed => {
                AttemptResult::NotSent
            }
        }
    }
}

/// Sorts what the upstream brought.
pub(super) fn classify(provider: &Provider, sent: Result<Answer, SendError>) -> Verdict {
    match sent {
        Ok(answer) => match provider.read_answer(&answer.body) {
            Some(understood) => Verdict::Answered { answer, understood },
            None => Verdict::Unreadable { status: answer.status.as_u16() },
        },
        Err(SendError::NotSent(reason)) => Verdict::NotSent(reason),
        Err(SendError::Unknown(reason)) => Verdict::NoAnswer(reason),
    }
}

/// What the provider's code means for this call. A query that is refused or fails moved nothing, whatever the code; for
/// everything else a code that says an earlier attempt landed, or that leaves it open, is an unknown outcome: calling it
/// rejected would invite the application to pay again under a new reference.
pub(super) fn outcome(operation: &Operation, meaning: CodeMeaning) -> Outcome {
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
