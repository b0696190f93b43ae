//! Money-moving calls of which it is not known whether they happened, and their outcomes.

use super::Metrics;
use super::labels::CONFLICTS;

impl Metrics {
    /// Shows how many outcomes of an account are unknown, and how old the oldest is.
    pub fn set_unknown(&self, account: &str, count: u64, oldest_age_seconds: f64) {
        let count = i64::try_from(count).unwrap_or(i64::MAX);
        self.all.unknown.with_label_values(&[account]).set(count);
        self.all.unknown_oldest_age.with_label_values(&[account]).set(oldest_age_seconds);
    }

    /// Shows how many payments in doubt of an account are not queried at the place where they were made.
    pub fn set_stranded(&self, account: &str, count: u64) {
        let count = i64::try_from(count).unwrap_or(i64::MAX);
        self.all.stranded.with_label_values(&[account]).set(count);
    }

    /// Counts those of `flags` (words of events' flags) that are contradictions.
    pub fn count_conflicts(&self, account: &str, flags: impl Iterator<Item = &'static str>) {
        for flag in flags.filter(|flag| CONFLICTS.contains(flag)) {
            self.all.conflicts.with_label_values(&[account, flag]).inc();
        }
    }

    /// Counts an unknown outcome that turned out to be `outcome`, in the words of outcomes.
    pub fn count_resolved(&self, account: &str, outcome: &str) {
        self.all.resolved.with_label_values(&[account, outcome]).inc();
    }
}
