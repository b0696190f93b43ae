//! Logs that the machine's wall clock was set. No decision here depends on it; dates do, and so do the timestamps in
//! calls.

/// The largest step that ordinary clock synchronisation makes, in milliseconds: not a jump.
const JUMP_MS: i64 = 60_000;

/// How far the wall clock is ahead of store time, as last logged.
pub(super) struct Jumps {
    pub ahead_ms: i64,
}

impl Jumps {
    /// Logs a jump to where the wall clock is `ahead_ms`, once.
    pub fn look(&mut self, ahead_ms: i64) {
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
