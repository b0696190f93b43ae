//! The public half: verifies, and may be shown to anyone.

use std::fmt;
use std::sync::Arc;

use aws_lc_rs::encoding::{AsDer, PublicKeyX509Der};
use aws_lc_rs::rsa;
use aws_lc_rs::signature::{
    ParsedPublicKey, RSA_PKCS1_2048_8192_SHA1_FOR_LEGACY_USE_ONLY, RSA_PKCS1_2048_8192_SHA256,
    RSA_PKCS1_2048_8192_SHA512,
};

use super::{Hash, KeyError, der, raw, text};

/// An RSA public key, parsed once.
#[derive(Clone)]
pub struct PublicKey(Arc<Parsed>);

/// The library binds a parsed key to one algorithm, so there is one for each hash.
struct Parsed {
    sha1: ParsedPublicKey,
    sha256: ParsedPublicKey,
    sha512: ParsedPublicKey,
    pkcs1: Vec<u8>,
    spki: Vec<u8>,
    bits: usize,
}

impl PublicKey {
    /// Reads PEM (SPKI or PKCS#1 `RSA PUBLIC KEY`) or one-line base64 DER; 2048 to 8192 bits.
    pub fn from_text(text: &[u8]) -> Result<Self, KeyError> {
        let der = text::decode(text, text::Wanted::Public)?;
        match der::recognise(&der)? {
            der::Found::Public(pkcs1) => Self::from_pkcs1(pkcs1),
            der::Found::Private(_) => Err(text::private_for_public()),
        }
    }

    /// Whether `signature` is this key's PKCS#1 v1.5 signature of `message`.
    pub fn verify(&self, hash: Hash, message: &[u8], signature: &[u8]) -> bool {
        let key = match hash {
            Hash::Sha1 => &self.0.sha1,
            Hash::Sha256 => &self.0.sha256,
            Hash::Sha512 => &self.0.sha512,
        };
        key.verify_sig(message, signature).is_ok()
    }

    /// The size of the modulus, in bits.
    pub fn bits(&self) -> usize {
        self.0.bits
    }

    /// DER of the X.509 SubjectPublicKeyInfo.
    pub fn spki_der(&self) -> &[u8] {
        &self.0.spki
    }

    /// PEM of the SubjectPublicKeyInfo.
    pub fn to_pem(&self) -> String {
        text::public_pem(&self.0.spki)
    }

    /// The provider's one-line form: base64 of the SPKI DER.
    pub fn to_base64(&self) -> String {
        text::one_line(&self.0.spki)
    }

    /// `sha256:` and the lower-case hex SHA-256 of the SPKI DER.
    pub fn fingerprint(&self) -> String {
        format!("sha256:{}", Hash::Sha256.digest_hex(&self.0.spki))
    }

    /// The digest a signature was made over, if this key's private half made it. Identifies the signer even when the
    /// signed text is unknown; it verifies nothing.
    pub(in crate::sign) fn recover_digest(&self, signature: &[u8]) -> Option<(Hash, Vec<u8>)> {
        let info = raw::recover_digest_info(&self.0.pkcs1, signature)?;
        Hash::ALL.into_iter().find_map(|hash| {
            let digest = info.strip_prefix(digest_info_prefix(hash))?;
            (digest.len() == hash.digest(b"").as_ref().len()).then(|| (hash, digest.to_vec()))
        })
    }

    pub(super) fn from_pkcs1(pkcs1: &[u8]) -> Result<Self, KeyError> {
        let refused =
            || KeyError::not_a_key("the public key is damaged: its numbers are not an RSA key's");
        let key = rsa::PublicKey::from_der(pkcs1).map_err(|_| refused())?;
        let spki: PublicKeyX509Der<'static> = key.as_der().map_err(|_| refused())?;
        let parsed = |algorithm| ParsedPublicKey::new(algorithm, pkcs1).map_err(|_| refused());
        Ok(Self(Arc::new(Parsed {
            sha1: parsed(&RSA_PKCS1_2048_8192_SHA1_FOR_LEGACY_USE_ONLY)?,
            sha256: parsed(&RSA_PKCS1_2048_8192_SHA256)?,
            sha512: parsed(&RSA_PKCS1_2048_8192_SHA512)?,
            pkcs1: pkcs1.to_vec(),
            spki: spki.as_ref().to_vec(),
            bits: der::public_key_bits(pkcs1),
        })))
    }
}

impl PartialEq for PublicKey {
    fn eq(&self, other: &Self) -> bool {
        self.0.spki == other.0.spki
    }
}

impl Eq for PublicKey {}

impl fmt::Debug for PublicKey {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "PublicKey({} bits, {})", self.bits(), self.fingerprint())
    }
}

/// The bytes before the digest in a PKCS#1 v1.5 signature (RFC 8017, section 9.2, note 1).
fn digest_info_prefix(hash: Hash) -> &'static [u8] {
    match hash {
        Hash::Sha1 => b"\x30\x21\x30\x09\x06\x05\x2b\x0e\x03\x02\x1a\x05\x00\x04\x14",
        Hash::Sha256 => {
            b"\x30\x31\x30\x0d\x06\x09\x60\x86\x48\x01\x65\x03\x04\x02\x01\x05\x00\x04\x20"
        }
        Hash::Sha512 => {
            b"\x30\x51\x30\x0d\x06\x09\x60\x86\x48\x01\x65\x03\x04\x02\x03\x05\x00\x04\x40"
        }
    }
}
