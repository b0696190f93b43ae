//! The attempt loop of a call that needs no journal, and the rule for when any call may be attempted again.
//!
//! Repeated here is only what needs no record: calls that were provably not sent, calls that the provider refused for
//! the moment, and calls that are safe to repeat whatever their outcome. Everything else goes through the journal: see
//! `payment`.

use std::time::Duration;

use tokio::time::Instant;

use super::attempt::Egress;
use super::backoff;
use super::classify::Verdict;
use super::prepared::PreparedCall;
use crate::clock::{instant, later};

/// The result of a call, and how many attempts it took.
pub(crate) struct Exchange {
    pub attempts: u32,
    pub verdict: Verdict,
    /// Whether the answer is that of an earlier call with the same reference.
    pub is_replay: bool,
}

/// Makes the call, and repeats it where that is safe, within the total time-out.
pub(crate) async fn run(egress: &Egress, call: &PreparedCall<'_>) -> Exchange {
    let deadline = later(instant(), call.account.timeouts.total);
    let mut repeats = Repeats::of(call, deadline);
    loop {
        let verdict = egress.attempt(call, deadline, None).await;
        repeats.count(&verdict);
        let is_safe = verdict.nothing_happened_yet()
            || (call.operation.safe_to_repeat() && verdict.is_inconclusive());
        if !is_safe || !repeats.go_again(&verdict).await {
            return Exchange { attempts: repeats.attempts, verdict, is_replay: false };
        }
    }
}

/// How often a call has been attempted so far.
pub(crate) struct Repeats<'a> {
    call: &'a PreparedCall<'a>,
    deadline: Instant,
    /// Attempts to reach the provider, including those that found no connection; a call that could not be signed made
    /// none.
    pub attempts: u32,
    /// Whether it was signed again because the provider refused its timestamp. Once is enough: if a fresh timestamp is
    /// refused too, one of the clocks is wrong.
    is_resigned: bool,
}

impl<'a> Repeats<'a> {
    /// Before the first attempt; nothing is repeated after `deadline`.
    pub fn of(call: &'a PreparedCall<'a>, deadline: Instant) -> Self {
        Self { call, deadline, attempts: 0, is_resigned: false }
    }

    /// Counts the attempt that ended with `verdict`.
    pub fn count(&mut self, verdict: &Verdict) {
        self.attempts += u32::from(verdict.was_tried());
    }

    /// Waits for the next attempt, if the number of attempts, the time and the account's budget of repeats allow one.
    pub async fn go_again(&mut self, verdict: &Verdict) -> bool {
        let (is_stale, attempts) = (verdict.is_stale(), self.attempts);
        let is_enough = attempts == 0 || attempts >= self.call.account.retry.attempts;
        if is_enough || (is_stale && self.is_resigned) {
            return false;
        }
        let backoff = || backoff::in_call(attempts - 1, backoff::random());
        let pause = match is_stale {
            // A new timestamp can be made at once.
            true => Duration::ZERO,
            false => verdict.retry_after().unwrap_or_else(backoff),
        };
        let is_paid = || self.call.limits.repeats(self.call.class()).spend();
        if later(instant(), pause) >= self.deadline || !is_paid() {
            return false;
        }
        self.is_resigned |= is_stale;
        tokio::time::sleep(pause).await;
        true
    }
}
