//! Key sets with validity dates: which key signs now, which keys may verify.

use std::sync::Arc;

use jiff::Timestamp;

use super::key::{PrivateKey, PublicKey};

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
}
