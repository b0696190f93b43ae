//! What left lately, added up.

use std::collections::BTreeMap;

use crate::store::Spending;

const MINUTE_MS: i64 = 60_000;

/// Amounts by account, operation and minute of store time, each with when the last of it left.
#[derive(Debug, Default)]
pub struct Spent(BTreeMap<(String, String, i64), (i64, u64)>);

impl Spent {
    pub fn add(&mut self, account: String, operation: String, at_ms: i64, amount_minor: i64) {
        let key = (account, operation, at_ms.div_euclid(MINUTE_MS));
        let (last_ms, amount) = self.0.entry(key).or_insert((at_ms, 0));
        *last_ms = at_ms.max(*last_ms);
        *amount = amount.saturating_add(u64::try_from(amount_minor).unwrap_or(0));
    }

    pub fn into_spendings(self) -> Vec<Spending> {
        let spendings =
            self.0.into_iter().map(|((account, operation, _), (at_ms, amount_minor))| Spending {
                account,
                operation,
                at_ms,
                amount_minor,
            });
        spendings.collect()
    }
}
