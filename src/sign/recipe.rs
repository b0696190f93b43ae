//! Signing recipes as data: what is signed, how, and where the signature goes.
//!
//! Closed enums with the primitives the built-in profiles need; a profile that names another primitive is refused with
//! the list of those that exist. See docs/ARCHITECTURE.md, "Adding a signing primitive".

use bytes::Bytes;
use serde::Deserialize;

use super::key::{Hash, PublicKey};

/// One part of the signed message; parts are concatenated in order.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Source {
    /// Fixed text.
    Literal(String),
    /// The whole raw body.
    BodyRaw,
    /// The un-escaped value of the JSON string member of that name in the raw body, never re-serialised.
    JsonStringMember(String),
}

/// How the message is signed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Algorithm {
    /// RSA PKCS#1 v1.5 over the named hash.
    RsaPkcs1v15(Hash),
}

/// How signature bytes become text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Encoding {
    /// Standard alphabet with padding.
    Base64,
    /// Lower-case hexadecimal.
    Hex,
}

/// Where the signature travels.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Placement {
    /// A string member of the JSON body.
    JsonMember(String),
}

/// One member of the outbound JSON envelope.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct EnvelopeMember {
    pub name: String,
    pub value: EnvelopeValue,
}

/// What an envelope member carries.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EnvelopeValue {
    /// The account's `app_id`.
    ClientId,
    /// The encoded signature.
    Signature,
    /// The parameters' JSON text, carried as a JSON string.
    ParametersAsString,
}

/// How requests are signed and wrapped.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RequestRecipe {
    pub message: Vec<Source>,
    pub algorithm: Algorithm,
    pub encoding: Encoding,
    pub envelope: Vec<EnvelopeMember>,
}

/// How notifications are verified.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct VerifyRecipe {
    pub message: Vec<Source>,
    pub algorithm: Algorithm,
    pub encoding: Encoding,
    pub placement: Placement,
}

/// A request that waits for its signature.
pub struct Unsigned {}

impl RequestRecipe {
    /// The message to sign for `parameters`, and what is needed to finish the body.
    pub fn prepare(&self, _client_id: &str, _parameters: String) -> Unsigned {
        todo!()
    }
    pub fn hash(&self) -> Hash {
        todo!()
    }
}

impl Unsigned {
    /// The exact bytes to sign.
    pub fn message(&self) -> Bytes {
        todo!()
    }
    /// The complete request body.
    pub fn finish(self, _signature: &[u8]) -> Bytes {
        todo!()
    }
}

impl VerifyRecipe {
    /// Whether any of `keys` signed `body`; returns the index of the key that did.
    pub fn verify<'k>(
        &self,
        _body: &[u8],
        _keys: impl IntoIterator<Item = &'k PublicKey>,
    ) -> Option<usize> {
        todo!()
    }
}
