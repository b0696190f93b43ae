//! Decides about an event after an attempt: delivered, tried again, or a dead letter. Pure functions.

use std::time::Duration;

use strum::{IntoStaticStr, VariantArray};

use super::attempt::{Heard, Tried};
use super::pauses::{Past, next_attempt};
use crate::store::{Claimed, Settlement};
use crate::wire::SendError;

/// How one attempt to deliver an event ended, as it is counted.
#[derive(Clone, Copy, IntoStaticStr, VariantArray)]
#[strum(serialize_all = "snake_case")]
pub(super) enum DeliveryResult {
    /// The application accepted the event.
    Delivered,
    /// Another attempt will follow.
    Failed,
    /// The application said that it never wants the event: a dead letter.
    Gone,
    /// The last attempt failed: a dead letter.
    Exhausted,
    /// There is nothing to post in the configured format: a dead letter.
    Undeliverable,
}

/// Decides about `claimed` at `now_ms`, in store time; `random` is between 0 and 1.
pub(super) fn decide(
    claimed: &Claimed,
    tried: Tried,
    retry_for: Duration,
    now_ms: i64,
    random: f64,
) -> (Settlement, DeliveryResult) {
    let attempt = tried.record;
    let (error, retry_after) = match tried.heard {
        Heard::Taken => return (Settlement::Delivered(attempt), DeliveryResult::Delivered),
        Heard::Gone => {
            let error = "HTTP 410: the application never wants this event".to_owned();
            return (Settlement::Dead { attempt, error }, DeliveryResult::Gone);
        }
        Heard::NotPosted => {
            let error = "there is no event: the notification could not be understood".to_owned();
            return (Settlement::Dead { attempt, error }, DeliveryResult::Undeliverable);
        }
        Heard::Refused { status, retry_after } if status.is_redirection() => {
            (format!("HTTP {}: redirects are not followed", status.as_u16()), retry_after)
        }
        Heard::Refused { status, retry_after } => {
            (format!("HTTP {}", status.as_u16()), retry_after)
        }
        Heard::Nothing(SendError::NotSent(why)) => (why.to_string(), None),
        Heard::Nothing(SendError::Unknown(why)) => (why.to_string(), None),
    };
    let past = Past {
        first_attempt_at_ms: claimed.first_attempt_at_ms,
        attempts: claimed.attempts,
        now_ms,
    };
    match next_attempt(past, retry_for, retry_after, random) {
        Some(after_ms) => (Settlement::Retry { attempt, after_ms, error }, DeliveryResult::Failed),
        None => (Settlement::Dead { attempt, error }, DeliveryResult::Exhausted),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metrics::labels;

    #[test]
    fn every_result_has_its_series_from_the_start() {
        let words: Vec<&str> = DeliveryResult::VARIANTS.iter().map(<&str>::from).collect();
        assert_eq!(words, labels::DELIVERIES);
    }
}
