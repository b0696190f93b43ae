//! Texts that must never appear in a log or on a page, in any spelling: keys, tokens, secrets and contents of bodies.

use std::path::Path;

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};

use super::openssl::KeyPair;

/// Personal details in the tests' bodies, which only the provider may learn from us.
const PERSONAL: &[&str] = &["0812345678", "60128888888", "raja@example.com", "r@example.com"];

/// The shortest part of a key that is searched for: shorter ones would be found by chance.
const PIECE_BYTES: usize = 24;

/// Texts to search for.
pub struct Canaries(Vec<String>);

impl Canaries {
    /// The keys of all tests, the demo's included, and the tokens and secrets in `configuration`.
    pub fn of(configuration: &str) -> Self {
        let demo = Path::new(env!("CARGO_MANIFEST_DIR")).join("config/demo");
        let mut found = Self(PERSONAL.iter().map(|text| (*text).to_owned()).collect());
        found.0.push("PRIVATE KEY".to_owned());
        found.add_key(&KeyPair::merchant().private());
        found.add_key(&demo.join("merchant.pem"));
        found.add_key(&demo.join("provider.pem"));
        for name in ["app-token", "delivery-secret"] {
            let secret = std::fs::read_to_string(demo.join(name)).expect("a file");
            found.add_secret(secret.trim());
        }
        for line in configuration.lines().filter(|line| is_secret(line)) {
            // Every second part of a line split at its quotes is between them.
            line.split('"').skip(1).step_by(2).for_each(|secret| found.add_secret(secret));
        }
        found
    }

    /// A token or a shared secret, in every spelling in which it could be printed.
    pub fn add_secret(&mut self, secret: &str) {
        let bytes = secret.strip_prefix("whsec_").and_then(|text| STANDARD.decode(text).ok());
        for bytes in [Some(secret.as_bytes().to_vec()), bytes].into_iter().flatten() {
            self.add_bytes(&bytes);
        }
        self.0.push(secret.to_owned());
    }

    /// A private key in PEM, in pieces: a line of it is a leak too.
    fn add_key(&mut self, path: &Path) {
        let pem = std::fs::read_to_string(path).expect("a key");
        let lines: Vec<&str> = pem.lines().filter(|line| !line.starts_with('-')).collect();
        let der = STANDARD.decode(lines.concat()).expect("PEM");
        // After the parts that the public key has too: the version and the modulus.
        for piece in der[300..].chunks_exact(PIECE_BYTES) {
            self.add_bytes(piece);
        }
        self.0.extend(lines.iter().skip(7).map(|line| (*line).to_owned()));
    }

    fn add_bytes(&mut self, bytes: &[u8]) {
        let hexadecimal: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
        let listed = format!("{bytes:?}");
        self.0.push(hexadecimal.to_uppercase());
        self.0.push(hexadecimal);
        self.0.push(listed.trim_matches(['[', ']']).to_owned());
        let whole = bytes.len() / 3 * 3;
        self.0.push(STANDARD.encode(&bytes[..whole]));
        self.0.push(URL_SAFE_NO_PAD.encode(&bytes[..whole]));
    }

    /// Fails when `text`, found at `place`, contains any of them.
    #[track_caller]
    pub fn assert_absent(&self, place: &str, text: &str) {
        for canary in self.0.iter().filter(|canary| !canary.is_empty()) {
            assert!(!text.contains(canary.as_str()), "{place} has `{canary}`:\n{text}");
        }
    }

    /// The number of texts, so that a test can check that it searches for something.
    pub fn count(&self) -> usize {
        self.0.len()
    }
}

fn is_secret(line: &str) -> bool {
    let key = line.trim_start();
    let is_literal = !key.contains("file =") && !key.contains("env =");
    is_literal && ["tokens", "secret", "private_key"].iter().any(|name| key.starts_with(name))
}
