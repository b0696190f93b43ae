//! The keys that merchants paste: every accepted encoding, and every usual mistake.

use std::collections::HashSet;
use std::sync::OnceLock;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use proptest::prelude::*;

use super::*;
use crate::sign::fixture::{first, second};
use crate::sign::tests::openssl::{OpenSsl, openssl};

fn private(text: &[u8]) -> Result<PrivateKey, KeyError> {
    PrivateKey::from_text(&Secret::new(text.to_vec()))
}

fn pkcs8_pem() -> String {
    String::from_utf8(first().to_pkcs8_pem().expose().to_vec()).expect("PEM is text")
}

fn pkcs8_base64() -> String {
    String::from_utf8(first().to_pkcs8_base64().expose().to_vec()).expect("base64 is text")
}

#[test]
fn every_usual_mistake_has_its_own_message() {
    let mistakes = Mistakes::made_by_openssl();
    let pem = pkcs8_pem();
    let base64 = pkcs8_base64();
    for (text, words) in [
        (b"".to_vec(), "the key is empty"),
        (b" \r\n\t".to_vec(), "the key is empty"),
        (mistakes.encrypted_pkcs8.clone(), "encrypted with a passphrase"),
        (mistakes.encrypted_traditional.clone(), "encrypted with a passphrase"),
        (body_of(&mistakes.encrypted_pkcs8), "encrypted with a passphrase"),
        (mistakes.elliptic_curve.clone(), "an elliptic-curve key was given"),
        (mistakes.elliptic_curve_traditional.clone(), "an elliptic-curve key was given"),
        (body_of(&mistakes.elliptic_curve), "an elliptic-curve key was given"),
        (body_of(&mistakes.elliptic_curve_traditional), "an elliptic-curve key was given"),
        (mistakes.edwards_curve.clone(), "an Ed25519, Ed448 or X25519 key was given"),
        (mistakes.pss.clone(), "a key bound to RSA-PSS was given"),
        (mistakes.certificate.clone(), "a certificate was given"),
        (body_of(&mistakes.certificate), "a certificate was given"),
        (mistakes.short.clone(), "the RSA key has 1024 bits, expected 2048 to 8192"),
        (first().public().to_pem().into_bytes(), "a public key was given, expected a private key"),
        (
            first().public().to_base64().into_bytes(),
            "a public key was given, expected a private key",
        ),
        (format!("{pem}{pem}").into_bytes(), "several keys"),
        (pem.as_bytes()[..pem.len() / 2].to_vec(), "its `END` line is missing"),
        (pem.as_bytes()[28..].to_vec(), "lost its `BEGIN` line"),
        (pem.as_bytes()[..20].to_vec(), "`BEGIN` line is cut off"),
        (pem.replace("END PRIVATE", "END RSA PRIVATE").into_bytes(), "lines differ"),
        (pem.replace('\n', "\\n").into_bytes(), "expected real line breaks"),
        (pem.replace("PRIVATE KEY", "SSH2 KEY").into_bytes(), "holds no RSA key"),
        (pem.replace("PRIVATE", "OPENSSH PRIVATE").into_bytes(), "an OpenSSH key"),
        (base64.as_bytes()[..base64.len() / 2].to_vec(), "cut off"),
        (base64.as_bytes()[..base64.len() / 8 * 4].to_vec(), "cut off"),
        (base64.as_bytes()[..base64.len() / 8 * 4 + 1].to_vec(), "cut off"),
        // Padding before the end is damage; a key whose base64 needs none reads as a key followed by four bytes.
        (
            format!("{base64}AAAA").into_bytes(),
            if base64.ends_with('=') { "damaged" } else { "followed by" },
        ),
        (base64.replacen('M', "-", 1).into_bytes(), "URL-safe"),
        (base64.replacen('M', "\u{1}", 1).into_bytes(), "a character that base64 does not have"),
        (format!("\"{base64}\"").into_bytes(), "a character that base64 does not have"),
        (STANDARD.encode(&pem).into_bytes(), "base64 of a PEM text"),
        (first().to_pkcs8_der().expose().to_vec(), "binary DER"),
        (b"\xff\xfe-\0-\0".to_vec(), "not text"),
        (b"changeme".to_vec(), "not an RSA key"),
        (b"${SHOP_TH_KEY}".to_vec(), "a character that base64 does not have"),
        (STANDARD.encode(b"\x30\x03\x02\x01\x00").into_bytes(), "not an RSA key"),
        (STANDARD.encode(b"\x30\x80\x00\x00\x00\x00").into_bytes(), "not an RSA key"),
    ] {
        let message = match private(&text) {
            Ok(_) => panic!("a key that should be refused with `{words}` was taken"),
            Err(error) => error.to_string(),
        };
        assert!(message.contains(words), "`{message}` should say `{words}`");
    }
}

