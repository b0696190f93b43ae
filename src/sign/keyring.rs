//! Key sets with validity dates: which key signs now, which keys may verify.

use std::sync::Arc;

use jiff::Timestamp;
use serde::Serialize;
use strum::IntoStaticStr;

use super::key::{PrivateKey, PublicKey};

/// The use of a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, IntoStaticStr)]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case")]
pub enum KeyUse {
    /// Ours: signs requests.
    Sign,
    /// The provider's: verifies notifications.
    Verify,
}

/// A private key with its name and validity.
pub struct SigningKey {
    pub id: String,
    pub key: PrivateKey,
    pub not_before: Option<Timestamp>,
    pub not_after: Option<Timestamp>,
}

/// A provider's public key with its name.
pub struct VerifyingKey {
    pub id: String,
    pub key: PublicKey,
}

/// An account's signing keys, in the order of the configuration.
#[derive(Clone, Default)]
pub struct KeyRing {
    keys: Vec<Arc<SigningKey>>,
}

impl KeyRing {
    pub fn new(keys: Vec<SigningKey>) -> Self {
        Self { keys: keys.into_iter().map(Arc::new).collect() }
    }

    /// The first key that is valid at `now`; bounds are inclusive before and exclusive after.
    pub fn usable_at(&self, now: Timestamp) -> Option<&Arc<SigningKey>> {
        self.keys.iter().find(|key| key.usable_at(now))
    }

    pub fn keys(&self) -> &[Arc<SigningKey>] {
        &self.keys
    }
}

impl SigningKey {
    /// Whether the key may sign at `now`.
    pub fn usable_at(&self, now: Timestamp) -> bool {
        self.not_before.is_none_or(|start| start <= now)
            && self.not_after.is_none_or(|end| now < end)
    }

    /// The state of the key at `now`.
    pub fn state_at(&self, now: Timestamp) -> KeyState {
        match (self.usable_at(now), self.not_after) {
            (true, _) => KeyState::Usable,
            (false, Some(end)) if end <= now => KeyState::Ended,
            (false, _) => KeyState::NotYet,
        }
    }
}

/// A moment relative to a key's validity.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum KeyState {
    /// Before it.
    NotYet,
    /// In it.
    Usable,
    /// After it.
    Ended,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sign::fixture::another_copy_of_first;

    fn key(id: &str, not_before: Option<&str>, not_after: Option<&str>) -> SigningKey {
        let at = |text: &str| text.parse().expect("a timestamp");
        SigningKey {
            id: id.into(),
            key: another_copy_of_first(),
            not_before: not_before.map(at),
            not_after: not_after.map(at),
        }
    }

    fn signer(ring: &KeyRing, now: &str) -> Option<String> {
        ring.usable_at(now.parse().expect("a timestamp")).map(|key| key.id.clone())
    }

    #[test]
    fn without_a_usable_key_nothing_signs() {
        assert_eq!(signer(&KeyRing::default(), "2026-01-01T00:00:00Z"), None);
        let ring = KeyRing::new(vec![
            key("old", None, Some("2026-01-01T00:00:00Z")),
            key("new", Some("2026-02-01T00:00:00Z"), None),
        ]);
        assert_eq!(signer(&ring, "2026-01-01T00:00:00Z"), None, "expired at that very instant");
        assert_eq!(signer(&ring, "2026-01-31T23:59:59.999Z"), None, "not yet valid");
    }

    #[test]
    fn a_key_is_valid_from_its_start_until_just_before_its_end() {
        let ring = KeyRing::new(vec![key(
            "only",
            Some("2026-01-01T00:00:00Z"),
            Some("2027-01-01T00:00:00Z"),
        )]);
        assert_eq!(signer(&ring, "2025-12-31T23:59:59.999Z"), None);
        assert_eq!(signer(&ring, "2026-01-01T00:00:00Z").as_deref(), Some("only"));
        assert_eq!(signer(&ring, "2026-12-31T23:59:59.999Z").as_deref(), Some("only"));
        assert_eq!(signer(&ring, "2027-01-01T00:00:00Z"), None);
    }

    #[test]
    fn where_keys_overlap_the_first_in_the_configuration_signs() {
        let ring = KeyRing::new(vec![
            key("2027", Some("2026-12-01T00:00:00Z"), None),
            key("2026", None, Some("2027-01-01T00:00:00Z")),
            key("spare", None, None),
        ]);
        assert_eq!(signer(&ring, "2026-11-30T00:00:00Z").as_deref(), Some("2026"));
        assert_eq!(signer(&ring, "2026-12-15T00:00:00Z").as_deref(), Some("2027"), "both may");
        assert_eq!(signer(&ring, "2027-06-01T00:00:00Z").as_deref(), Some("2027"));
        let spare = KeyRing::new(vec![
            key("gone", None, Some("2020-01-01T00:00:00Z")),
            key("spare", None, None),
        ]);
        assert_eq!(signer(&spare, "2026-01-01T00:00:00Z").as_deref(), Some("spare"));
    }
}
