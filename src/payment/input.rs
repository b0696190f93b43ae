//! What can happen to a payment.

use super::Rules;
use crate::provider::{CodeMeaning, EventStatus};

/// Something that happened, or is about to happen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Input {
    /// The first create is about to leave for the place recorded when the payment was begun. Must be on disk before its
    /// first byte leaves.
    FirstAttempt,
    /// A create is about to leave, perhaps not the first one. Must be on disk before its first byte leaves.
    AboutToSend { rules: Rules },
    /// The attempt provably did not reach the provider.
    NotSent { attempt: u32 },
    /// The provider answered the attempt in its envelope, perhaps late.
    Answered { attempt: u32, meaning: CodeMeaning },
    /// The attempt ended without an answer that could be understood: a reset, a time-out, a body that is not the
    /// provider's envelope.
    InDoubt { attempt: u32 },
    /// The caller will not try again.
    GaveUp,
    /// It was lost, the provider does not have it, and it was sent in vain as often as allowed.
    Abandoned { rules: Rules },
    /// A person found out its outcome, and enters it.
    ByHand(Ruling),
    /// The provider was queried for its outcome at `queried_at_ms`.
    Queried { queried_at_ms: i64, finding: Finding, rules: Rules },
    /// A verified notification reported its status.
    Notified { status: Option<EventStatus> },
    /// The provider has something under its ids that is not what was sent, or of which that is not certain.
    Differs,
    /// An earlier call under its reference was made after all, although it seemed not to have happened.
    Superseded,
    /// The process that worked on it is gone, or its lease has run out.
    Restarted,
}

/// The result of a query.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Finding {
    /// The provider has it; the status if its word for it is known.
    Found { status: Option<EventStatus> },
    /// The provider says that it has no such payment.
    NotFound,
    /// No answer, or one that says neither.
    Unclear,
}

/// What a person found out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ruling {
    /// The provider took it.
    Accepted,
    /// It did not happen, and will not: it is neither at the provider nor on the way.
    Rejected,
}
