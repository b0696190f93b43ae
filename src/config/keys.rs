//! An account's keys: its own, which sign, and the provider's, which verify.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};

use super::file::{AccountFile, ProviderKeyFile, SigningKeyFile};
use super::leaf::{Leaf, Required};
use super::section::Section;
use super::texts::KeyId;
use super::walk::Walk;
use crate::sign::{SigningKey, VerifyingKey};

/// How long before the last key ends a warning appears: time to agree on a new one with the provider.
const ENDS_SOON: SignedDuration = SignedDuration::from_hours(30 * 24);

/// Something read at a key path.
pub(super) struct At<T> {
    pub path: String,
    pub value: T,
}

/// The account's own keys, in order. Each passed its self-test when it was read.
pub(super) fn signing(
    walk: &mut Walk<'_>,
    file: &AccountFile,
    now: Timestamp,
) -> Vec<At<SigningKey>> {
    let sections = walk.required_list(&file.signing_key, "at least one key that signs");
    let mut ids = Ids::default();
    let keys: Vec<At<SigningKey>> =
        sections.iter().filter_map(|section| signing_key(walk, section, &mut ids)).collect();
    if keys.len() == sections.len() && !keys.is_empty() {
        warn_of_the_end(walk, &file.signing_key.0.path, &keys, now);
    }
    keys
}

/// The provider's public keys, in order.
pub(super) fn verifying(walk: &mut Walk<'_>, file: &AccountFile) -> Vec<At<VerifyingKey>> {
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

fn warn_of_the_end(walk: &mut Walk<'_>, path: &str, keys: &[At<SigningKey>], now: Timestamp) {
    if !keys.iter().any(|key| key.value.usable_at(now)) {
        walk.warn(path, "no key is usable now: calls will be refused with `key-unavailable`");
        return;
    }
    let ends: Option<Vec<Timestamp>> = keys.iter().map(|key| key.value.not_after).collect();
    let last = ends.and_then(|ends| ends.into_iter().max());
    if let Some(last) = last
        && last.duration_since(now) < ENDS_SOON
    {
        walk.warn(path, format!("the last key ends at {last}, in less than 30 days"));
    }
}
