//! Signing recipes as data: what is signed, how, and where the signature is put.
//!
//! Closed enums with the primitives the built-in profiles need; a profile that names another primitive is refused
//! with the list of existing ones. `request` applies a recipe to outgoing requests, `verify` to incoming
//! notifications. See docs/ARCHITECTURE.md, "Providers are data", for adding a primitive.

mod encoding;
mod request;
mod verify;

use serde::{Deserialize, Serialize};

use super::key::Hash;
use crate::json::MemberNames;

pub use verify::Unreadable;
pub(super) use verify::string_member;

/// One part of the signed message; parts are concatenated in order.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Source {
    /// Fixed text.
    Literal(String),
    /// The whole raw body.
    BodyRaw,
    /// The un-escaped value of the JSON string member of that name in the raw body, never re-serialised. In a
    /// request: the text of the envelope's member of that name. When verifying, it may have several names, but must
    /// not appear under two of them.
    JsonStringMember(MemberNames),
}

/// How the message is signed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Algorithm {
    /// RSA PKCS#1 v1.5 over the named hash.
    RsaPkcs1v15(Hash),
}

/// How signature bytes become text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Encoding {
    /// Standard alphabet with padding.
    Base64,
    /// Lower-case hexadecimal.
    Hex,
}

/// Where the signature is put.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Placement {
    /// A string member of the JSON body.
    JsonMember(String),
}

/// One member of the outbound JSON envelope.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EnvelopeMember {
    pub name: String,
    pub value: EnvelopeValue,
}

/// The contents of an envelope member.
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
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RequestRecipe {
    pub message: Vec<Source>,
    pub algorithm: Algorithm,
    pub encoding: Encoding,
    pub envelope: Vec<EnvelopeMember>,
}

/// How notifications are verified.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct VerifyRecipe {
    pub message: Vec<Source>,
    pub algorithm: Algorithm,
    pub encoding: Encoding,
    pub placement: Placement,
}

impl Algorithm {
    /// The hash the signature is made over.
    pub fn hash(self) -> Hash {
        match self {
            Self::RsaPkcs1v15(hash) => hash,
        }
    }
}

/// Refuses a message that would be the same for every body, and empty parts.
fn check_message(message: &[Source]) -> Result<(), String> {
    if message.iter().any(|source| matches!(source, Source::Literal(text) if text.is_empty())) {
        return Err("a `literal` of `message` is empty, expected text".into());
    }
    if message.iter().all(|source| matches!(source, Source::Literal(_))) {
        return Err(
            "`message` holds nothing of the body, expected a `json_string_member` or `body_raw`"
                .into(),
        );
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sign::fixture;

    const REQUEST: &str = r#"
        message   = [{ json_string_member = "param" }]
        algorithm = { rsa_pkcs1v15 = "sha256" }
        encoding  = "base64"
        envelope  = [
            { name = "appId", value = "client_id" },
            { name = "sign",  value = "signature" },
            { name = "param", value = "parameters_as_string" },
        ]
    "#;

    #[test]
    fn a_recipe_is_read_from_a_profile() {
        let recipe: RequestRecipe = toml::from_str(REQUEST).expect("a valid recipe");
        assert_eq!(recipe, fixture::request_recipe());
        let verify = REQUEST.split("envelope").next().unwrap_or_default().to_owned()
            + "placement = { json_member = \"sign\" }";
        assert_eq!(toml::from_str::<VerifyRecipe>(&verify), Ok(fixture::verify_recipe()));
    }

    #[test]
    fn every_hash_can_be_chosen() {
        for (name, hash) in
            [("sha1", Hash::Sha1), ("sha256", Hash::Sha256), ("sha512", Hash::Sha512)]
        {
            let recipe: RequestRecipe =
                toml::from_str(&REQUEST.replace("sha256", name)).expect("a valid recipe");
            assert_eq!(recipe.hash(), hash);
        }
    }

    #[test]
    fn an_unknown_primitive_is_refused_with_the_list_of_existing_ones() {
        for (written, instead, listed) in [
            ("{ json_string_member", "{ json_text", "`literal`, `body_raw`, `json_string_member`"),
            ("{ rsa_pkcs1v15", "{ hmac", "`rsa_pkcs1v15`"),
            ("\"sha256\"", "\"md5\"", "`sha1`, `sha256`, `sha512`"),
            ("\"base64\"", "\"base32\"", "`base64` or `hex`"),
            ("\"client_id\"", "\"secret\"", "`client_id`, `signature`, `parameters_as_string`"),
            ("{ name = \"appId\"", "{ nam = \"appId\"", "`name` or `value`"),
        ] {
            let error = toml::from_str::<RequestRecipe>(&REQUEST.replace(written, instead))
                .expect_err("an unknown name should be refused")
                .to_string();
            assert!(error.contains(listed), "`{error}` should list {listed}");
        }
    }
}
