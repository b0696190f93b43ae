//! The metric labels for calls.

use strum::{IntoStaticStr, VariantArray};

/// A part of the time a request spends inside.
#[derive(Clone, Copy, IntoStaticStr, VariantArray)]
#[strum(serialize_all = "snake_case")]
pub(in crate::outbound) enum Phase {
    /// Waiting for the rate limit.
    Wait,
    /// Writing the journal.
    Journal,
    /// Making the signature, including the wait for a signing thread.
    Sign,
    /// From connecting to the last byte of the provider's answer.
    Upstream,
}

/// How one attempt towards the provider ended.
#[derive(Clone, Copy, IntoStaticStr, VariantArray)]
#[strum(serialize_all = "snake_case")]
pub(in crate::outbound) enum AttemptResult {
    /// The provider's envelope came back, whatever it says.
    Answered,
    /// An HTTP answer came back that is not the provider's envelope.
    Unreadable,
    /// No whole answer came back after sending had begun.
    NoAnswer,
    /// Nothing was sent.
    NotSent,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metrics::labels;

    #[test]
    fn every_label_value_has_its_series_from_the_start() {
        let phases: Vec<&str> = Phase::VARIANTS.iter().map(<&str>::from).collect();
        assert_eq!(phases, labels::PHASES);
        let results: Vec<&str> = AttemptResult::VARIANTS.iter().map(<&str>::from).collect();
        assert_eq!(results, labels::ATTEMPTS);
    }
}
