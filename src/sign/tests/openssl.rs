//! An independent implementation as the oracle: we verify signatures made by `openssl`, and `openssl` verifies ours.

use std::path::PathBuf;
use std::process::Command;
use std::sync::LazyLock;

use crate::secret::Secret;
use crate::sign::{Hash, PrivateKey, PublicKey};

/// A folder for files that the `openssl` command reads and writes.
pub(in crate::sign) struct OpenSsl(tempfile::TempDir);

impl OpenSsl {
    pub(in crate::sign) fn new() -> Self {
        Self(tempfile::tempdir().expect("a folder for temporary files"))
    }

    /// Writes a file and returns its path.
    pub(in crate::sign) fn write(&self, name: &str, contents: &[u8]) -> String {
        let path: PathBuf = self.0.path().join(name);
        std::fs::write(&path, contents).expect("the file is written");
        path.to_str().expect("a plain path").to_owned()
    }

    pub(in crate::sign) fn run(&self, arguments: &[&str]) -> Vec<u8> {
        openssl(arguments)
    }
}

/// The output of `openssl` for `arguments`.
pub(in crate::sign) fn openssl(arguments: &[&str]) -> Vec<u8> {
    let output = Command::new("openssl").args(arguments).output().expect("`openssl` is installed");
    let complaints = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "`openssl {}` failed: {complaints}", arguments.join(" "));
    output.stdout
}

const MESSAGE: &[u8] = "{\"amount\":10000, \"remark\":\"ก\"}".as_bytes();

/// A key of each size. Making the longest takes longer than everything done with it.
fn made() -> &'static [(usize, PrivateKey)] {
    static MADE: LazyLock<Vec<(usize, PrivateKey)>> = LazyLock::new(|| {
        [2048, 3072, 4096].map(|bits| (bits, PrivateKey::generate(bits).expect("a key"))).into()
    });
    &MADE
}

fn flag(hash: Hash) -> &'static str {
    match hash {
        Hash::Sha1 => "-sha1",
        Hash::Sha256 => "-sha256",
        Hash::Sha512 => "-sha512",
    }
}

#[test]
fn openssl_verifies_what_we_sign_and_we_verify_what_openssl_signs() {
    let tool = OpenSsl::new();
    let message = tool.write("message", MESSAGE);
    for (bits, made) in made() {
        let made = tool.write("made.pem", made.to_pkcs8_pem().expose());
        let pem = openssl(&["rsa", "-in", &made]);
        let private_file = tool.write("private.pem", &pem);
        let public_pem = openssl(&["rsa", "-in", &private_file, "-pubout"]);
        let public_file = tool.write("public.pem", &public_pem);
        let private = PrivateKey::from_text(&Secret::new(pem)).expect("a private key");
        let public = PublicKey::from_text(&public_pem).expect("a public key");
        assert_eq!(public.bits(), *bits);
        for hash in Hash::ALL {
            let what = format!("{} at {bits} bits", hash.title());
            let ours = private.sign(hash, MESSAGE);
            let theirs = openssl(&["dgst", flag(hash), "-sign", &private_file, &message]);
            assert_eq!(ours, theirs, "PKCS#1 v1.5 has one signature for each message: {what}");
            assert!(public.verify(hash, MESSAGE, &theirs), "we verify {what}");
            let signature = tool.write("signature", &ours);
            let verdict = openssl(&[
                "dgst",
                flag(hash),
                "-verify",
                &public_file,
                "-signature",
                &signature,
                &message,
            ]);
            assert_eq!(verdict, b"Verified OK\n", "openssl verifies {what}");
        }
    }
}

#[test]
fn openssl_reads_the_keys_we_make() {
    let tool = OpenSsl::new();
    for (bits, key) in made() {
        let file = tool.write("made.pem", key.to_pkcs8_pem().expose());
        let checked = openssl(&["rsa", "-in", &file, "-check", "-noout"]);
        assert_eq!(checked, b"RSA key ok\n", "openssl checks a key of {bits} bits");
        assert_eq!(openssl(&["rsa", "-in", &file, "-pubout"]), key.public().to_pem().as_bytes());
    }
}
