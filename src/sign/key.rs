//! RSA keys: reading them from what merchants have, showing their public half, signing and verifying.

use serde::{Deserialize, Serialize};

use crate::secret::Secret;

/// A hash that RSA signatures are made over.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Hash {
    Sha1,
    Sha256,
    Sha512,
}

/// Why a key text could not be used. Never holds any of the text.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum KeyError {
    #[error("the key is empty")]
    Empty,
    #[error("{0}")]
    NotAKey(String),
}

/// An RSA private key that passed a sign-and-verify self-test when it was read.
pub struct PrivateKey {}

/// An RSA public key, parsed once.
#[derive(Clone)]
pub struct PublicKey {}

impl PrivateKey {
    /// Reads PEM (PKCS#8 or PKCS#1) or one-line base64 DER (PKCS#8 or PKCS#1); 2048 to 8192 bits.
    pub fn from_text(_text: &Secret) -> Result<Self, KeyError> {
        todo!()
    }
    /// Makes a new key pair; `bits` is one of 2048, 3072, 4096, 8192.
    pub fn generate(_bits: usize) -> Result<Self, KeyError> {
        todo!()
    }
    pub fn public(&self) -> &PublicKey {
        todo!()
    }
    /// The PKCS#8 DER.
    pub fn to_pkcs8_der(&self) -> Secret {
        todo!()
    }
    /// PKCS#1 v1.5 signature. CPU-bound: about 0.25 ms at 2048 bits, 1.5 ms at 4096.
    pub fn sign(&self, _hash: Hash, _message: &[u8]) -> Vec<u8> {
        todo!()
    }
}

impl PublicKey {
    /// Reads PEM (SPKI or PKCS#1 `RSA PUBLIC KEY`) or one-line base64 DER.
    pub fn from_text(_text: &[u8]) -> Result<Self, KeyError> {
        todo!()
    }
    pub fn verify(&self, _hash: Hash, _message: &[u8], _signature: &[u8]) -> bool {
        todo!()
    }
    pub fn bits(&self) -> usize {
        todo!()
    }
    /// DER of the X.509 SubjectPublicKeyInfo.
    pub fn spki_der(&self) -> &[u8] {
        todo!()
    }
    pub fn to_pem(&self) -> String {
        todo!()
    }
    /// The provider's one-line form: base64 of the SPKI DER.
    pub fn to_base64(&self) -> String {
        todo!()
    }
    /// `sha256:` and the lower-case hex SHA-256 of the SPKI DER.
    pub fn fingerprint(&self) -> String {
        todo!()
    }
}
