//! An account's keys: its own, which sign, and the provider's, which verify.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};

use super::file::{AccountFile, ProviderKeyFile, SigningKeyFile};
use crate::config::kind::texts::{Fingerprint, KeyId};
use crate::config::read::reader::Walk;
use crate::config::read::section::Section;
use crate::config::read::value::{Leaf, Required};
use crate::config::snapshot::Account;
use crate::sign::{PublicKey, SigningKey, VerifyingKey};

/// How long before a key ends a warning appears: time to agree on a new one with the provider.
const ENDS_SOON: SignedDuration = SignedDuration::from_hours(30 * 24);

/// Something read at a key path.
pub(crate) struct At<T> {
    pub path: String,
    pub value: T,
}

/// The account's own keys, in order. Each passed its self-test when it was read.
pub(crate) fn signing(
    walk: &mut Walk<'_>,
    file: &AccountFile,
    now: Timestamp,
) -> Vec<At<SigningKey>> {
    let sections = walk.required_list(&file.signing_key, "at least one key that signs");
    let mut ids = Ids::default();
    let keys: Vec<At<SigningKey>> =
        sections.iter().filter_map(|section| signing_key(walk, section, &mut ids)).collect();
    if keys.len() == sections.len() && !keys.is_empty() {
        let known: Vec<&SigningKey> = keys.iter().map(|key| &key.value).collect();
        for warning in warnings(&known, now) {
            walk.warn(&file.signing_key.0.path, warning);
        }
    }
    keys
}

/// What is worth knowing about how long an account can sign: none of its keys is usable, or one ends within 30 days.
pub fn key_warnings(account: &Account, now: Timestamp) -> Vec<String> {
    let keys: Vec<&SigningKey> = account.signing_keys.keys().iter().map(|key| &**key).collect();
    warnings(&keys, now)
}

/// The provider's public keys, in order.
pub(crate) fn verifying(walk: &mut Walk<'_>, file: &AccountFile) -> Vec<At<VerifyingKey>> {
    let mut ids = Ids::default();
    let sections = walk.list(&file.provider_key);
    sections.iter().filter_map(|section| verifying_key(walk, section, &mut ids)).collect()
}

fn signing_key(
    walk: &mut Walk<'_>,
    section: &Section<SigningKeyFile>,
    ids: &mut Ids,
) -> Option<At<SigningKey>> {
    let file = walk.section(section)?;
    let id = ids.take(walk, &file.id);
    let key = walk.required(&file.private_key);
    let not_before = walk.optional(&file.not_before);
    let not_after = walk.optional(&file.not_after);
    if let (Some(start), Some(end)) = (not_before, not_after)
        && start >= end
    {
        let problem = format!("`{end}` is not after `not_before`, expected a later time");
        walk.mistake(&file.not_after.path, problem);
    }
    if let Some(key) = &key {
        check_fingerprint(walk, &file.fingerprint, key.public());
    }
    let value = SigningKey { id: id?, key: key?, not_before, not_after };
    Some(At { path: file.private_key.0.path.clone(), value })
}

fn verifying_key(
    walk: &mut Walk<'_>,
    section: &Section<ProviderKeyFile>,
    ids: &mut Ids,
) -> Option<At<VerifyingKey>> {
    let file = walk.section(section)?;
    let id = ids.take(walk, &file.id);
    let key = walk.required(&file.public_key);
    if let Some(key) = &key {
        check_fingerprint(walk, &file.fingerprint, key);
    }
    let value = VerifyingKey { id: id?, key: key? };
    Some(At { path: file.public_key.0.path.clone(), value })
}

/// The ids of a key set with the paths where they stand.
#[derive(Default)]
struct Ids(BTreeMap<String, String>);

impl Ids {
    fn take(&mut self, walk: &mut Walk<'_>, leaf: &Required<Leaf<KeyId>>) -> Option<String> {
        let KeyId(id) = walk.required(leaf)?;
        if let Some(earlier) = self.0.get(&id) {
            let problem = format!("the same id as `{earlier}`, expected one of its own");
            walk.mistake(&leaf.0.path, problem);
        }
        self.0.entry(id.clone()).or_insert_with(|| leaf.0.path.clone());
        Some(id)
    }
}

/// Holds a key against the fingerprint that the configuration names. Key and configuration can come from two places that
/// change at different moments; with this, neither is taken without the other.
fn check_fingerprint(walk: &mut Walk<'_>, leaf: &Leaf<Fingerprint>, key: &PublicKey) {
    let Some(Fingerprint(expected)) = walk.optional(leaf) else { return };
    let found = key.fingerprint();
    if found != expected {
        walk.mistake(&leaf.path, format!("the key is {found}, expected {expected}"));
    }
}

fn warnings(keys: &[&SigningKey], now: Timestamp) -> Vec<String> {
    let usable_at = |at| keys.iter().find(|key| key.usable_at(at));
    if usable_at(now).is_none() {
        return vec!["no key is usable now: calls will be refused with `key-unavailable`".into()];
    }
    let ending = keys.iter().filter_map(|key| {
        let end = key.not_after?;
        let left = end.duration_since(now);
        if left <= SignedDuration::ZERO || left >= ENDS_SOON {
            return None;
        }
        let then = match usable_at(end) {
            Some(next) => format!("`{}` signs from then on", next.id),
            None => "no key is usable from then on".to_owned(),
        };
        Some(format!("key `{}` ends at {end}, in {}: {then}", key.id, days(left)))
    });
    ending.collect()
}

fn days(left: SignedDuration) -> String {
    match left.as_hours() / 24 {
        0 => "less than a day".to_owned(),
        1 => "1 day".to_owned(),
        days => format!("{days} days"),
    }
}
