//! The keys that the sandbox uses: merchants' public keys, and the provider's own pair.
//!
//! Reads key texts by itself: the check of the sidecar's signatures must not share code with the signer.

use aws_lc_rs::encoding::AsDer;
use aws_lc_rs::rsa::{KeyPair, KeySize};
use aws_lc_rs::signature::{
    KeyPair as _, ParsedPublicKey, RSA_PKCS1_2048_8192_SHA1_FOR_LEGACY_USE_ONLY,
    RSA_PKCS1_2048_8192_SHA256, RSA_PKCS1_2048_8192_SHA512, RSA_PKCS1_SHA256, RsaParameters,
};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use crate::random;
use crate::secret::Secret;
use crate::sign::Hash;

/// A merchant's public key as registered with the provider.
pub struct MerchantKey(ParsedPublicKey);

impl MerchantKey {
    /// Reads a PEM or one-line base64 public key; signatures are expected over `hash`.
    pub fn from_text(text: &str, hash: Hash) -> Result<Self, String> {
        let der = der(text).ok_or("the public key is neither PEM nor base64")?;
        ParsedPublicKey::new(algorithm(hash), der.expose())
            .map(Self)
            .map_err(|_| "the public key is not an RSA key of 2048 to 8192 bits".to_string())
    }

    pub fn parsed(&self) -> &ParsedPublicKey {
        &self.0
    }
}

/// The provider's key pair. Merchants get its public half; it signs notifications.
pub struct ProviderKey(KeyPair);

impl ProviderKey {
    /// Reads a PKCS#8 private key, PEM or one-line base64.
    pub fn from_text(text: &Secret) -> Result<Self, String> {
        let text = std::str::from_utf8(text.expose()).map_err(|_| "the key is not text")?;
        let der = der(text).ok_or("the private key is neither PEM nor base64")?;
        KeyPair::from_pkcs8(der.expose())
            .map(Self)
            .map_err(|_| "the private key is not an RSA key in PKCS#8".to_string())
    }

    /// A new pair whose signatures have `signature_bytes` bytes, or the next available size.
    pub fn generate(signature_bytes: usize) -> Result<Self, String> {
        let size = match signature_bytes {
            0..=256 => KeySize::Rsa2048,
            257..=384 => KeySize::Rsa3072,
            385..=512 => KeySize::Rsa4096,
            _ => KeySize::Rsa8192,
        };
        KeyPair::generate(size).map(Self).map_err(|_| "no key could be made".to_string())
    }

    /// The standard base64 of the signature (RSA PKCS#1 v1.5 with SHA-256) over the UTF-8 bytes of `text`.
    pub fn sign(&self, text: &str) -> Result<String, String> {
        let mut signature = vec![0; self.signature_bytes()];
        self.0
            .sign(&RSA_PKCS1_SHA256, &random::source(), text.as_bytes(), &mut signature)
            .map_err(|_| "the notification could not be signed".to_string())?;
        Ok(STANDARD.encode(signature))
    }

    pub fn signature_bytes(&self) -> usize {
        self.0.public_modulus_len()
    }

    /// The public half in the form in which the provider gives it out: one line of base64.
    pub fn public_base64(&self) -> String {
        let der = self.0.public_key().as_der();
        // Encoding a parsed key fails only when memory is exhausted; then an empty text does not matter.
        der.map(|der| STANDARD.encode(der.as_ref())).unwrap_or_default()
    }
}

fn algorithm(hash: Hash) -> &'static RsaParameters {
    match hash {
        Hash::Sha1 => &RSA_PKCS1_2048_8192_SHA1_FOR_LEGACY_USE_ONLY,
        Hash::Sha256 => &RSA_PKCS1_2048_8192_SHA256,
        Hash::Sha512 => &RSA_PKCS1_2048_8192_SHA512,
    }
}

/// The DER inside PEM or plain base64. Wiped on drop, as it may be a private key.
fn der(text: &str) -> Option<Secret> {
    let base64: String =
        text.lines().map(str::trim).filter(|line| !line.starts_with("-----")).collect();
    STANDARD.decode(base64).ok().filter(|der| !der.is_empty()).map(Secret::new)
}
