//! The closed sets that label metrics.

/// A part of the time a request spends inside.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Phase {
    /// Waiting for the rate limit.
    Wait,
    /// Writing the journal.
    Journal,
    /// Making the signature, queueing for a signing thread included.
    Sign,
    /// From connecting to the last byte of the provider's answer.
    Upstream,
}

impl Phase {
    /// All phases, so that their series exist from the start.
    pub const ALL: [Self; 4] = [Self::Wait, Self::Journal, Self::Sign, Self::Upstream];

    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::Wait => "wait",
            Self::Journal => "journal",
            Self::Sign => "sign",
            Self::Upstream => "upstream",
        }
    }
}

/// How one attempt towards the provider ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AttemptResult {
    /// The provider's envelope came back, whatever it says.
    Answered,
    /// An HTTP answer came back that is not the provider's envelope.
    Unreadable,
    /// No whole answer came back after sending had begun.
    NoAnswer,
    /// Nothing was sent.
    NotSent,
}

impl AttemptResult {
    /// All results, so that their series exist from the start.
    pub const ALL: [Self; 4] = [Self::Answered, Self::Unreadable, Self::NoAnswer, Self::NotSent];

    /// The label's value.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Answered => "answered",
            Self::Unreadable => "unreadable",
            Self::NoAnswer => "no_answer",
            Self::NotSent => "not_sent",
        }
    }
}

/// What a key is used for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyUse {
    /// Ours: signs requests.
    Sign,
    /// The provider's: verifies notifications.
    Verify,
}

impl KeyUse {
    /// The label's value.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Sign => "sign",
            Self::Verify => "verify",
        }
    }
}

/// How a notification was answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NotificationResult {
    /// Verified and stored.
    Accepted,
    /// Verified, and known already.
    Duplicate,
    /// No provider key verifies it.
    BadSignature,
    /// Not what a notification looks like.
    Malformed,
    /// Verified, but the store could not take it: the provider repeats it.
    Unavailable,
}

impl NotificationResult {
    /// All results, so that their series exist from the start.
    pub const ALL: [Self; 5] =
        [Self::Accepted, Self::Duplicate, Self::BadSignature, Self::Malformed, Self::Unavailable];

    /// The label's value.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Accepted => "accepted",
            Self::Duplicate => "duplicate",
            Self::BadSignature => "bad_signature",
            Self::Malformed => "malformed",
            Self::Unavailable => "unavailable",
        }
    }
}

/// How one attempt to deliver an event ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DeliveryResult {
    /// The application took the event.
    Delivered,
    /// Another attempt will follow.
    Failed,
    /// The application said that it never wants it: a dead letter.
    Gone,
    /// The last attempt failed: a dead letter.
    Exhausted,
    /// There is nothing to post in the configured format: a dead letter.
    Undeliverable,
}

impl DeliveryResult {
    /// All results, so that their series exist from the start.
    pub const ALL: [Self; 5] =
        [Self::Delivered, Self::Failed, Self::Gone, Self::Exhausted, Self::Undeliverable];

    /// The label's value.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Delivered => "delivered",
            Self::Failed => "failed",
            Self::Gone => "gone",
            Self::Exhausted => "exhausted",
            Self::Undeliverable => "undeliverable",
        }
    }
}

/// A limit that refuses calls.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum LimitKind {
    /// The account's rate.
    Account,
    /// The rate of one operation.
    Operation,
    /// The provider said that it is called too often.
    Provider,
    /// The account's money per hour.
    Money,
}

impl LimitKind {
    /// All limits, so that their series exist from the start.
    pub const ALL: [Self; 4] = [Self::Account, Self::Operation, Self::Provider, Self::Money];

    /// The label's value.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Account => "account",
            Self::Operation => "operation",
            Self::Provider => "provider",
            Self::Money => "money",
        }
    }
}

/// Calls that fail together, and so share a circuit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum CallClass {
    /// What changes something: creates and cancellations.
    Create,
    /// What only reads.
    Query,
}

impl CallClass {
    /// Both classes, so that their series exist from the start.
    pub const ALL: [Self; 2] = [Self::Create, Self::Query];

    /// The label's value.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Create => "create",
            Self::Query => "query",
        }
    }
}
