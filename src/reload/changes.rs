//! The differences between two snapshots: accounts and keys by name.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::config::{Account, Snapshot};
use crate::sign::KeyUse;

/// What a reload added, removed and replaced. Its member names are printed: none is renamed or removed.
#[derive(Debug, Default, PartialEq, Eq, Serialize)]
pub struct Changes {
    /// New accounts.
    #[serde(rename = "accounts_added")]
    pub added: Vec<String>,
    /// Removed accounts.
    #[serde(rename = "accounts_removed")]
    pub removed: Vec<String>,
    /// Removed accounts that are now former names of another account, with that account.
    #[serde(rename = "accounts_renamed")]
    pub renamed: BTreeMap<String, String>,
    /// Keys of remaining accounts.
    pub keys: Vec<KeyChange>,
}

/// One key that was added, removed, or replaced under the same id.
#[derive(Debug, PartialEq, Eq, Serialize)]
pub struct KeyChange {
    pub account: String,
    #[serde(rename = "key_id")]
    pub id: String,
    #[serde(rename = "use")]
    pub usage: KeyUse,
    /// The fingerprint before; nothing for a new key.
    pub before: Option<String>,
    /// The fingerprint after; nothing for a removed key.
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

    /// Logs each change. Another key under the same id is a warning: it may be intended, or a file may have gone to
    /// the wrong place.
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
            let (usage, before, after) = (<&str>::from(usage), before.as_deref(), after.as_deref());
            match (before, after) {
                (Some(_), Some(_)) => {
                    let message = "another key under the same id";
                    tracing::warn!(account, key_id = id, usage, before, after, "{message}");
                }
                (None, _) => tracing::info!(account, key_id = id, usage, after, "key added"),
                (_, None) => tracing::info!(account, key_id = id, usage, before, "key removed"),
            }
        }
    }
}

/// The ids and fingerprints of an account's keys.
pub(super) fn keys_of(account: &Account, usage: KeyUse) -> BTreeMap<&str, String> {
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
    let (old, new) = (keys_of(before, usage), keys_of(after, usage));
    let added = new.keys().filter(|id| !old.contains_key(*id));
    let differing = old.keys().chain(added).filter(|id| old.get(*id) != new.get(*id));
    let change = |id: &&str| KeyChange {
        account: after.name.clone(),
        id: (*id).to_owned(),
        usage,
        before: old.get(id).cloned(),
        after: new.get(id).cloned(),
    };
    differing.map(change).collect()
}
