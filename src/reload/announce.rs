//! Creates the metric series of everything configured, so that a zero differs from a missing series.

use std::sync::Arc;

use super::changes::Changes;
use crate::config::{Account, Snapshot};
use crate::metrics::{AnnouncedAccount, Metrics};
use crate::provider::CodeMeaning;
use crate::sign::KeyUse;

/// Creates the series of every account and key, when the process starts.
pub fn announce(metrics: &Metrics, snapshot: &Snapshot) {
    for account in snapshot.accounts.values() {
        announce_account(metrics, account);
        announce_keys(metrics, account);
    }
}

/// Creates the series that only `after` has. The counts of remaining accounts and keys continue.
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
    let provider = &account.provider;
    let events = provider.events.rules.iter().flat_map(|rule| rule.names.keys());
    let codes = &provider.codes.codes;
    let accepted = codes.iter().filter(|(_, code)| code.meaning == CodeMeaning::Accepted);
    metrics.announce_account(&AnnouncedAccount {
        name: &account.name,
        operations: provider.operations.iter().map(|it| it.name.as_str()).collect(),
        events: events.map(String::as_str).collect(),
        accepted: accepted.map(|(code, _)| code.to_string()).collect(),
    });
}

fn announce_keys(metrics: &Metrics, account: &Account) {
    for key in account.signing_keys.keys() {
        let not_after = key.not_after.map(|end| end.as_second());
        metrics.announce_key(&account.name, &key.id, KeyUse::Sign);
        metrics.set_key_end(&account.name, &key.id, not_after);
    }
    for key in &account.provider_keys {
        metrics.announce_key(&account.name, &key.id, KeyUse::Verify);
    }
}
