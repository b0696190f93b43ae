//! Makes the metric series of what is configured exist, so that rates and absences can be told apart.

use std::sync::Arc;

use super::changes::Changes;
use crate::config::{Account, Snapshot};
use crate::metrics::{KeyUse, Metrics};

/// Announces every account and key, when the process starts.
pub fn announce(metrics: &Metrics, snapshot: &Snapshot) {
    for account in snapshot.accounts.values() {
        announce_account(metrics, account);
        announce_keys(metrics, account);
    }
}

/// Announces what `after` has and `before` had not. What is counted of accounts and keys that stay goes on.
pub(super) fn renew(metrics: &Arc<Metrics>, before: &Snapshot, after: &Snapshot) {
    let changes = Changes::between(before, after);
    for key in &changes.keys {
        // Another key under the same id has not been used.
        if key.before.is_some() && key.after.is_some() {
            metrics.forget_key(&key.account, &key.id, key.usage);
        }
    }
    for account in after.accounts.values() {
        if changes.added.contains(&account.name) {
            announce_account(metrics, account);
        }
        announce_keys(metrics, account);
    }
}

fn announce_account(metrics: &Metrics, account: &Account) {
    let operations = account.provider.operations.iter().map(|operation| operation.name.as_str());
    metrics.announce_account(&account.name, operations);
}

fn announce_keys(metrics: &Metrics, account: &Account) {
    for key in account.signing_keys.keys() {
        let not_after = key.not_after.map(|end| end.as_second());
        metrics.announce_key(&account.name, &key.id, KeyUse::Sign, not_after);
    }
    for key in &account.provider_keys {
        metrics.announce_key(&account.name, &key.id, KeyUse::Verify, None);
    }
}
