//! Before anything is sent: what the money budgets must know of the hour before this process began.

use std::time::{Duration, Instant};

use futures::executor::block_on;

use crate::clock::Clock;
use crate::config::Snapshot;
use crate::limits::Limiters;
use crate::store::{Store, StoreError};

const HOUR_MS: i64 = 3_600_000;

/// Counts what the journal knows to have left within the last hour, for every account that has a budget. Call it before
/// the first call is answered; it waits for the store's reading thread.
///
/// # Errors
/// When the journal cannot be read: a budget that looks unspent would be no net.
pub(super) fn count(
    store: &dyn Store,
    limiters: &Limiters,
    snapshot: &Snapshot,
    clock: &Clock,
) -> Result<(), StoreError> {
    let has_budget = |account: &str| {
        let account = snapshot.accounts.get(account)?;
        account.limits.money_per_hour.as_ref().map(|_| account)
    };
    if !snapshot.accounts.keys().any(|name| has_budget(name).is_some()) {
        return Ok(());
    }
    let (now, now_ms) = (Instant::now(), clock.unix_ms());
    for spending in block_on(store.spendings(now_ms - HOUR_MS))? {
        let Some(account) = has_budget(&spending.account) else { continue };
        let operation = account.provider.operation(&spending.operation);
        // What the profile does not know any more is counted too.
        if operation.is_some_and(|operation| operation.gives_back) {
            continue;
        }
        let ago_ms = u64::try_from(now_ms - spending.at_ms).unwrap_or(0);
        let ago = Duration::from_millis(ago_ms);
        limiters.of(account).money.record(spending.amount_minor, ago, now);
    }
    Ok(())
}
