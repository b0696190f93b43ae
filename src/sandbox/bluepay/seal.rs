//! Puts a `param` text into the provider's envelope: `{"sign": …, "param": …}`, signed, or damaged as requested.
//!
//! Written with plain `serde_json` and aws-lc-rs, without the sidecar's signing code: the sidecar's check of signatures
//! must not be tested with the sidecar's own signatures.

use serde_json::Value;

use crate::sandbox::engine::dialect::{Flaws, Signature};
use crate::sandbox::engine::http::client::Message;

/// What is posted for `param`. Slow: it signs.
pub fn seal(param: &str, signature: Signature<'_>, flaws: Flaws) -> Result<Message, String> {
    let sign = match signature {
        Signature::By(key) => Some(key.sign(param)?),
        Signature::Given(text) => Some(text.to_string()),
        Signature::Missing => None,
    };
    let sign = sign.map(|sign| format!("\"sign\":{},", Value::from(sign))).unwrap_or_default();
    let name = if flaws.is_misnamed { "params" } else { "param" };
    let sent = if flaws.is_tampered { tampered(param) } else { param.to_string() };
    Ok(Message::json(format!("{{{sign}\"{name}\":{}}}", Value::from(sent))))
}

/// The change that a thief would make: the amount becomes larger. A text without an amount gets another member.
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
        let sealed =
            |param, signature| seal(param, signature, Flaws::default()).expect("a body").body;
        assert_eq!(sealed("a\"\n", Signature::Missing), r#"{"param":"a\"\n"}"#);
        let given = sealed("{}", Signature::Given("abcdef"));
        assert_eq!(given, r#"{"sign":"abcdef","param":"{}"}"#);
    }
}
