//! The id that ties an answer, its log lines and its problem together.

use std::fmt;

use crate::random;

/// A random 128-bit id, written as 32 lower-case hexadecimal characters.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RequestId(String);

impl RequestId {
    /// A new id. Ids need to be unique, not secret; should the random source fail, the id is all zeros.
    pub fn random() -> Self {
        let bytes = random::bytes().unwrap_or_default();
        Self(format!("{:032x}", u128::from_be_bytes(bytes)))
    }

    /// The id as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for RequestId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}
