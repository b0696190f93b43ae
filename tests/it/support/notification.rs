//! The provider's side of a notification: signed by the `openssl` command, wrapped by hand.

use std::io::Write;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::json;

use super::openssl::KeyPair;

/// Signs like the provider, with a key chosen by the test.
pub struct Signer {
    private: PathBuf,
}

impl Signer {
    /// The key that accounts trust.
    pub fn provider() -> Self {
        Self::with(KeyPair::provider())
    }

    /// A key that no account trusts as the provider's.
    pub fn merchant() -> Self {
        Self::with(KeyPair::merchant())
    }

    pub fn with(pair: &KeyPair) -> Self {
        Self { private: pair.private() }
    }

    /// Base64 of the RSA PKCS#1 v1.5 SHA-256 signature over exactly `param`.
    pub fn sign(&self, param: &str) -> String {
        let mut openssl = Command::new("openssl")
            .args(["dgst", "-sha256", "-sign"])
            .arg(&self.private)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("openssl runs");
        openssl.stdin.take().expect("piped").write_all(param.as_bytes()).expect("openssl reads");
        let output = openssl.wait_with_output().expect("openssl ends");
        assert!(output.status.success(), "openssl could not sign");
        STANDARD.encode(output.stdout)
    }

    /// The whole notification.
    pub fn body(&self, param: &str) -> String {
        envelope(param, &self.sign(param))
    }
}

/// The provider's notification envelope.
pub fn envelope(param: &str, sign: &str) -> String {
    format!("{{\"sign\":{},\"param\":{}}}", json!(sign), json!(param))
}
