//! The private half: signs, and is never shown.

use std::fmt;

use aws_lc_rs::encoding::{AsDer, Pkcs8V1Der};
use aws_lc_rs::rsa::{KeyPair, KeySize};
use aws_lc_rs::signature::{self, KeyPair as _};

use super::{Hash, KeyError, PublicKey, der, raw, text};
use crate::random;
use crate::secret::Secret;

/// An RSA private key that passed a sign-and-verify self-test when it was read.
pub struct PrivateKey {
    pair: KeyPair,
    public: PublicKey,
}

impl PrivateKey {
    /// Reads PEM (PKCS#8 or PKCS#1) or one-line base64 DER (PKCS#8 or PKCS#1); 2048 to 8192 bits.
    pub fn from_text(text: &Secret) -> Result<Self, KeyError> {
        let der = text::decode(text.expose(), text::Wanted::Private)?;
        match der::recognise(&der)? {
            der::Found::Private(pkcs1) => Self::from_pkcs1(pkcs1),
            der::Found::Public(_) => Err(text::public_for_private()),
        }
    }

    /// Makes a new key pair; `bits` is one of 2048, 3072, 4096, 8192.
    pub fn generate(bits: usize) -> Result<Self, KeyError> {
        let size = match bits {
            2048 => KeySize::Rsa2048,
            3072 => KeySize::Rsa3072,
            4096 => KeySize::Rsa4096,
            8192 => KeySize::Rsa8192,
            _ => {
                return Err(KeyError::not_a_key(format!(
                    "keys of {bits} bits are not made, expected 2048, 3072, 4096 or 8192"
                )));
            }
        };
        let pair = KeyPair::generate(size)
            .map_err(|_| KeyError::not_a_key("the crypto library could not make a key"))?;
        Self::checked(pair)
    }

    /// The public half.
    pub fn public(&self) -> &PublicKey {
        &self.public
    }

    /// The PKCS#8 DER.
    pub fn to_pkcs8_der(&self) -> Secret {
        let der: Pkcs8V1Der<'static> = self.pair.as_der().expect("a key that was read is written");
        Secret::new(der.as_ref().to_vec())
    }

    /// PEM of the PKCS#8 DER.
    pub fn to_pkcs8_pem(&self) -> Secret {
        text::private_pem(self.to_pkcs8_der().expose())
    }

    /// The provider's one-line form: base64 of the PKCS#8 DER.
    pub fn to_pkcs8_base64(&self) -> Secret {
        Secret::new(text::one_line(self.to_pkcs8_der().expose()).into_bytes())
    }

    /// PKCS#1 v1.5 signature. CPU-bound: about 0.25 ms at 2048 bits, 1.5 ms at 4096.
    pub fn sign(&self, hash: Hash, message: &[u8]) -> Vec<u8> {
        self.try_sign(hash, message).expect("a key that passed its self-test signs")
    }

    pub(super) fn from_pkcs1(pkcs1: &[u8]) -> Result<Self, KeyError> {
        let pair = KeyPair::from_der(pkcs1).map_err(|_| {
            KeyError::not_a_key("the private key is damaged: its numbers do not belong together")
        })?;
        Self::checked(pair)
    }

    /// Accepts a key only if its signatures verify.
    fn checked(pair: KeyPair) -> Result<Self, KeyError> {
        const MESSAGE: &[u8] = b"countersign self-test";
        let key = Self { public: PublicKey::from_pkcs1(pair.public_key().as_ref())?, pair };
        match key.try_sign(Hash::Sha256, MESSAGE) {
            Some(signature) if key.public.verify(Hash::Sha256, MESSAGE, &signature) => Ok(key),
            _ => Err(KeyError::not_a_key(
                "the private key failed its self-test: what it signs does not verify",
            )),
        }
    }

    fn try_sign(&self, hash: Hash, message: &[u8]) -> Option<Vec<u8>> {
        let encoding = match hash {
            Hash::Sha1 => return self.sign_sha1(message),
            Hash::Sha256 => &signature::RSA_PKCS1_SHA256,
            Hash::Sha512 => &signature::RSA_PKCS1_SHA512,
        };
        let mut signed = vec![0; self.pair.public_modulus_len()];
        self.pair.sign(encoding, &random::source(), message, &mut signed).ok()?;
        Some(signed)
    }

    fn sign_sha1(&self, message: &[u8]) -> Option<Vec<u8>> {
        let pkcs8 = self.to_pkcs8_der();
        match der::recognise(pkcs8.expose()) {
            Ok(der::Found::Private(pkcs1)) => {
                raw::sign_sha1(pkcs1, Hash::Sha1.digest(message).as_ref())
            }
            _ => None,
        }
    }
}

impl fmt::Debug for PrivateKey {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("PrivateKey([redacted])")
    }
}
