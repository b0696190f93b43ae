//! Why a signature verifies or does not, for the operator who has to find out.
//!
//! None of this is on a request's path, and none of it may reach a sender: it reveals exactly what would have passed.
//! It is a pure function over a body, a recipe and keys; the near misses are in `texts` and `signatures`.

mod changed;
mod render;
mod signatures;
#[cfg(test)]
mod tests;
mod texts;

use serde::Serialize;

use super::key::{Hash, PublicKey, hex};
use super::recipe::{Encoding, Placement, VerifyRecipe, string_member};
use crate::json;

pub use signatures::SignatureChange;
pub use texts::TextChange;

/// A key to try.
#[derive(Clone, Copy, Debug)]
pub struct Candidate<'a> {
    /// The name of the key in the report.
    pub name: &'a str,
    /// The key.
    pub key: &'a PublicKey,
    /// Whether the signature should be this key's.
    pub role: Role,
}

/// The purpose of trying a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// One of the keys that may have signed.
    Expected,
    /// A key that should not have signed, but may have: our own, another account's.
    Other,
}

/// Everything that could be found out about one message.
#[derive(Debug, Serialize)]
pub struct Explanation {
    /// Whether an expected key signed exactly what the body says.
    pub verified: bool,
    /// The conclusion, in one sentence.
    pub conclusion: String,
    /// The signed text, when the body has one.
    pub text: Option<TextReport>,
    /// The signature, when the body has one.
    pub signature: Option<SignatureReport>,
    /// Every key that was tried, in the order given.
    pub keys: Vec<KeyReport>,
    /// Variations that would have verified.
    pub near_misses: Vec<NearMiss>,
}

/// The exact text that the signature should be over.
#[derive(Debug, Serialize)]
pub struct TextReport {
    /// The text itself.
    pub text: String,
    /// Its length, in bytes.
    pub bytes: usize,
    /// Its SHA-256, lower-case hex.
    pub sha256: String,
    /// The hash that the recipe signs over.
    pub hash: Hash,
}

/// The signature as it was written.
#[derive(Debug, Serialize)]
pub struct SignatureReport {
    /// Its length as text.
    pub characters: usize,
    /// How it should be encoded.
    pub encoding: Encoding,
    /// Its length once decoded; nothing when it is not encoded as expected.
    pub bytes: Option<usize>,
}

/// The relation of one key to the signature.
#[derive(Debug, Serialize)]
pub struct KeyReport {
    /// The name it was given.
    pub name: String,
    /// Its role.
    pub role: Role,
    /// Its size.
    pub bits: usize,
    /// Its fingerprint.
    pub fingerprint: String,
    /// Whether it verifies the signature as received.
    pub verifies: bool,
    /// What its private half signed, if it made the signature.
    pub signed: Option<SignedDigest>,
}

/// The digest inside a signature.
#[derive(Debug, Serialize)]
pub struct SignedDigest {
    /// The hash it was made with.
    pub hash: Hash,
    /// The digest, lower-case hex.
    pub digest: String,
}

/// A combination under which the signature verifies.
#[derive(Debug, PartialEq, Eq, Serialize)]
pub struct NearMiss {
    /// The name of the key that signed.
    pub key: String,
    /// The role of that key.
    pub role: Role,
    /// What was signed instead of the text as received.
    pub text: TextChange,
    /// The hash it was signed with.
    pub hash: Hash,
    /// The encoding of the signature.
    pub signature: SignatureChange,
    /// All of that in words.
    pub explanation: String,
}

