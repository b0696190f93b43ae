//! Standard Webhooks: the header fields that prove to an application that an event is ours, complete, and recent.
//!
//! Pure functions: id, time, body and secrets in, header fields out. The scheme is symmetric (`v1`): HMAC-SHA256 over
//! `{id}.{timestamp}.{body}` with a secret that the application shares.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit, Mac};
use http::{HeaderName, HeaderValue};
use sha2::Sha256;

use crate::secret::Secret;

const ID: HeaderName = HeaderName::from_static("webhook-id");
const TIMESTAMP: HeaderName = HeaderName::from_static("webhook-timestamp");
const SIGNATURE: HeaderName = HeaderName::from_static("webhook-signature");

/// The fields for `body`, which leaves at `unix_s` (seconds). Every secret makes one signature, and a verifier accepts
/// any of them, so the two sides can change a secret one after the other. Without secrets there is no signature field.
pub(super) fn header_fields(
    id: &str,
    unix_s: i64,
    body: &[u8],
    secrets: &[Secret],
) -> Vec<(HeaderName, HeaderValue)> {
    let mut fields = vec![(ID, value(id)), (TIMESTAMP, HeaderValue::from(unix_s))];
    if !secrets.is_empty() {
        let signatures: Vec<String> =
            secrets.iter().map(|secret| signature(id, unix_s, body, secret)).collect();
        fields.push((SIGNATURE, value(&signatures.join(" "))));
    }
    fields
}

fn signature(id: &str, unix_s: i64, body: &[u8], secret: &Secret) -> String {
    let mut mac =
        Hmac::<Sha256>::new_from_slice(secret.expose()).expect("HMAC takes keys of any length");
    mac.update(format!("{id}.{unix_s}.").as_bytes());
    mac.update(body);
    format!("v1,{}", STANDARD.encode(mac.finalize().into_bytes()))
}

fn value(text: &str) -> HeaderValue {
    HeaderValue::from_str(text).expect("event ids, base64, commas and blanks are visible ASCII")
}

#[cfg(test)]
mod tests {
    use std::io::Write;
    use std::path::Path;
    use std::process::{Command, Stdio};

    use http::HeaderMap;
    use standardwebhooks::Webhook;

    use super::*;

    const BODY: &[u8] = "{\"text\":\"ชำระเงิน\",\"amount\": 1.50}".as_bytes();
    const EVENT: &str = "evt_01hv3e9k5y0000000000000000";

    fn secret(byte: u8) -> Secret {
        Secret::new(vec![byte; 24])
    }

    fn whsec(secret: &Secret) -> String {
        format!("whsec_{}", STANDARD.encode(secret.expose()))
    }

    /// The published verifiers refuse events older than five minutes by their own clock.
    fn now_s() -> i64 {
        crate::clock::Clock::System.now().as_second()
    }

    fn fields(body: &[u8], secrets: &[Secret]) -> HeaderMap {
        header_fields(EVENT, now_s(), body, secrets).into_iter().collect()
    }

    #[test]
    fn without_a_secret_there_is_an_id_but_no_signature() {
        let fields = fields(BODY, &[]);
        assert_eq!(fields["webhook-id"], EVENT);
        assert!(fields.contains_key("webhook-timestamp"));
        assert!(!fields.contains_key("webhook-signature"));
    }

    #[test]
    fn the_published_rust_verifier_accepts_our_signature_and_no_altered_event() {
        let verifier = Webhook::new(&whsec(&secret(7))).expect("a secret");
        let ours = fields(BODY, &[secret(7)]);
        verifier.verify(BODY, &ours).expect("our signature is right");
        assert!(verifier.verify(b"{}", &ours).is_err(), "another body should be refused");
        let mut other = ours.clone();
        other.insert("webhook-id", HeaderValue::from_static("evt_other"));
        assert!(verifier.verify(BODY, &other).is_err(), "another id should be refused");
        let forged = fields(BODY, &[secret(8)]);
        assert!(verifier.verify(BODY, &forged).is_err(), "another secret should be refused");
    }

    #[test]
    fn during_a_rotation_the_old_and_the_new_secret_verify() {
        let both = fields(BODY, &[secret(1), secret(2)]);
        for byte in [1, 2] {
            let verifier = Webhook::new(&whsec(&secret(byte))).expect("a secret");
            verifier.verify(BODY, &both).expect("one of the signatures is for this secret");
        }
    }

    #[test]
    fn the_published_python_verifier_accepts_our_signatures_and_no_altered_event() {
        let secrets = [secret(1), secret(2)];
        let ours = fields(BODY, &secrets);
        for secret in &secrets {
            assert!(python_verifies(secret, BODY, &ours), "our signature is right");
        }
        assert!(!python_verifies(&secret(3), BODY, &ours), "another secret should be refused");
        assert!(!python_verifies(&secrets[0], b"{}", &ours), "another body should be refused");
    }

    /// Asks the Python library. Anything but a clear yes or no fails the test.
    fn python_verifies(secret: &Secret, body: &[u8], fields: &HeaderMap) -> bool {
        let python = Path::new(env!("CARGO_MANIFEST_DIR")).join("target/test-python/bin/python");
        assert!(python.exists(), "{} is missing: run `./dev test`", python.display());
        let mut child = Command::new(python)
            .args(["-c", SCRIPT, &whsec(secret)])
            .args(["webhook-id", "webhook-timestamp", "webhook-signature"].map(|name| {
                let value = fields[name].to_str().expect("visible ASCII");
                format!("{name}={value}")
            }))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("python starts");
        child.stdin.take().expect("piped").write_all(body).expect("the body is written");
        let output = child.wait_with_output().expect("python ends");
        match output.stdout.as_slice() {
            b"genuine\n" => true,
            b"forged\n" => false,
            said => panic!("python said {:?}", String::from_utf8_lossy(said)),
        }
    }

    const SCRIPT: &str = r#"
import sys
from standardwebhooks import Webhook, WebhookVerificationError
fields = dict(field.split("=", 1) for field in sys.argv[2:])
try:
    Webhook(sys.argv[1]).verify(sys.stdin.buffer.read(), fields)
    print("genuine")
except WebhookVerificationError:
    print("forged")
"#;
}
