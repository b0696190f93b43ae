//! An account's keys: its own, which sign, and the provider's, which verify.

use std::collections::BTreeMap;

use jiff::Timestamp;

use crate::config::kind::texts::{Fingerprint, KeyId};
use crate::config::read::{At, List, Reader, Required, Section, Value, file_section};
use crate::sign::{PrivateKey, PublicKey, SigningKey, VerifyingKey};

file_section! {
    /// A private key of the account.
    SigningKeyFile {
        /// The key's name, shown in logs and metrics.
        id: Required<Value<KeyId>>,
        /// RSA, 2048 to 8192 bits: PEM (PKCS#8 or PKCS#1) or the provider's one-line base64.
        private_key: Required<Value<PrivateKey>>,
        /// The fingerprint that the key must have, as `countersign keys show` prints it. Anything by default.
        fingerprint: Value<Fingerprint>,
        /// When the key begins to sign; always by default.
        not_before: Value<Timestamp>,
        /// When the key no longer signs; never by default.
        not_after: Value<Timestamp>,
    }
}

file_section! {
    /// A public key of the provider.
    ProviderKeyFile {
        /// The key's name, shown in logs and metrics.
        id: Required<Value<KeyId>>,
        /// RSA: PEM or the provider's one-line base64.
        public_key: Required<Value<PublicKey>>,
        /// The fingerprint that the key must have, as `countersign keys show` prints it. Anything by default.
        fingerprint: Value<Fingerprint>,
    }
}

/// The account's own keys, in order. Each passed its self-test when it was read.
pub(super) fn signing(
    reader: &mut Reader<'_>,
    list: &Required<List<Section<SigningKeyFile>>>,
) -> Vec<At<SigningKey>> {
    let mut ids = Ids::default();
    let sections = reader.required_list(list, "at least one key that signs");
    sections.iter().filter_map(|section| signing_key(reader, section, &mut ids)).collect()
}

/// The provider's public keys, in order.
pub(super) fn verifying(
    reader: &mut Reader<'_>,
    list: &List<Section<ProviderKeyFile>>,
) -> Vec<At<VerifyingKey>> {
    let mut ids = Ids::default();
    let sections = reader.list(list);
    sections.iter().filter_map(|section| verifying_key(reader, section, &mut ids)).collect()
}

fn signing_key(
    reader: &mut Reader<'_>,
    section: &Section<SigningKeyFile>,
    ids: &mut Ids,
) -> Option<At<SigningKey>> {
    let file = reader.section(section)?;
    let id = ids.take(reader, &file.id);
    let key = reader.required(&file.private_key);
    let not_before = reader.optional(&file.not_before);
    let not_after = reader.optional(&file.not_after);
    if let (Some(start), Some(end)) = (not_before, not_after)
        && start >= end
    {
        let problem = format!("`{end}` is not after `not_before`, expected a later time");
        reader.mistake(&file.not_after.path, problem);
    }
    check_fingerprint(reader, &file.fingerprint, key.as_ref().map(PrivateKey::public));
    Some(file.private_key.at(SigningKey { id: id?, key: key?, not_before, not_after }))
}

fn verifying_key(
    reader: &mut Reader<'_>,
    section: &Section<ProviderKeyFile>,
    ids: &mut Ids,
) -> Option<At<VerifyingKey>> {
    let file = reader.section(section)?;
    let id = ids.take(reader, &file.id);
    let key = reader.required(&file.public_key);
    check_fingerprint(reader, &file.fingerprint, key.as_ref());
    Some(file.public_key.at(VerifyingKey { id: id?, key: key? }))
}

/// The ids of a key set with their paths.
#[derive(Default)]
struct Ids(BTreeMap<String, String>);

impl Ids {
    fn take(&mut self, reader: &mut Reader<'_>, value: &Required<Value<KeyId>>) -> Option<String> {
        let id = reader.required(value)?;
        let earlier = self.0.entry(id.clone()).or_insert_with(|| value.path.clone());
        if *earlier != value.path {
            let problem = format!("the same id as `{earlier}`, expected one of its own");
            reader.mistake(&value.path, problem);
        }
        Some(id)
    }
}

/// Compares a key with the fingerprint in the configuration. Key and configuration can come from two places that
/// change at different moments; with this check, neither is used without the other.
fn check_fingerprint(reader: &mut Reader<'_>, value: &Value<Fingerprint>, key: Option<&PublicKey>) {
    let Some(found) = key.map(PublicKey::fingerprint) else { return };
    if let Some(expected) = reader.optional(value).filter(|expected| *expected != found) {
        reader.mistake(&value.path, format!("the key is {found}, expected {expected}"));
    }
}
