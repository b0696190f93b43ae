//! What can happen to a payment.

use super::Rules;
use crate::provider::{CodeMeaning, EventStatus};

/// One thing that happened, or is about to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Input {
    /// The first create is about to leave, where the payment was begun to go. To be on disk before its first byte does.
    FirstAttempt,
    /// A create is about to leave, perhaps not the first one. To be on disk before its first byte does.
    AboutToSend { rules: Rules },
    /// The attempt provably did not reach the provider.
    NotSent { attempt: u32 },
    /// The provider answered the attempt in its envelope, perhaps late.
    Answered { attempt: u32, meaning: CodeMeaning },
    /// The attempt ended without an answer that could be understood: a reset, a time-out, a body that says nothing.
    InDoubt { attempt: u32 },
    /// The caller will not try again.
    GaveUp,
    /// It was lost, it is not at the provider, and it was sent in vain as often as it may be.
    Abandoned { rules: Rules },
    /// A person found out what became of it, and says so.
    ByHand(Ruling),
    /// The provider was asked, at `queried_at_ms`, what became of it.
    Queried { queried_at_ms: i64, finding: Finding, rules: Rules },
    /// A verified notification reported its status.
    Notified { status: Option<EventStatus> },
    /// The provider has something under its ids that is not what was sent, or that cannot be told to be.
    Differs,
    /// An earlier call under its reference, thought not to have happened, was made after all.
    Superseded,
    /// The process that worked on it is gone, or its time for it has run out.
    Restarted,
}

/// What a query brought.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Finding {
    /// The provider has it; the status when its word for it is known.
    Found { status: Option<EventStatus> },
    /// The provider says that it has nothing of the kind.
    NotFound,
    /// No answer, or none that says either.
    Unclear,
}

/// What a person found out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ruling {
    /// The provider took it.
    Accepted,
    /// It did not happen, and will not: nothing of it is at the provider or on the way.
    Rejected,
}
