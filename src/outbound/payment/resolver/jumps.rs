//! Tells an operator that the machine's wall clock was set. Nothing that decides here goes by it; dates do, and so do the
//! timestamps in calls.

use super::super::super::Outbound;

/// What a clock that is merely kept right moves it by is no jump; in milliseconds.
const JUMP_MS: i64 = 60_000;

/// How far the wall clock is ahead of store time, as far as it was told.
pub(super) struct Jumps {
    ahead_ms: i64,
}

impl Jumps {
    pub(super) fn new(outbound: &Outbound) -> Self {
        Self { ahead_ms: ahead_ms(outbound) }
    }

    /// Logs a jump, once.
    pub(super) fn look(&mut self, outbound: &Outbound) {
        let ahead_ms = ahead_ms(outbound);
        let jump_ms = ahead_ms.saturating_sub(self.ahead_ms);
        if jump_ms.saturating_abs() > JUMP_MS {
            let way = if jump_ms > 0 { "forward" } else { "back" };
            tracing::warn!(
                "the wall clock was set {way} by {} s: pauses, grace periods and retention go on unchanged, dates and \
                 timestamps follow it",
                jump_ms.saturating_abs() / 1_000
            );
            self.ahead_ms = ahead_ms;
        }
    }
}

fn ahead_ms(outbound: &Outbound) -> i64 {
    outbound.clock.unix_ms().saturating_sub(outbound.store.time_ms())
}
