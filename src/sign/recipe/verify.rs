//! The inbound side of a recipe: the bytes the sender signed, taken from the raw body, and whether a known key signed
//! them.
//!
//! Nothing is parsed further than needed to find those bytes, and nothing is ever printed again. Only `explain`
//! reports why a signature failed, and only to the operator.

use std::borrow::Cow;

use super::{Placement, Source, VerifyRecipe, check_message};
use crate::json::{self, Ambiguous, JsonError, MemberNames};
use crate::sign::key::{Hash, PublicKey};

/// Tried in place of a signature that a key cannot have made, so that it takes equally long: as many of these bytes
/// as the key's modulus has. Keys have 8192 bits at most.
const NO_SIGNATURE: [u8; 8192 / 8] = [0; 8192 / 8];

/// The text that a body claims was signed, before any key has confirmed it.
#[derive(Debug)]
pub struct Unverified {
    message: Vec<u8>,
    signature: String,
}

/// Why nothing could be verified in a body.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Unreadable {
    /// The body is not one JSON object.
    #[error("the body is not usable JSON: {0}")]
    NotJson(JsonError),
    /// A member that the recipe needs is missing.
    #[error("the body has no member `{0}`")]
    Missing(String),
    /// A member that the recipe needs is not a string.
    #[error("member `{0}` is not a JSON string")]
    NotAString(String),
    /// A member is present under two of its names: two readers could take different texts for the signed one.
    #[error("the body has both `{0}` and `{1}`, expected one of them")]
    Ambiguous(String, String),
}

impl VerifyRecipe {
    /// Whether the recipe can be applied; the error says what is wrong and what is possible.
    pub fn check(&self) -> Result<(), String> {
        check_message(&self.message)?;
        let Placement::JsonMember(signature) = &self.placement;
        if signature.is_empty() {
            return Err("`placement` names an empty member".into());
        }
        if self.message.len() > 1 {
            return Err(format!(
                "`message` has {} parts, expected one `json_string_member`: the event is read from exactly the text that is \
                 signed",
                self.message.len()
            ));
        }
        self.message.iter().try_for_each(|source| match source {
            Source::BodyRaw => Err(format!(
                "`message` takes `body_raw`, but the body holds the signature itself in `{signature}`, expected \
                 `json_string_member`"
            )),
            Source::JsonStringMember(names) if names.iter().any(|name| name == signature) => {
                Err(format!("`message` takes `{signature}`, which is the signature itself"))
            }
            Source::JsonStringMember(names) => names
                .check()
                .map_err(|problem| format!("`json_string_member` of `message` has {problem}")),
            Source::Literal(_) => Ok(()),
        })
    }

    /// Whether any of `keys` signed `body`; returns the index of the first key that did.
    pub fn verify<'k>(
        &self,
        body: &[u8],
        keys: impl IntoIterator<Item = &'k PublicKey>,
    ) -> Option<usize> {
        let unverified = self.read(body).ok()?;
        self.signer(&unverified, keys)
    }

    /// Takes the signed bytes and the signature's text from `body`. A missing or non-string signature is not an error
    /// here: it reads as an empty one, which never verifies.
    pub fn read(&self, body: &[u8]) -> Result<Unverified, Unreadable> {
        let object = json::parse_object(body).map_err(Unreadable::NotJson)?;
        let mut message = Vec::new();
        for source in &self.message {
            match source {
                Source::Literal(text) => message.extend_from_slice(text.as_bytes()),
                Source::BodyRaw => message.extend_from_slice(body),
                Source::JsonStringMember(names) => {
                    message.extend_from_slice(string_member(&object, names)?.as_bytes());
                }
            }
        }
        let Placement::JsonMember(name) = &self.placement;
        let signature = string_member(&object, &name.as_str().into()).unwrap_or_default();
        Ok(Unverified { message, signature })
    }

    /// The hash the signature is made over.
    pub fn hash(&self) -> Hash {
        self.algorithm.hash()
    }

    /// The index of the first of `keys` that signed `unverified`.
    ///
    /// Tries every key, even after one has matched, so that the time taken does not reveal which of them signs; and
    /// also tries them on a signature that is missing, cannot be decoded or is too short, so that the time does not
    /// reveal how far a forgery got.
    pub fn signer<'k>(
        &self,
        unverified: &Unverified,
        keys: impl IntoIterator<Item = &'k PublicKey>,
    ) -> Option<usize> {
        let signature = self.encoding.decode(&unverified.signature).unwrap_or_default();
        keys.into_iter().enumerate().fold(None, |first, (index, key)| {
            let size = key.bits().div_ceil(8);
            let possible = signature.len() == size;
            let tried = if possible {
                &signature[..]
            } else {
                &NO_SIGNATURE[..size.min(NO_SIGNATURE.len())]
            };
            let matches = key.verify(self.hash(), &unverified.message, tried);
            first.or((matches && possible).then_some(index))
        })
    }
}

