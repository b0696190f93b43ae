//! The attempts of one payment whose end is not known.

/// The most attempts that one payment can have. Far more than any sensible configuration allows: it bounds a faulty
/// loop.
pub const ATTEMPTS_MAX: u32 = 63;

/// Attempts that may have reached the provider, or may still reach it. Attempt numbers begin at 1.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct OpenAttempts(u64);

impl OpenAttempts {
    /// As kept by a store: bit `n` stands for attempt `n`.
    pub fn from_bits(bits: u64) -> Self {
        Self(bits)
    }

    pub fn bits(self) -> u64 {
        self.0
    }

    pub fn is_empty(self) -> bool {
        self.0 == 0
    }

    pub fn contains(self, attempt: u32) -> bool {
        self.0 & bit(attempt) != 0
    }

    pub(super) fn insert(&mut self, attempt: u32) {
        self.0 |= bit(attempt);
    }

    pub(super) fn remove(&mut self, attempt: u32) {
        self.0 &= !bit(attempt);
    }
}

/// No bit at all for a number beyond the limit.
fn bit(attempt: u32) -> u64 {
    1u64.checked_shl(attempt).unwrap_or(0)
}
