//! What operators and metrics see of the journal.

use super::PaymentRow;
use crate::store::Cursor;

/// How long a settled payment is kept at least: a caller may repeat its call under the same reference for this long.
pub const PAYMENTS_KEPT_MIN_MS: i64 = 7 * 24 * 60 * 60 * 1000;

/// Which payments: all conditions that are set must hold.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PaymentFilter {
    pub account: Option<String>,
    pub operation: Option<String>,
    pub reference: Option<String>,
    /// Any of these words of [`State::WORDS`](crate::payment::State::WORDS); empty for all.
    pub states: Vec<String>,
    /// Only those that something the provider said speaks against.
    pub conflicting: bool,
    /// Begun at or after.
    pub from_ms: Option<i64>,
    /// Begun before.
    pub until_ms: Option<i64>,
}

/// A page of payments, newest first.
#[derive(Clone, Debug)]
pub struct PaymentListing {
    pub payments: Vec<PaymentRow>,
    /// Set when there may be more.
    pub next: Option<Cursor>,
}

/// Open payments of one account.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PaymentCounts {
    pub account: String,
    /// Being made.
    pub under_way: u64,
    /// It is not known whether they happened.
    pub unknown: u64,
    /// When the oldest of the unknown ones was begun.
    pub oldest_unknown_at_ms: Option<i64>,
}

impl PaymentCounts {
    /// Counts `payments` more in an open `state`, the first of them begun at that date.
    pub(in crate::store) fn add(&mut self, state: &str, payments: u64, begun_at_ms: i64) {
        if state == "unknown" {
            self.unknown += payments;
            let oldest = [self.oldest_unknown_at_ms, Some(begun_at_ms)];
            self.oldest_unknown_at_ms = oldest.into_iter().flatten().min();
        } else {
            self.under_way += payments;
        }
    }
}