impl Unverified {
    /// The exact bytes that the signature should be over.
    pub fn message(&self) -> &[u8] {
        &self.message
    }

    /// The same bytes, to keep.
    pub fn into_message(self) -> Vec<u8> {
        self.message
    }

    /// The signature as it was written, not yet decoded.
    pub fn signature_text(&self) -> &str {
        &self.signature
    }
}

/// The value of a string member with its JSON escapes decoded.
pub(in crate::sign) fn string_member(
    object: &json::Object<'_>,
    names: &MemberNames,
) -> Result<String, Unreadable> {
    let member = names
        .find(object)
        .map_err(|Ambiguous { first, second }| Unreadable::Ambiguous(first, second))?
        .ok_or_else(|| Unreadable::Missing(names.preferred().to_owned()))?;
    let text = member.text().map(Cow::into_owned);
    text.ok_or_else(|| Unreadable::NotAString(member.name.clone().into_owned()))
}

#[cfg(test)]
mod tests {
    use base64::Engine;
    use base64::engine::general_purpose::STANDARD;
    use proptest::prelude::*;

    use super::*;
    use crate::sign::fixture::{first, second, signed_body, verify_recipe};
    use crate::sign::recipe::Algorithm;

    const PARAM: &str =
        r#"{"amount":10000, "remark":"ก/é \"x\"","eventName":"disbursement.success"}"#;

    fn named(names: &[&str]) -> Source {
        Source::JsonStringMember(names.iter().map(|name| (*name).to_owned()).collect())
    }

    fn signature(param: &str) -> String {
        STANDARD.encode(first().sign(Hash::Sha256, param.as_bytes()))
    }

    fn body(sign: &str, param: &str) -> String {
        serde_json::json!({ "sign": sign, "param": param }).to_string()
    }

    fn verifies(body: &str) -> bool {
        verify_recipe().verify(body.as_bytes(), [first().public()]).is_some()
    }

    #[test]
    fn a_forged_notification_is_refused() {
        let sign = signature(PARAM);
        assert!(verifies(&body(&sign, PARAM)), "the genuine one passes");
        for (forged, what) in [
            (body(&sign, &PARAM.replace("10000", "10001")), "another amount"),
            (body(&sign, &PARAM.replace(", ", ",")), "a blank taken out"),
            (body(&sign, &format!("{PARAM}\n")), "a line feed put behind"),
            (body(&sign, ""), "no text at all"),
            (body("", PARAM), "an empty signature"),
            (body("abcdef", PARAM), "a signature that is too short"),
            (body(&STANDARD.encode([0; 256]), PARAM), "a signature of zeros"),
            (body(&STANDARD.encode([0xff; 256]), PARAM), "a signature beyond the modulus"),
            (body(&format!("{sign}\n"), PARAM), "a line feed behind the signature"),
            (body(&sign.replace('=', ""), PARAM), "a signature without its padding"),
            (body(&"A".repeat(1_000_000), PARAM), "a signature of a megabyte"),
        ] {
            assert!(!verifies(&forged), "{what} should be refused");
        }
    }

