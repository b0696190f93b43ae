//! Puts a `param` text into the provider's envelope: `{"sign": …, "param": …}`, signed, or spoilt as asked.
//!
//! Written with plain `serde_json` and aws-lc-rs, without the sidecar's signing code: who checks signatures must not be
//! tested with its own.

use std::sync::OnceLock;

use serde_json::Value;

use crate::sandbox::engine::keys::ProviderKey;

/// The provider's keys and one that is nobody's.
pub struct Keys {
    /// The first signs until the keys are rolled; there may be a second, or none at all.
    own: Vec<ProviderKey>,
    stranger: OnceLock<Option<ProviderKey>>,
}

/// How an envelope is made.
#[derive(Clone, Debug)]
pub enum Envelope {
    /// Posted as it stands.
    Raw(String),
    Made {
        signer: Signer,
        member: &'static str,
        is_tampered: bool,
    },
}

/// Who signs.
#[derive(Clone, Debug)]
pub enum Signer {
    /// One of the provider's keys, by its place.
    Provider(usize),
    /// A key that nobody has.
    Stranger,
    /// This text stands in `sign`.
    Text(String),
    /// There is no `sign`.
    Nobody,
}

impl Keys {
    pub fn new(own: impl IntoIterator<Item = ProviderKey>) -> Self {
        Self { own: own.into_iter().collect(), stranger: OnceLock::new() }
    }

    /// The provider's own.
    pub fn own(&self) -> &[ProviderKey] {
        &self.own
    }

    /// Made when it is first needed. As long as the provider's, so that nothing but the signature's value is wrong.
    fn stranger(&self) -> Option<&ProviderKey> {
        let bytes = self.own.first().map_or(256, ProviderKey::signature_bytes);
        self.stranger.get_or_init(|| ProviderKey::generate(bytes).ok()).as_ref()
    }

    /// The body to post. Slow: it signs.
    pub fn seal(&self, envelope: &Envelope, param: &str) -> Result<String, String> {
        let (signer, member, is_tampered) = match envelope {
            Envelope::Raw(body) => return Ok(body.clone()),
            Envelope::Made { signer, member, is_tampered } => (signer, member, *is_tampered),
        };
        let sign = match signer {
            Signer::Provider(place) => Some(signed(self.own.get(*place), param)?),
            Signer::Stranger => Some(signed(self.stranger(), param)?),
            Signer::Text(text) => Some(text.clone()),
            Signer::Nobody => None,
        };
        let sent = if is_tampered { tampered(param) } else { param.to_string() };
        let sign = sign.map(|sign| format!("\"sign\":{},", Value::from(sign))).unwrap_or_default();
        Ok(format!("{{{sign}\"{member}\":{}}}", Value::from(sent)))
    }
}

fn signed(key: Option<&ProviderKey>, param: &str) -> Result<String, String> {
    key.ok_or("the sandbox has no such provider key")?.sign(param)
}

/// What a thief would change: the amount becomes larger. A text without one gets another member.
fn tampered(param: &str) -> String {
    for name in ["\"amount\":", "\"refundAmount\":"] {
        if let Some(at) = param.find(name) {
            let (before, after) = param.split_at(at + name.len());
            return format!("{before}9{after}");
        }
    }
    match param.strip_suffix('}') {
        Some(open) => format!("{open},\"tampered\":true}}"),
        None => format!("{param} "),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tampered_text_is_another_text() {
        assert_eq!(tampered(r#"{"amount":100}"#), r#"{"amount":9100}"#);
        assert_eq!(tampered(r#"{"refundAmount":1,"a":2}"#), r#"{"refundAmount":91,"a":2}"#);
        assert_eq!(tampered(r#"{"userId":"u"}"#), r#"{"userId":"u","tampered":true}"#);
        assert_eq!(tampered(""), " ");
    }

    #[test]
    fn without_a_key_nothing_is_signed() {
        let made = |signer| Envelope::Made { signer, member: "param", is_tampered: false };
        let keys = Keys::new([]);
        assert!(keys.seal(&made(Signer::Provider(0)), "{}").is_err());
        let unsigned = keys.seal(&made(Signer::Nobody), "a\"\n").expect("a body");
        assert_eq!(unsigned, r#"{"param":"a\"\n"}"#);
        let given = keys.seal(&made(Signer::Text("abcdef".into())), "{}").expect("a body");
        assert_eq!(given, r#"{"sign":"abcdef","param":"{}"}"#);
        assert_eq!(keys.seal(&Envelope::Raw("x".into()), "{}").expect("a body"), "x");
    }
}
