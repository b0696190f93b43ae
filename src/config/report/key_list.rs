//! The keys of an account as shown to people: `countersign keys list` and `GET /keys` print this.
//!
//! The last use of a key is not known here; the caller fills it in.

use jiff::{SignedDuration, Timestamp};
use serde::Serialize;

use crate::config::snapshot::Account;
use crate::sign::{KeyRing, KeyState, PublicKey, SigningKey};

/// How long before a key ends a warning appears: enough time to agree on a new one with the provider.
const ENDS_SOON: SignedDuration = SignedDuration::from_hours(30 * 24);

/// An account's keys, in the order of the configuration. Its member names are printed: none is renamed or removed.
#[derive(Serialize)]
pub struct KeyList {
    /// The account's own.
    pub signing_keys: Vec<ListedKey>,
    /// The provider's, which verify.
    pub provider_keys: Vec<ListedKey>,
    /// Warnings about how long the account can sign.
    pub warnings: Vec<String>,
}

/// A key without its secrets.
#[derive(Serialize)]
pub struct ListedKey {
    pub id: String,
    pub fingerprint: String,
    pub state: KeyState,
    /// Whether it is the key that signs now.
    pub signs_now: bool,
    pub not_before: Option<Timestamp>,
    pub not_after: Option<Timestamp>,
    /// The last use by the running sidecar since it started; nothing if there was none, or if it is not known.
    pub last_used: Option<String>,
}

impl KeyList {
    /// The list at `now`, without the last uses of keys.
    pub fn of(account: &Account, now: Timestamp) -> Self {
        let signer = account.signing_keys.usable_at(now).map(|key| key.id.as_str());
        let signing = account.signing_keys.keys().iter();
        let provider = account.provider_keys.iter();
        Self {
            signing_keys: signing.map(|key| ListedKey::signing(key, signer, now)).collect(),
            provider_keys: provider.map(|key| ListedKey::usable(&key.id, &key.key)).collect(),
            warnings: key_warnings(&account.signing_keys, now),
        }
    }
}

impl ListedKey {
    fn signing(key: &SigningKey, signer: Option<&str>, now: Timestamp) -> Self {
        Self {
            state: key.state_at(now),
            signs_now: signer == Some(&key.id),
            not_before: key.not_before,
            not_after: key.not_after,
            ..Self::usable(&key.id, key.key.public())
        }
    }

    fn usable(id: &str, key: &PublicKey) -> Self {
        Self {
            id: id.to_owned(),
            fingerprint: key.fingerprint(),
            state: KeyState::Usable,
            signs_now: false,
            not_before: None,
            not_after: None,
            last_used: None,
        }
    }
}

/// Warnings about how long an account can sign: none of its keys is usable, or one ends within 30 days.
pub fn key_warnings(keys: &KeyRing, now: Timestamp) -> Vec<String> {
    if keys.usable_at(now).is_none() {
        return vec!["no key is usable now: calls will be refused with `key-unavailable`".into()];
    }
    let ending = keys.keys().iter().filter_map(|key| {
        let end = key.not_after?;
        let left = end.duration_since(now);
        if left <= SignedDuration::ZERO || left >= ENDS_SOON {
            return None;
        }
        let then = match keys.usable_at(end) {
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
