//! The outbound side of a recipe: the message to sign, and the body that carries the signature.
//!
//! The envelope is written as text, members in the profile's order, so that what is signed and what is sent are the same
//! characters by construction.

use std::collections::BTreeSet;

use bytes::Bytes;

use super::{
    Encoding, EnvelopeMember, EnvelopeValue, Placement, RequestRecipe, Source, VerifyRecipe,
    check_message,
};
use crate::json;
use crate::sign::key::Hash;

/// A request that waits for its signature.
pub struct Unsigned {
    message: Bytes,
    /// The body up to the signature's text.
    before: String,
    /// The body from the signature's text on.
    after: String,
    encoding: Encoding,
}

impl RequestRecipe {
    /// Whether the recipe can be applied; the error says what is wrong and what is possible.
    pub fn check(&self) -> Result<(), String> {
        self.check_envelope()?;
        check_message(&self.message)?;
        self.message.iter().try_for_each(|source| self.check_source(source))
    }

    /// The message to sign for `parameters`, and the rest of the body.
    ///
    /// # Panics
    ///
    /// When the recipe does not pass [`RequestRecipe::check`]: a message with a part missing must not be signed.
    pub fn prepare(&self, client_id: &str, parameters: String) -> Unsigned {
        let (before, after) = self.envelope_around_signature(client_id, &parameters);
        let message = match self.message.as_slice() {
            // The usual recipe signs the parameters and nothing else: no copy.
            [only] if self.carries(only) == Some(EnvelopeValue::ParametersAsString) => parameters,
            parts => parts.iter().map(|part| self.part(part, client_id, &parameters)).collect(),
        };
        Unsigned { message: message.into(), before, after, encoding: self.encoding }
    }

    /// The hash the signature is made over.
    pub fn hash(&self) -> Hash {
        self.algorithm.hash()
    }

    /// How the provider verifies what this recipe makes. Nothing when the envelope carries no signature.
    pub fn verification(&self) -> Option<VerifyRecipe> {
        let signature = self.members(EnvelopeValue::Signature).next()?;
        Some(VerifyRecipe {
            message: self.message.clone(),
            algorithm: self.algorithm,
            encoding: self.encoding,
            placement: Placement::JsonMember(signature.name.clone()),
        })
    }

    fn check_envelope(&self) -> Result<(), String> {
        let mut names = BTreeSet::new();
        for member in &self.envelope {
            if member.name.is_empty() {
                return Err("a member of `envelope` has an empty `name`".into());
            }
            if !names.insert(member.name.as_str()) {
                return Err(format!("`envelope` has two members named `{}`", member.name));
            }
        }
        for (value, name) in [
            (EnvelopeValue::Signature, "signature"),
            (EnvelopeValue::ParametersAsString, "parameters_as_string"),
        ] {
            let count = self.members(value).count();
            if count != 1 {
                return Err(format!(
                    "`envelope` has {count} members of value `{name}`, expected one"
                ));
            }
        }
        Ok(())
    }

    fn check_source(&self, source: &Source) -> Result<(), String> {
        let Source::JsonStringMember(names) = source else {
            return match source {
                Source::BodyRaw => Err("`message` takes `body_raw`, but the body holds the signature itself, expected \
                     `json_string_member`"
                    .into()),
                _ => Ok(()),
            };
        };
        let name = names.preferred();
        if names.iter().nth(1).is_some() {
            return Err(format!("`message` takes `{name}` under several names, expected one"));
        }
        match self.carries(source) {
            Some(EnvelopeValue::ClientId | EnvelopeValue::ParametersAsString) => Ok(()),
            Some(EnvelopeValue::Signature) => {
                Err(format!("`message` takes `{name}`, which is the signature itself"))
            }
            None => {
                let names: Vec<String> = self
                    .envelope
                    .iter()
                    .filter(|member| member.value != EnvelopeValue::Signature)
                    .map(|member| format!("`{}`", member.name))
                    .collect();
                Err(format!(
                    "`message` takes `{name}`, which `envelope` does not have, expected {}",
                    names.join(" or ")
                ))
            }
        }
    }

    fn members(&self, value: EnvelopeValue) -> impl Iterator<Item = &EnvelopeMember> {
        self.envelope.iter().filter(move |member| member.value == value)
    }

    /// The contents of the envelope member that `source` names.
    fn carries(&self, source: &Source) -> Option<EnvelopeValue> {
        let Source::JsonStringMember(names) = source else {
            return None;
        };
        self.envelope
            .iter()
            .find(|member| member.name == names.preferred())
            .map(|member| member.value)
    }

    fn part<'a>(&self, source: &'a Source, client_id: &'a str, parameters: &'a str) -> &'a str {
        match (source, self.carries(source)) {
            (Source::Literal(text), _) => text,
            (_, Some(EnvelopeValue::ClientId)) => client_id,
            (_, Some(EnvelopeValue::ParametersAsString)) => parameters,
            (Source::BodyRaw | Source::JsonStringMember(_), _) => {
                unreachable!("`check` refuses a message part that a request does not have")
            }
        }
    }

    /// The envelope, split where the signature's text goes.
    fn envelope_around_signature(&self, client_id: &str, parameters: &str) -> (String, String) {
        // Quotes in the parameters cost a backslash each; an eighth is more than needed in practice.
        let mut text = String::with_capacity(parameters.len() + parameters.len() / 4 + 128);
        let mut cut = 0;
        text.push('{');
        for (index, member) in self.envelope.iter().enumerate() {
            if index > 0 {
                text.push(',');
            }
            json::escape(&member.name, &mut text);
            text.push(':');
            match member.value {
                EnvelopeValue::ClientId => json::escape(client_id, &mut text),
                EnvelopeValue::ParametersAsString => json::escape(parameters, &mut text),
                EnvelopeValue::Signature => {
                    text.push('"');
                    cut = text.len();
                    text.push('"');
                }
            }
        }
        text.push('}');
        let after = text.split_off(cut);
        (text, after)
    }
}

