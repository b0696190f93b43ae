//! Hashes that reveal whether a value that is not shown has changed: the contents of a file, a secret, a variable.
//!
//! Public values have a plain hash. A secret has a keyed one, with the account's first signing key as the key: a
//! reader of the admin side cannot use it to guess tokens, and the owner of the next configuration has that key too.

use std::collections::BTreeMap;

use aws_lc_rs::digest::{SHA256, digest};
use aws_lc_rs::hmac;

use crate::config::read::Readings;
use crate::config::snapshot::{Accounts, Digests};
use crate::sign::{PrivateKey, hex};

/// Keeps these hashes separate from other uses of the key.
const PURPOSE: &[u8] = b"countersign: is this value another one?";

impl Readings {
    /// The hashes shown by a process that runs with these values.
    pub(crate) fn digests(&self, accounts: &Accounts) -> Digests {
        let first = accounts.values().filter_map(|account| {
            let key = account.signing_keys.keys().first()?;
            Some((account.name.clone(), key.key.public().fingerprint()))
        });
        self.digests_like(accounts, &first.collect())
    }

    /// The hashes to compare with those of another process, which hashes with `keyed_by`.
    pub fn digests_like(
        &self,
        accounts: &Accounts,
        keyed_by: &BTreeMap<String, String>,
    ) -> Digests {
        let mut digests = Digests::default();
        let mut keys: BTreeMap<&str, hmac::Key> = BTreeMap::new();
        for account in accounts.values() {
            let Some(fingerprint) = keyed_by.get(&account.name) else { continue };
            let mut own = account.signing_keys.keys().iter();
            if let Some(key) = own.find(|key| key.key.public().fingerprint() == *fingerprint) {
                keys.insert(&account.name, hash_key(&key.key));
                digests.keyed_by.insert(account.name.clone(), fingerprint.clone());
            }
        }
        for reading in &self.0 {
            let digest = match reading.is_secret {
                false => Some(hex(digest(&SHA256, reading.text.as_bytes()).as_ref())),
                true => account_of(&reading.path)
                    .and_then(|account| keys.get(account))
                    .map(|key| hex(hmac::sign(key, reading.text.as_bytes()).as_ref())),
            };
            digests.values.extend(digest.map(|digest| (reading.path.clone(), digest)));
        }
        // The public half is enough, whatever the hash key.
        for account in accounts.values() {
            for (index, key) in account.signing_keys.keys().iter().enumerate() {
                let path = format!("account.{}.signing_key[{index}].private_key", account.name);
                digests.values.insert(path, key.key.public().fingerprint());
            }
        }
        digests
    }
}

/// The account that a key path belongs to.
fn account_of(path: &str) -> Option<&str> {
    path.strip_prefix("account.")?.split('.').next()
}

fn hash_key(key: &PrivateKey) -> hmac::Key {
    let whole = hmac::Key::new(hmac::HMAC_SHA256, key.to_pkcs8_base64().expose());
    hmac::Key::new(hmac::HMAC_SHA256, hmac::sign(&whole, PURPOSE).as_ref())
}
