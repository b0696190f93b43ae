//! Who signs a notification: one of the provider's keys, an unknown key, or no key.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, Ordering};

use serde::Deserialize;

use crate::sandbox::engine::dialect::Signature;
use crate::sandbox::engine::keys::ProviderKey;

/// The provider's keys, and one that is unknown to every receiver.
pub struct Keys {
    /// The first one signs until the keys are rolled; there may be a second one, or no key at all.
    own: Vec<ProviderKey>,
    is_rolled: AtomicBool,
    stranger: OnceLock<Option<ProviderKey>>,
}

/// Who signs.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Signer {
    /// The provider's key that is in use.
    #[default]
    Active,
    First,
    Second,
    /// A key that is unknown to every receiver.
    Stranger,
    /// There is no signature.
    Nobody,
    /// This text takes the place of the signature.
    #[serde(skip)]
    Text(String),
}

impl Keys {
    pub fn new(own: impl IntoIterator<Item = ProviderKey>) -> Self {
        Self {
            own: own.into_iter().collect(),
            is_rolled: AtomicBool::new(false),
            stranger: OnceLock::new(),
        }
    }

    /// The public halves of the provider's own keys, in a fixed order, as one line of base64 each.
    pub fn public(&self) -> Vec<String> {
        self.own.iter().map(ProviderKey::public_base64).collect()
    }

    /// Whether there is a key to change to.
    pub fn can_roll(&self) -> bool {
        self.own.len() > 1
    }

    /// The key that signs now.
    pub fn active(&self) -> Option<&ProviderKey> {
        self.own.get(usize::from(self.is_rolled.load(Ordering::Relaxed)))
    }

    /// Changes to the other key.
    pub fn roll(&self) {
        self.is_rolled.fetch_not(Ordering::Relaxed);
    }

    /// Goes back to the first key.
    pub fn reset(&self) {
        self.is_rolled.store(false, Ordering::Relaxed);
    }

    /// `signer` with the active key named, so that it stays the same when the keys are rolled.
    pub fn fixed(&self, signer: Signer) -> Signer {
        match (signer, self.is_rolled.load(Ordering::Relaxed)) {
            (Signer::Active, false) => Signer::First,
            (Signer::Active, true) => Signer::Second,
            (signer, _) => signer,
        }
    }

    /// The signature that `signer` produces.
    ///
    /// # Errors
    /// When there is no such key.
    pub fn signature<'k>(&'k self, signer: &'k Signer) -> Result<Signature<'k>, String> {
        let key = match signer {
            Signer::Active => self.active(),
            Signer::First => self.own.first(),
            Signer::Second => self.own.get(1),
            Signer::Stranger => self.stranger(),
            Signer::Text(text) => return Ok(Signature::Given(text)),
            Signer::Nobody => return Ok(Signature::Missing),
        };
        key.map(Signature::By).ok_or_else(|| "the sandbox has no such provider key".to_string())
    }

    /// Made when it is first needed. As long as the provider's, so that only the signature's value is wrong.
    fn stranger(&self) -> Option<&ProviderKey> {
        let bytes = self.own.first().map_or(256, ProviderKey::signature_bytes);
        self.stranger.get_or_init(|| ProviderKey::generate(bytes).ok()).as_ref()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn without_a_key_nothing_is_signed() {
        let keys = Keys::new(Vec::new());
        assert!(keys.signature(&Signer::First).is_err());
        assert!(matches!(keys.signature(&Signer::Nobody), Ok(Signature::Missing)));
    }
}