impl Unsigned {
    /// The exact bytes to sign.
    pub fn message(&self) -> Bytes {
        self.message.clone()
    }

    /// The complete request body.
    pub fn finish(self, signature: &[u8]) -> Bytes {
        // Neither encoding has a character that JSON would escape.
        let signature = self.encoding.encode(signature);
        let mut body = self.before;
        body.reserve_exact(signature.len() + self.after.len());
        body.push_str(&signature);
        body.push_str(&self.after);
        body.into()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::sign::fixture::{first, member, request_recipe, second};

    fn refusal(change: impl FnOnce(&mut RequestRecipe)) -> String {
        let mut recipe = request_recipe();
        change(&mut recipe);
        recipe.check().expect_err("the recipe should be refused")
    }

    #[test]
    fn a_recipe_that_cannot_be_applied_is_refused() {
        let member_of = |name: &str| Source::JsonStringMember(name.into());
        let several = ["param".to_owned(), "data".to_owned()].into_iter().collect();
        let several = Source::JsonStringMember(several);
        for (problem, words) in [
            (refusal(|r| r.message.clear()), "nothing of the body"),
            (refusal(|r| r.message = vec![Source::Literal("x".into())]), "nothing of the body"),
            (refusal(|r| r.message.push(Source::Literal(String::new()))), "`literal`"),
            (refusal(|r| r.message = vec![Source::BodyRaw]), "the signature itself"),
            (refusal(|r| r.message = vec![member_of("sign")]), "the signature itself"),
            (refusal(|r| r.message = vec![member_of("data")]), "expected `appId` or `param`"),
            (refusal(|r| r.message = vec![several]), "several names"),
            (refusal(|r| drop(r.envelope.remove(1))), "0 members of value `signature`"),
            (refusal(|r| drop(r.envelope.pop())), "0 members of value `parameters_as_string`"),
            (
                refusal(|r| r.envelope.push(member("again", EnvelopeValue::Signature))),
                "2 members of value `signature`",
            ),
            (
                refusal(|r| r.envelope.push(member("param", EnvelopeValue::ClientId))),
                "two members named `param`",
            ),
            (refusal(|r| r.envelope.push(member("", EnvelopeValue::ClientId))), "empty `name`"),
        ] {
            assert!(problem.contains(words), "`{problem}` should say {words}");
        }
        assert_eq!(request_recipe().check(), Ok(()));
    }

    #[test]
    fn the_envelope_carries_the_signed_text_and_nothing_else() {
        let parameters = r#"{"a":1.10,"note":"ก \"x\" \\ \u0e01","timestamp":5}"#;
        let unsigned = request_recipe().prepare("app\"1", parameters.to_owned());
        assert_eq!(unsigned.message(), parameters.as_bytes());
        let body = unsigned.finish(&[0xfb, 0xff, 0x00]);
        assert_eq!(
            std::str::from_utf8(&body).expect("text"),
            r#"{"appId":"app\"1","sign":"+/8A","param":"{\"a\":1.10,\"note\":\"ก \\\"x\\\" \\\\ \\u0e01\",\"timestamp\":5}"}"#
        );
    }

    #[test]
    fn a_message_may_have_several_parts() {
        let mut recipe = request_recipe();
        recipe.message = vec![
            Source::JsonStringMember("appId".into()),
            Source::Literal(".".into()),
            Source::JsonStringMember("param".into()),
        ];
        recipe.encoding = Encoding::Hex;
        assert_eq!(recipe.check(), Ok(()));
        let unsigned = recipe.prepare("app-1", "{}".to_owned());
        assert_eq!(unsigned.message(), "app-1.{}");
        assert_eq!(unsigned.finish(&[0x0a]), r#"{"appId":"app-1","sign":"0a","param":"{}"}"#);
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(16))]
        #[test]
        fn every_request_verifies_with_its_own_key_only(
            parameters in any::<String>(),
            client_id in any::<String>(),
        ) {
            let recipe = request_recipe();
            let unsigned = recipe.prepare(&client_id, parameters.clone());
            let signature = first().sign(recipe.hash(), &unsigned.message());
            let body = unsigned.finish(&signature);
            let read: serde_json::Value = serde_json::from_slice(&body).expect("JSON");
            prop_assert_eq!(&read["param"], &serde_json::Value::String(parameters));
            prop_assert_eq!(&read["appId"], &serde_json::Value::String(client_id));
            let verification = recipe.verification().expect("a signature member");
            prop_assert_eq!(verification.verify(&body, [second().public(), first().public()]), Some(1));
            prop_assert_eq!(verification.verify(&body, [second().public()]), None);
        }
    }
}
