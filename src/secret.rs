//! Values that must never be seen: private keys, tokens, shared secrets.
//!
//! Redaction is by type, not by name: a [`Secret`] has no `Display`, no `Serialize`, prints as `[redacted]` and is
//! wiped when dropped. Code that needs the bytes calls [`Secret::expose`], which is easy to search for.

use std::fmt;

use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

/// Bytes that are wiped on drop and never printed.
#[derive(Clone)]
pub struct Secret(Zeroizing<Vec<u8>>);

impl Secret {
    /// Takes ownership of `bytes`; they are wiped when the secret is dropped.
    pub fn new(bytes: Vec<u8>) -> Self {
        Self(Zeroizing::new(bytes))
    }

    /// The bytes themselves. Never log, format or store what this returns.
    pub fn expose(&self) -> &[u8] {
        &self.0
    }

    /// Compares with `presented` in time that depends on the lengths only.
    pub fn matches(&self, presented: &[u8]) -> bool {
        self.0.ct_eq(presented).into()
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("[redacted]")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_never_shows_its_bytes_when_printed() {
        let secret = Secret::new(b"whsec_canary".to_vec());
        assert_eq!(format!("{secret:?}"), "[redacted]");
    }

    #[test]
    fn only_the_same_bytes_match() {
        let secret = Secret::new(b"token".to_vec());
        assert!(secret.matches(b"token"));
        assert!(!secret.matches(b"token "));
        assert!(!secret.matches(b""));
    }
}