/// Explains the signature of `body`.
pub fn explain(body: &[u8], recipe: &VerifyRecipe, candidates: &[Candidate<'_>]) -> Explanation {
    let object = match json::parse_object(body) {
        Ok(object) => object,
        Err(error) => {
            return unreadable(format!("the body is not usable JSON: {error}"), candidates);
        }
    };
    let Placement::JsonMember(placement) = &recipe.placement;
    let signature = match string_member(&object, &placement.as_str().into()) {
        Ok(signature) => signature,
        Err(error) => return unreadable(error.to_string(), candidates),
    };
    let decodings = signatures::decodings(recipe.encoding, &signature);
    let texts = texts::texts(recipe, body, &object);
    let received = texts.iter().find(|text| text.change == TextChange::AsReceived);
    let strict = recipe.encoding.decode(&signature);
    let mut keys = Vec::new();
    let mut near_misses = Vec::new();
    for candidate in candidates {
        let verifies = received.zip(strict.as_deref()).is_some_and(|(text, signature)| {
            candidate.key.verify(recipe.hash(), &text.bytes, signature)
        });
        let mut signed = None;
        for decoding in &decodings {
            let Some((hash, digest)) = candidate.key.recover_digest(&decoding.bytes) else {
                continue;
            };
            let matching = texts.iter().find(|text| hash.digest(&text.bytes).as_ref() == digest);
            if let Some(text) = matching {
                near_misses.extend(near_miss(
                    candidate,
                    recipe,
                    text.change,
                    hash,
                    decoding.change,
                ));
            }
            signed.get_or_insert(SignedDigest { hash, digest: hex(&digest) });
        }
        keys.push(KeyReport { verifies, signed, ..key_report(candidate) });
    }
    let text = received.map(|text| text_report(&text.bytes, recipe.hash()));
    let verified = keys.iter().any(|key| key.verifies && key.role == Role::Expected);
    if verified {
        // The same key given in both roles is not a near miss.
        near_misses.clear();
    }
    let missing = recipe.read(body).err().map(|error| error.to_string());
    Explanation {
        verified,
        conclusion: conclude(verified, missing, strict.is_some(), &keys, &near_misses),
        text,
        signature: Some(SignatureReport {
            characters: signature.chars().count(),
            encoding: recipe.encoding,
            bytes: strict.map(|bytes| bytes.len()),
        }),
        keys,
        near_misses,
    }
}

fn unreadable(conclusion: String, candidates: &[Candidate<'_>]) -> Explanation {
    Explanation {
        verified: false,
        conclusion,
        text: None,
        signature: None,
        keys: candidates.iter().map(key_report).collect(),
        near_misses: Vec::new(),
    }
}

fn key_report(candidate: &Candidate<'_>) -> KeyReport {
    KeyReport {
        name: candidate.name.to_owned(),
        role: candidate.role,
        bits: candidate.key.bits(),
        fingerprint: candidate.key.fingerprint(),
        verifies: false,
        signed: None,
    }
}

fn text_report(bytes: &[u8], hash: Hash) -> TextReport {
    TextReport {
        text: String::from_utf8_lossy(bytes).into_owned(),
        bytes: bytes.len(),
        sha256: Hash::Sha256.digest_hex(bytes),
        hash,
    }
}

/// The combination in words, or nothing when it is not a near miss.
fn near_miss(
    candidate: &Candidate<'_>,
    recipe: &VerifyRecipe,
    text: TextChange,
    hash: Hash,
    signature: SignatureChange,
) -> Option<NearMiss> {
    let mut reasons = Vec::new();
    if candidate.role == Role::Other {
        reasons
            .push(format!("it was made by key `{}`, which is not an expected one", candidate.name));
    }
    reasons.extend(text.explanation().map(str::to_owned));
    if hash != recipe.hash() {
        reasons.push(format!(
            "it was made with {}, expected {}",
            hash.title(),
            recipe.hash().title()
        ));
    }
    reasons.extend(signature.explanation(recipe.encoding));
    if reasons.is_empty() {
        return None;
    }
    Some(NearMiss {
        key: candidate.name.to_owned(),
        role: candidate.role,
        text,
        hash,
        signature,
        explanation: reasons.join("; "),
    })
}

fn conclude(
    verified: bool,
    missing: Option<String>,
    decodes: bool,
    keys: &[KeyReport],
    near_misses: &[NearMiss],
) -> String {
    if verified {
        return "the signature verifies".into();
    }
    let problem = match missing {
        Some(missing) if near_misses.is_empty() => return missing,
        Some(missing) => missing,
        None => "the signature does not verify".into(),
    };
    let signer = keys.iter().find(|key| key.signed.is_some());
    let reason = match (near_misses, signer) {
        ([only], _) => only.explanation.clone(),
        ([_, ..], _) => "several variations would have verified".into(),
        ([], Some(key)) => format!("it was made by key `{}`, but over another text", key.name),
        ([], None) if !decodes => {
            "it is not encoded as the recipe says, and no other encoding fits".into()
        }
        ([], None) if keys.is_empty() => "there is no key to try".into(),
        ([], None) => "it was made by none of the keys given".into(),
    };
    format!("{problem}: {reason}")
}
