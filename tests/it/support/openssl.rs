//! An independent implementation: keys and verification by the `openssl` command.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

/// A key pair made by openssl, shared by all tests of a run.
pub struct KeyPair {
    folder: tempfile::TempDir,
}

impl KeyPair {
    /// The merchant's 2048-bit pair.
    pub fn merchant() -> &'static Self {
        static PAIR: OnceLock<KeyPair> = OnceLock::new();
        PAIR.get_or_init(|| Self::generate(2048))
    }

    /// The provider's 2048-bit pair, for notifications.
    pub fn provider() -> &'static Self {
        static PAIR: OnceLock<KeyPair> = OnceLock::new();
        PAIR.get_or_init(|| Self::generate(2048))
    }

    pub fn generate(bits: usize) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let pair = Self { folder };
        let size = format!("rsa_keygen_bits:{bits}");
        run(
            &["genpkey", "-quiet", "-algorithm", "RSA", "-pkeyopt", &size, "-out"],
            &[&pair.private()],
        );
        run(&["pkey", "-pubout", "-in"], &[&pair.private(), Path::new("-out"), &pair.public()]);
        pair
    }

    /// PEM, PKCS#8.
    pub fn private(&self) -> PathBuf {
        self.folder.path().join("private.pem")
    }

    /// PEM, SubjectPublicKeyInfo.
    pub fn public(&self) -> PathBuf {
        self.folder.path().join("public.pem")
    }

    /// Whether openssl accepts `signature` (base64) as a signature over exactly `message`, RSA PKCS#1 v1.5 with
    /// `hash`.
    pub fn verifies(&self, hash: &str, message: &[u8], signature: &str) -> bool {
        let signature = STANDARD.decode(signature).expect("standard base64 with padding");
        let folder = tempfile::tempdir().expect("a folder");
        let (message_file, signature_file) =
            (folder.path().join("message"), folder.path().join("signature"));
        std::fs::write(&message_file, message).expect("a file");
        std::fs::write(&signature_file, signature).expect("a file");
        let output = Command::new("openssl")
            .args(["dgst", &format!("-{hash}"), "-verify"])
            .arg(self.public())
            .arg("-signature")
            .args([&signature_file, &message_file])
            .output()
            .expect("openssl runs");
        output.status.success()
    }
}

/// Runs openssl and panics with its output when it fails.
pub fn run(arguments: &[&str], paths: &[&Path]) {
    let output =
        Command::new("openssl").args(arguments).args(paths).output().expect("openssl runs");
    assert!(
        output.status.success(),
        "openssl {arguments:?}: {}",
        String::from_utf8_lossy(&output.stderr)
    );
}