#[test]
fn only_a_public_key_is_accepted_where_one_is_expected() {
    let mistakes = Mistakes::made_by_openssl();
    for (text, words) in [
        (b"".to_vec(), "the key is empty"),
        (pkcs8_pem().into_bytes(), "a private key was given, expected a public key"),
        (pkcs8_base64().into_bytes(), "a private key was given, expected a public key"),
        (mistakes.encrypted_pkcs8.clone(), "a private key was given, expected a public key"),
        (mistakes.certificate.clone(), "a certificate was given"),
        (mistakes.elliptic_curve_public.clone(), "an elliptic-curve key was given"),
        (mistakes.short_public.clone(), "the RSA key has 1024 bits, expected 2048 to 8192"),
        (first().public().to_base64().as_bytes()[..100].to_vec(), "cut off"),
    ] {
        let message = PublicKey::from_text(&text).expect_err(words).to_string();
        assert!(message.contains(words), "`{message}` should say `{words}`");
    }
}

#[test]
fn no_message_contains_any_of_the_key() {
    let pem = pkcs8_pem();
    let base64 = pkcs8_base64();
    let parts: HashSet<_> = base64.as_bytes().windows(8).collect();
    for cut in (0..pem.len()).step_by(13) {
        for text in [&pem[..cut], &pem[cut..], &base64[..cut.min(base64.len())]] {
            let Err(error) = private(text.as_bytes()) else { continue };
            let message = format!("{error} {error:?}");
            let leaks = message.as_bytes().windows(8).any(|shown| parts.contains(shown));
            assert!(!leaks, "`{message}` shows part of the key");
        }
    }
    assert_eq!(format!("{:?}", first()), "PrivateKey([redacted])");
}

#[test]
fn every_accepted_encoding_is_the_same_key() {
    let tool = OpenSsl::new();
    let fingerprint = first().public().fingerprint();
    let pkcs8 = tool.write("pkcs8.pem", first().to_pkcs8_pem().expose());
    let traditional = tool.run(&["rsa", "-traditional", "-in", &pkcs8]);
    let traditional_der = tool.run(&["rsa", "-traditional", "-outform", "DER", "-in", &pkcs8]);
    let pkcs8_der = tool.run(&["pkcs8", "-topk8", "-nocrypt", "-outform", "DER", "-in", &pkcs8]);
    let pem = pkcs8_pem();
    for (text, what) in [
        (pem.clone().into_bytes(), "PKCS#8 PEM"),
        (pem.replace('\n', "\r\n").into_bytes(), "PEM with the line ends of Windows"),
        (pem.replace('\n', " ").into_bytes(), "PEM on one line"),
        (format!("\u{feff}{pem}").into_bytes(), "PEM behind a byte order mark"),
        (format!("Bag Attributes\n  friendlyName: ก\n{pem}").into_bytes(), "PEM below other text"),
        (format!("{}{pem}", first().public().to_pem()).into_bytes(), "PEM of both halves"),
        (traditional.clone(), "PKCS#1 PEM"),
        (STANDARD.encode(&pkcs8_der).into_bytes(), "base64 of PKCS#8 DER"),
        (STANDARD.encode(&traditional_der).into_bytes(), "base64 of PKCS#1 DER"),
        (body_of(pem.as_bytes()), "base64 with line breaks"),
        (format!(" \t{}\r\n", pkcs8_base64()).into_bytes(), "base64 between blanks"),
    ] {
        match private(&text) {
            Ok(key) => assert_eq!(key.public().fingerprint(), fingerprint, "{what}"),
            Err(error) => panic!("{what} should be a private key: {error}"),
        }
    }
    let spki_der = tool.run(&["rsa", "-in", &pkcs8, "-pubout", "-outform", "DER"]);
    let pkcs1 = tool.run(&["rsa", "-in", &pkcs8, "-RSAPublicKey_out"]);
    let pkcs1_der = tool.run(&["rsa", "-in", &pkcs8, "-RSAPublicKey_out", "-outform", "DER"]);
    assert_eq!(spki_der, first().public().spki_der(), "openssl writes the same public key");
    for (text, what) in [
        (tool.run(&["rsa", "-in", &pkcs8, "-pubout"]), "SPKI PEM"),
        (pkcs1, "PKCS#1 PEM"),
        (STANDARD.encode(&spki_der).into_bytes(), "base64 of SPKI DER"),
        (STANDARD.encode(&pkcs1_der).into_bytes(), "base64 of PKCS#1 DER"),
        (first().public().to_base64().into_bytes(), "our one-line form"),
        (first().public().to_pem().into_bytes(), "our PEM"),
    ] {
        match PublicKey::from_text(&text) {
            Ok(key) => assert_eq!(&key, first().public(), "{what}"),
            Err(error) => panic!("{what} should be a public key: {error}"),
        }
    }
}

#[test]
fn both_kinds_are_distinguished_where_both_are_accepted() {
    let read = |text: &[u8]| AnyKey::from_text(&Secret::new(text.to_vec())).expect("a key");
    assert!(matches!(read(pkcs8_pem().as_bytes()), AnyKey::Private(_)));
    let public = read(first().public().to_base64().as_bytes());
    assert!(matches!(public, AnyKey::Public(_)));
    assert_eq!(public.public(), first().public());
}

