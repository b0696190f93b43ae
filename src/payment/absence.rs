//! "Not found" once is not proof that a lost create did not land: it may still be on its way, and the provider's query
//! may lag behind. So absence is established only by several answers, the last one after a grace period.

use super::place::Place;

/// When "not found" is believed. The grace period must be longer than the time that a lost call can stay on its way
/// plus the time that the query can lag behind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rules {
    grace_ms: i64,
    not_found_needed: u32,
    here: Option<Place>,
}

impl Rules {
    /// `not_found_needed` is raised to two, a negative `grace_ms` to zero.
    pub const fn new(grace_ms: i64, not_found_needed: u32) -> Self {
        let not_found_needed = if not_found_needed < 2 { 2 } else { not_found_needed };
        Self { grace_ms: if grace_ms < 0 { 0 } else { grace_ms }, not_found_needed, here: None }
    }

    /// For queries and attempts that go to `here`. Without it, a payment that was made at a known place is not sent
    /// again.
    pub fn at(self, here: Place) -> Self {
        Self { here: Some(here), ..self }
    }

    /// Where queries and attempts go.
    pub fn here(self) -> Option<Place> {
        self.here
    }

    /// Milliseconds after the last moment at which a create may have left.
    pub fn grace_ms(self) -> i64 {
        self.grace_ms
    }

    /// Queries that are closer together than this count once, so that a burst of them proves no more than one.
    pub fn spacing_ms(self) -> i64 {
        self.grace_ms / i64::from(self.not_found_needed) / 2
    }
}

/// What "not found" answers have shown since the payment was last in doubt.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Absence {
    /// Answers that count.
    pub answers: u32,
    /// When the query for the last of them was sent.
    pub last_ms: i64,
}

impl Absence {
    /// Adds a "not found" answer to a query sent at `queried_at_ms`. A query from before `since_ms` proves nothing: the
    /// create may have left after it.
    pub(super) fn with(self, queried_at_ms: i64, since_ms: i64, rules: &Rules) -> Self {
        let too_close = self.answers > 0
            && queried_at_ms.saturating_sub(self.last_ms) < rules.spacing_ms().max(1);
        if queried_at_ms < since_ms || too_close {
            return self;
        }
        Self { answers: self.answers.saturating_add(1), last_ms: queried_at_ms }
    }

    /// Whether the create did not arrive, as far as queries can show.
    pub(super) fn is_established(self, since_ms: i64, rules: &Rules) -> bool {
        self.answers >= rules.not_found_needed
            && self.last_ms.saturating_sub(since_ms) >= rules.grace_ms
    }
}
