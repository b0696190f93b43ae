//! What one snapshot has and another has not: accounts and keys by name.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::config::{Account, Snapshot};
use crate::metrics::KeyUse;

/// What a reload added, removed and replaced.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Changes {
    /// Accounts that are new.
    pub added: Vec<String>,
    /// Accounts that are gone.
    pub removed: Vec<String>,
    /// Those of the removed that are another account's former names now, with that account.
    pub renamed: BTreeMap<String, String>,
    /// Keys of accounts that stay.
    pub keys: Vec<KeyChange>,
}

/// One key that came, went, or is another one under the same id.
#[derive(Debug, PartialEq, Eq)]
pub struct KeyChange {
    pub account: String,
    pub id: String,
    pub usage: KeyUse,
    /// The fingerprint before; nothing for a new key.
    pub before: Option<String>,
    /// The fingerprint after; nothing for a key that is gone.
    pub after: Option<String>,
}

impl Changes {
    /// From `before` to `after`.
    pub fn between(before: &Snapshot, after: &Snapshot) -> Self {
        let missing = |from: &Snapshot, other: &Snapshot| -> Vec<String> {
            let names = from.accounts.keys();
            names.filter(|name| !other.accounts.contains_key(*name)).cloned().collect()
        };
        let stay = before
            .accounts
            .values()
            .filter_map(|account| Some((account, after.accounts.get(&account.name)?)));
        let keys = stay.flat_map(|(before, after)| {
            let of = |usage| key_changes(before, after, usage);
            of(KeyUse::Sign).into_iter().chain(of(KeyUse::Verify))
        });
        let removed: Vec<String> = missing(before, after);
        let renamed = removed
            .iter()
            .filter_map(|name| Some((name.clone(), after.account(name)?.name.clone())));
        Self {
            added: missing(after, before),
            renamed: renamed.collect(),
            removed,
            keys: keys.collect(),
        }
    }

    /// For people and programs.
    pub fn to_json(&self) -> Value {
        let keys = self.keys.iter().map(|key| {
            json!({
                "account": key.account,
                "key_id": key.id,
                "use": key.usage.as_str(),
                "before": key.before,
                "after": key.after,
            })
        });
        json!({
            "accounts_added": self.added,
            "accounts_removed": self.removed,
            "accounts_renamed": self.renamed,
            "keys": keys.collect::<Vec<_>>(),
        })
    }

    /// Logs each. A key that is another one under the same id is a warning: it may be meant, and it may be a file that
    /// went to the wrong place.
    pub(super) fn log(&self) {
        for account in &self.added {
            tracing::info!(account, "account added");
        }
        for account in &self.removed {
            match self.renamed.get(account) {
                Some(new) => tracing::info!(account, "account renamed to `{new}`"),
                None => {
                    tracing::warn!(account, "account removed: calls and notifications are refused");
                }
            }
        }
        for KeyChange { account, id, usage, before, after } in &self.keys {
            let usage = usage.as_str();
            match (before, after) {
                (Some(before), Some(after)) => {
                    tracing::warn!(
                        account,
                        key_id = id,
                        usage,
                        before,
                        after,
                        "another key under the same id"
                    );
                }
                (None, Some(after)) => {
                    tracing::info!(account, key_id = id, usage, after, "key added");
                }
                (Some(before), None) => {
                    tracing::info!(account, key_id = id, usage, before, "key removed");
                }
                (None, None) => {}
            }
        }
    }
}

/// The ids and fingerprints of an account's keys.
fn keys_of(account: &Account, usage: KeyUse) -> BTreeMap<&str, String> {
    match usage {
        KeyUse::Sign => {
            let keys = account.signing_keys.keys().iter();
            keys.map(|key| (key.id.as_str(), key.key.public().fingerprint())).collect()
        }
        KeyUse::Verify => {
            let keys = account.provider_keys.iter();
            keys.map(|key| (key.id.as_str(), key.key.fingerprint())).collect()
        }
    }
}

fn key_changes(before: &Account, after: &Account, usage: KeyUse) -> Vec<KeyChange> {
    let (before_keys, mut after_keys) = (keys_of(before, usage), keys_of(after, usage));
    let mut changes = Vec::new();
    let mut note = |id: &str, before: Option<String>, after_key: Option<String>| {
        let (account, id) = (after.name.clone(), id.to_owned());
        changes.push(KeyChange { account, id, usage, before, after: after_key });
    };
    for (id, fingerprint) in before_keys {
        let now = after_keys.remove(id);
        if now.as_ref() != Some(&fingerprint) {
            note(id, Some(fingerprint), now);
        }
    }
    for (id, fingerprint) in after_keys {
        note(id, None, Some(fingerprint));
    }
    changes
}