#[test]
fn a_damaged_private_key_is_refused_when_it_is_read() {
    let der = first().to_pkcs8_der();
    let mut refused = 0;
    // From the modulus on every byte is part of a number that the others must fit.
    for at in (60..der.expose().len()).step_by(97) {
        let mut damaged = der.expose().to_vec();
        damaged[at] ^= 0x10;
        refused += usize::from(private(STANDARD.encode(damaged).as_bytes()).is_err());
    }
    assert_eq!(refused, (60..der.expose().len()).step_by(97).count());
}

#[test]
fn keys_of_unsupported_sizes_are_not_made() {
    for bits in [0, 512, 1024, 2047, 2049, 5000, 16384] {
        let error = PrivateKey::generate(bits).expect_err("should be refused").to_string();
        assert!(error.contains("expected 2048, 3072, 4096 or 8192"), "{error}");
    }
}

#[test]
fn a_key_shows_its_size_and_fingerprint() {
    let public = first().public();
    assert_eq!(public.bits(), 2048);
    let digest = hex(Hash::Sha256.digest(public.spki_der()).as_ref());
    assert_eq!(public.fingerprint(), format!("sha256:{digest}"));
    assert_ne!(public.fingerprint(), second().public().fingerprint());
    assert_eq!(hex(&[0x00, 0x9f, 0xa0]), "009fa0");
}

#[test]
fn only_the_right_key_recovers_the_digest_of_a_signature() {
    for hash in Hash::ALL {
        let signature = first().sign(hash, b"text");
        let digest = hash.digest(b"text").as_ref().to_vec();
        assert_eq!(first().public().recover_digest(&signature), Some((hash, digest)));
        assert_eq!(second().public().recover_digest(&signature), None);
    }
    assert_eq!(first().public().recover_digest(&[]), None);
    assert_eq!(first().public().recover_digest(&[0xff; 256]), None);
    assert_eq!(first().public().recover_digest(&[1; 255]), None);
}

proptest! {
    #[test]
    fn hostile_key_texts_never_panic(text in proptest::collection::vec(any::<u8>(), 0..200)) {
        prop_assert!(private(&text).is_err());
        prop_assert!(PublicKey::from_text(&text).is_err());
        prop_assert!(private(STANDARD.encode(&text).as_bytes()).is_err());
    }

    #[test]
    fn hostile_der_never_panics(at in 0usize..1200, byte in any::<u8>()) {
        let der = first().to_pkcs8_der();
        let mut damaged = der.expose().to_vec();
        let at = at % damaged.len();
        damaged[at] = byte;
        // Some bytes may take any value (a version, a NULL); what matters is that none makes the reader panic.
        let _ = der::recognise(&damaged);
    }
}

/// The text between a PEM text's first and last line.
fn body_of(pem: &[u8]) -> Vec<u8> {
    let text = std::str::from_utf8(pem).expect("PEM is text");
    let start = text.rfind("-----BEGIN ").expect("a BEGIN line");
    let lines: Vec<&str> =
        text[start..].lines().filter(|line| !line.starts_with("-----")).collect();
    lines.join("\n").into_bytes()
}

struct Mistakes {
    encrypted_pkcs8: Vec<u8>,
    encrypted_traditional: Vec<u8>,
    elliptic_curve: Vec<u8>,
    elliptic_curve_traditional: Vec<u8>,
    elliptic_curve_public: Vec<u8>,
    edwards_curve: Vec<u8>,
    pss: Vec<u8>,
    certificate: Vec<u8>,
    short: Vec<u8>,
    short_public: Vec<u8>,
}

impl Mistakes {
    fn made_by_openssl() -> &'static Self {
        static MADE: OnceLock<Mistakes> = OnceLock::new();
        MADE.get_or_init(|| {
            let tool = OpenSsl::new();
            let key = tool.write("key.pem", first().to_pkcs8_pem().expose());
            let curve = openssl(&["ecparam", "-genkey", "-name", "prime256v1"]);
            let curve_file = tool.write("curve.pem", &curve);
            let short = openssl(&["genrsa", "1024"]);
            let short_file = tool.write("short.pem", &short);
            let pss = ["-algorithm", "RSA-PSS", "-pkeyopt", "rsa_keygen_bits:2048"];
            Mistakes {
                encrypted_pkcs8: tool.run(&["pkcs8", "-topk8", "-passout", "pass:x", "-in", &key]),
                encrypted_traditional: tool.run(&[
                    "rsa",
                    "-traditional",
                    "-aes128",
                    "-passout",
                    "pass:x",
                    "-in",
                    &key,
                ]),
                elliptic_curve: tool.run(&["pkcs8", "-topk8", "-nocrypt", "-in", &curve_file]),
                elliptic_curve_public: tool.run(&["ec", "-pubout", "-in", &curve_file]),
                elliptic_curve_traditional: curve,
                edwards_curve: openssl(&["genpkey", "-algorithm", "ed25519"]),
                pss: openssl(&[&["genpkey"], pss.as_slice()].concat()),
                certificate: tool.run(&["req", "-x509", "-new", "-key", &key, "-subj", "/CN=test"]),
                short_public: tool.run(&["rsa", "-pubout", "-in", &short_file]),
                short,
            }
        })
    }
}