    #[test]
    fn a_body_without_a_signed_text_is_reported_as_such() {
        let read = |body: &str| verify_recipe().read(body.as_bytes()).expect_err("unreadable");
        assert!(matches!(read("not JSON"), Unreadable::NotJson(_)));
        assert!(matches!(read(r#"{"sign":"a","param":"1","param":"2"}"#), Unreadable::NotJson(_)));
        assert_eq!(read(r#"{"sign":"a"}"#), Unreadable::Missing("param".into()));
        assert_eq!(read(r#"{"sign":"a","param":{}}"#), Unreadable::NotAString("param".into()));
    }

    #[test]
    fn a_missing_signature_is_treated_as_a_bad_signature() {
        let keys = [first().public()];
        for body in
            [r#"{"param":"a"}"#, r#"{"sign":null,"param":"a"}"#, r#"{"sign":7,"param":"a"}"#]
        {
            let recipe = verify_recipe();
            let unverified = recipe.read(body.as_bytes()).expect("the text is there");
            assert_eq!(recipe.signer(&unverified, keys), None, "{body}");
        }
    }

    #[test]
    fn either_spelling_of_the_members_name_is_accepted_but_not_both() {
        let recipe = VerifyRecipe { message: vec![named(&["param", "params"])], ..verify_recipe() };
        let keys = [first().public()];
        let sign = signature(PARAM);
        for name in ["param", "params"] {
            let body = serde_json::json!({ "sign": sign, name: PARAM }).to_string();
            assert_eq!(recipe.verify(body.as_bytes(), keys), Some(0), "`{name}` is accepted");
        }
        for (param, params) in [(PARAM, "{}"), ("{}", PARAM), (PARAM, PARAM)] {
            let both = serde_json::json!({ "sign": sign, "params": params, "param": param });
            let both = both.to_string();
            assert_eq!(recipe.verify(both.as_bytes(), keys), None, "{both}");
            let unreadable = recipe.read(both.as_bytes()).expect_err("unreadable");
            assert_eq!(unreadable, Unreadable::Ambiguous("param".into(), "params".into()));
        }
        let neither = recipe.read(br#"{"sign":"x","Params":""}"#).expect_err("unreadable");
        assert_eq!(neither, Unreadable::Missing("param".into()));
    }

    #[test]
    fn the_formatting_of_the_outer_body_makes_no_difference() {
        let sign = signature(PARAM);
        let param = serde_json::to_string(PARAM).expect("a string");
        let escaped: String = PARAM.encode_utf16().map(|unit| format!("\\u{unit:04X}")).collect();
        for body in [
            format!("{{\"sign\":\"{sign}\",\"param\":{param}}}"),
            format!("\r\n{{ \"param\" :\t{param} ,\n\"sign\" : \"{sign}\" , \"more\":[1.0]}}\n"),
            format!("{{\"sign\":\"{}\",\"param\":\"{escaped}\"}}", sign.replace('/', "\\/")),
            format!("{{\"\\u0073ign\":\"{}\",\"param\":{param}}}", sign.replace('+', "\\u002b")),
        ] {
            assert!(verifies(&body), "`{body}` should verify");
        }
    }

    #[test]
    fn any_of_several_keys_may_have_signed() {
        let body = signed_body(first(), PARAM);
        let recipe = verify_recipe();
        let (ours, other) = (first().public(), second().public());
        assert_eq!(recipe.verify(&body, [other, ours]), Some(1));
        assert_eq!(recipe.verify(&body, [ours, other]), Some(0));
        assert_eq!(recipe.verify(&body, [ours, ours]), Some(0), "the first that matches is named");
        assert_eq!(recipe.verify(&body, [other]), None);
        assert_eq!(recipe.verify(&body, []), None, "no key, no signature");
    }

    #[test]
    fn the_hash_of_the_recipe_is_the_only_one_accepted() {
        for signed_with in Hash::ALL {
            let sign = STANDARD.encode(first().sign(signed_with, PARAM.as_bytes()));
            for expected in Hash::ALL {
                let recipe =
                    VerifyRecipe { algorithm: Algorithm::RsaPkcs1v15(expected), ..verify_recipe() };
                let verified = recipe.verify(body(&sign, PARAM).as_bytes(), [first().public()]);
                assert_eq!(verified.is_some(), signed_with == expected);
            }
        }
    }

    #[test]
    fn a_recipe_that_cannot_be_applied_is_refused() {
        let refusal = |message: Vec<Source>| {
            VerifyRecipe { message, ..verify_recipe() }.check().expect_err("should be refused")
        };
        for (message, words) in [
            (vec![], "nothing of the body"),
            (vec![Source::Literal("x".into())], "nothing of the body"),
            (vec![Source::BodyRaw], "holds the signature itself in `sign`"),
            (vec![Source::JsonStringMember("sign".into())], "is the signature itself"),
            (vec![Source::JsonStringMember("".into())], "an empty name"),
            (vec![named(&[])], "an empty list of names"),
            (vec![named(&["param", "sign"])], "is the signature itself"),
            (vec![named(&["param", "param"])], "`param` twice"),
            (vec![Source::Literal("v1.".into()), named(&["param"])], "has 2 parts, expected one"),
            (vec![named(&["time"]), named(&["param"])], "read from exactly the text"),
        ] {
            let problem = refusal(message);
            assert!(problem.contains(words), "`{problem}` should say {words}");
        }
        assert_eq!(verify_recipe().check(), Ok(()));
    }

    proptest! {
        #[test]
        fn hostile_bodies_never_panic(body in proptest::collection::vec(any::<u8>(), 0..200)) {
            prop_assert_eq!(verify_recipe().verify(&body, [first().public()]), None);
        }

        #[test]
        fn the_text_survives_unchanged(param in any::<String>()) {
            let body = body("x", &param);
            let unverified = verify_recipe().read(body.as_bytes()).expect("readable");
            prop_assert_eq!(unverified.message(), param.as_bytes());
        }
    }
}
