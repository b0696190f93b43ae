//! The values of labels from closed sets, so that their series exist from the start: Prometheus does not see an
//! increase in a series that begins with it. The words are those of the modules that count; each of those has a test
//! that its words are listed here.

/// The parts of the time a request spends inside.
pub const PHASES: [&str; 4] = ["wait", "journal", "sign", "upstream"];

/// How one attempt towards the provider ended.
pub const ATTEMPTS: [&str; 4] = ["answered", "unreadable", "no_answer", "not_sent"];

/// Limits that refuse calls.
pub const LIMITS: [&str; 4] = ["account", "operation", "provider", "money"];

/// Calls that fail together, and so share a circuit.
pub const CLASSES: [&str; 2] = ["create", "query"];

/// What an unknown outcome can turn out to be.
pub const FINAL: [&str; 3] = ["accepted", "rejected", "not_sent"];

/// The contradictions to a payment in what the provider says, in the words of events' flags.
pub const CONFLICTS: [&str; 6] = [
    "amount-mismatch",
    "amount-unreadable",
    "conflicting-reference",
    "other-account",
    "contradicted",
    "earlier-call",
];

/// How a verified notification was answered: for other answers the event's name is not known.
pub const VERIFIED: [&str; 3] = ["accepted", "duplicate", "unavailable"];

/// How a notification that could not be verified was answered.
pub const UNVERIFIED: [&str; 2] = ["bad_signature", "malformed"];

/// How one attempt to deliver an event ended.
pub const DELIVERIES: [&str; 5] = ["delivered", "failed", "gone", "exhausted", "undeliverable"];

/// The states of events that are not delivered.
pub const INBOX: [&str; 3] = ["pending", "retrying", "dead"];

/// How a reload of the configuration ended.
pub const RELOADS: [&str; 3] = ["success", "unchanged", "failure"];

/// What a key is used for.
pub const SIGN: &str = "sign";

/// The label of requests that named no account or operation; the requested path is never a label.
pub const NOBODY: &str = "-";

/// The label of an event that the profile does not list, and of notifications that could not be verified: what a
/// stranger sends is never a label.
pub const OTHER_EVENT: &str = "other";
