//! RSA keys: reading them in the formats that merchants have, showing their public half, signing and verifying.
//!
//! `text` turns PEM or base64 into DER, `der` recognises the contents of the DER, `private` and `public` are the
//! keys, `raw` calls the crypto library where its safe interface ends. Nothing here opens a file, and no error
//! contains any of a key's text.

mod der;
mod private;
mod public;
mod raw;
#[cfg(test)]
mod tests;
mod text;

use aws_lc_rs::digest;
use serde::{Deserialize, Serialize};

use crate::secret::Secret;

pub use private::PrivateKey;
pub use public::PublicKey;

/// The smallest RSA key that is accepted, in bits. Shorter ones can be factored with realistic effort.
pub const KEY_BITS_MIN: usize = 2048;

/// The largest RSA key that is accepted, in bits. It is the crypto library's limit; signing costs about 10 ms there.
pub const KEY_BITS_MAX: usize = 8192;

/// A hash for RSA signatures.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Hash {
    /// For providers that still use it; collisions in it are practical.
    Sha1,
    /// Used by the built-in profiles.
    Sha256,
    /// As strong and longer.
    Sha512,
}

/// A key of either kind, for commands that accept both.
pub enum AnyKey {
    /// A private key, which holds its public half too.
    Private(PrivateKey),
    /// A public key.
    Public(PublicKey),
}

/// Why a key text could not be used. Never contains any of the text.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum KeyError {
    /// Nothing but blanks.
    #[error("the key is empty")]
    Empty,
    /// What was found instead of a usable key, and what was expected.
    #[error("{0}")]
    NotAKey(String),
}

impl Hash {
    /// Every hash, the default first.
    pub const ALL: [Self; 3] = [Self::Sha256, Self::Sha1, Self::Sha512];

    /// The usual name.
    pub fn title(self) -> &'static str {
        match self {
            Self::Sha1 => "SHA-1",
            Self::Sha256 => "SHA-256",
            Self::Sha512 => "SHA-512",
        }
    }

    /// The digest of `message`, lower-case hexadecimal.
    pub fn digest_hex(self, message: &[u8]) -> String {
        hex(self.digest(message).as_ref())
    }

    /// The digest of `message`.
    pub(in crate::sign) fn digest(self, message: &[u8]) -> digest::Digest {
        let algorithm = match self {
            Self::Sha1 => &digest::SHA1_FOR_LEGACY_USE_ONLY,
            Self::Sha256 => &digest::SHA256,
            Self::Sha512 => &digest::SHA512,
        };
        digest::digest(algorithm, message)
    }
}

impl AnyKey {
    /// Reads a private or a public key in any of the accepted encodings.
    pub fn from_text(text: &Secret) -> Result<Self, KeyError> {
        let der = text::decode(text.expose(), text::Wanted::Either)?;
        match der::recognise(&der)? {
            der::Found::Private(found) => PrivateKey::from_pkcs1(found).map(Self::Private),
            der::Found::Public(found) => PublicKey::from_pkcs1(found).map(Self::Public),
        }
    }

    /// The key itself if it is public, its public half if it is private.
    pub fn public(&self) -> &PublicKey {
        match self {
            Self::Private(key) => key.public(),
            Self::Public(key) => key,
        }
    }
}

impl KeyError {
    fn not_a_key(problem: impl Into<String>) -> Self {
        Self::NotAKey(problem.into())
    }
}

/// Lower-case hexadecimal.
pub fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
