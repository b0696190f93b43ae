//! Starts, reloads and keys: the parts of the configuration that decide who can move money.

use std::collections::BTreeSet;

use super::actor::Actor;
use super::entry::{Action, Entry};
use super::log::Audit;
use crate::config::Snapshot;
use crate::sign::KeyUse;

/// A sidecar began to run with `snapshot`; every key of it is named.
pub fn started(audit: &Audit, snapshot: &Snapshot) {
    let mut entry = Entry::new(Action::Started, Actor::Sidecar);
    entry.configuration = Some(snapshot.hash.clone());
    audit.record(entry);
    changes(audit, &BTreeSet::new(), &keys(snapshot), Actor::Sidecar);
}

/// The configuration was read again: `new` replaces `old`, or was refused because of `Err` mistakes.
pub fn reloaded(audit: &Audit, old: &Snapshot, new: Result<&Snapshot, usize>, actor: Actor) {
    let mut entry = Entry::new(Action::Reloaded, actor);
    match new {
        Ok(new) => {
            entry.outcome = Some("accepted".to_owned());
            entry.configuration = Some(new.hash.clone());
            audit.record(entry);
            changes(audit, &keys(old), &keys(new), actor);
        }
        Err(mistakes) => {
            entry.outcome = Some("rejected".to_owned());
            entry.configuration = Some(old.hash.clone());
            audit.record(entry.counting(mistakes as u64));
        }
    }
}

/// Account, key and its use.
type Keys<'s> = BTreeSet<(&'s str, &'s str, KeyUse)>;

fn keys(snapshot: &Snapshot) -> Keys<'_> {
    let mut keys = Keys::new();
    for account in snapshot.accounts.values() {
        let signing = account.signing_keys.keys().iter();
        keys.extend(signing.map(|key| (account.name.as_str(), key.id.as_str(), KeyUse::Sign)));
        let verifying = account.provider_keys.iter();
        keys.extend(verifying.map(|key| (account.name.as_str(), key.id.as_str(), KeyUse::Verify)));
    }
    keys
}

fn changes(audit: &Audit, old: &Keys<'_>, new: &Keys<'_>, actor: Actor) {
    let entry = |action, (account, id, key_use): &(&str, &str, KeyUse)| {
        Entry::new(action, actor).of_account(account).of_key(id, *key_use)
    };
    for key in new.difference(old) {
        audit.record(entry(Action::KeyAdded, key));
    }
    for key in old.difference(new) {
        audit.record(entry(Action::KeyRemoved, key));
    }
}
