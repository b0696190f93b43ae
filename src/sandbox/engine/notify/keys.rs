//! Who signs a notification: one of the provider's keys, a key that nobody has, or nobody.

use std::sync::OnceLock;

use crate::sandbox::engine::dialect::Signature;
use crate::sandbox::engine::keys::ProviderKey;

/// The provider's keys and one that is nobody's.
pub struct Keys {
    /// The first signs until the keys are rolled; there may be a second, or none at all.
    own: Vec<ProviderKey>,
    stranger: OnceLock<Option<ProviderKey>>,
}

/// Who signs.
#[derive(Clone, Debug)]
pub enum Signer {
    /// One of the provider's keys, by its place.
    Provider(usize),
    /// A key that nobody has.
    Stranger,
    /// This text stands where the signature belongs.
    Text(String),
    /// There is no signature.
    Nobody,
}

impl Keys {
    pub fn new(own: Vec<ProviderKey>) -> Self {
        Self { own, stranger: OnceLock::new() }
    }

    /// The provider's own.
    pub fn own(&self) -> &[ProviderKey] {
        &self.own
    }

    /// What `signer` puts where the signature belongs.
    ///
    /// # Errors
    /// When there is no such key.
    pub fn signature<'k>(&'k self, signer: &'k Signer) -> Result<Signature<'k>, String> {
        let key = match signer {
            Signer::Provider(place) => self.own.get(*place),
            Signer::Stranger => self.stranger(),
            Signer::Text(text) => return Ok(Signature::Given(text)),
            Signer::Nobody => return Ok(Signature::Missing),
        };
        key.map(Signature::By).ok_or_else(|| "the sandbox has no such provider key".to_string())
    }

    /// Made when it is first needed. As long as the provider's, so that nothing but the signature's value is wrong.
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
        assert!(keys.signature(&Signer::Provider(0)).is_err());
        assert!(matches!(keys.signature(&Signer::Nobody), Ok(Signature::Missing)));
    }
}
