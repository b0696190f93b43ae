//! The keys of an account as people see them: `countersign keys list` and `GET /keys` print this.
//!
//! When a key was last used is not known here; it is filled in by who knows it.

use jiff::Timestamp;
use serde::Serialize;

use crate::config::section::keys::key_warnings;
use crate::config::snapshot::Account;
use crate::sign::{KeyState, SigningKey, VerifyingKey};

/// An account's keys, in the order of the configuration. Its member names are printed: none is renamed or removed.
#[derive(Serialize)]
pub struct KeyList {
    /// The account's own.
    pub signing_keys: Vec<ListedKey>,
    /// The provider's, which verify.
    pub provider_keys: Vec<ListedKey>,
    /// What is worth knowing about how long the account can sign.
    pub warnings: Vec<String>,
}

/// A key without its secrets.
#[derive(Serialize)]
pub struct ListedKey {
    pub id: String,
    pub fingerprint: String,
    pub state: KeyState,
    /// Whether it is the one that signs now.
    pub signs_now: bool,
    pub not_before: Option<Timestamp>,
    pub not_after: Option<Timestamp>,
    /// By the running sidecar since it started; nothing when it was not, or when that is not known.
    pub last_used: Option<String>,
}

impl KeyList {
    /// As it is at `now`, with nothing said of when keys were used.
    pub fn of(account: &Account, now: Timestamp) -> Self {
        let signer = account.signing_keys.usable_at(now).map(|key| key.id.as_str());
        let signing = account.signing_keys.keys().iter();
        let provider = account.provider_keys.iter();
        Self {
            signing_keys: signing.map(|key| ListedKey::signing(key, signer, now)).collect(),
            provider_keys: provider.map(ListedKey::verifying).collect(),
            warnings: key_warnings(account, now),
        }
    }
}

impl ListedKey {
    fn signing(key: &SigningKey, signer: Option<&str>, now: Timestamp) -> Self {
        Self {
            id: key.id.clone(),
            fingerprint: key.key.public().fingerprint(),
            state: key.state_at(now),
            signs_now: signer == Some(&key.id),
            not_before: key.not_before,
            not_after: key.not_after,
            last_used: None,
        }
    }

    fn verifying(key: &VerifyingKey) -> Self {
        Self {
            id: key.id.clone(),
            fingerprint: key.key.fingerprint(),
            state: KeyState::Usable,
            signs_now: false,
            not_before: None,
            not_after: None,
            last_used: None,
        }
    }
}
