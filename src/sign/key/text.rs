//! Key texts to DER and back: PEM, or base64 on one line as providers print it.
//!
//! Decoding is strict about the alphabet and the padding and lenient about blanks and line breaks, because keys are
//! pasted from portals and mails. `der` decides which key the DER contains.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use zeroize::Zeroizing;

use super::KeyError;
use crate::secret::Secret;

/// Which block of a PEM file to take when it holds several.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Wanted {
    Private,
    Public,
    Either,
}

/// The DER inside `text`.
pub(super) fn decode(text: &[u8], wanted: Wanted) -> Result<Zeroizing<Vec<u8>>, KeyError> {
    let text = text.strip_prefix(b"\xef\xbb\xbf").unwrap_or(text).trim_ascii();
    if text.is_empty() {
        return Err(KeyError::Empty);
    }
    let Ok(text) = std::str::from_utf8(text) else {
        return Err(KeyError::not_a_key(match text[0] {
            SEQUENCE => {
                "the key is binary DER, expected PEM or base64 (`openssl base64 -A` makes it)"
            }
            _ => "the key is not text, expected PEM or base64 DER",
        }));
    };
    if text.contains("\\n") {
        return Err(KeyError::not_a_key(
            "the key holds `\\n` as two characters, expected real line breaks",
        ));
    }
    match (text.contains(BEGIN), text.contains(END)) {
        (true, _) => base64_der(pem_body(text, wanted)?),
        (false, true) => Err(KeyError::not_a_key("the PEM text has lost its `BEGIN` line")),
        (false, false) => base64_der(text),
    }
}

/// PEM of a public key's DER.
pub(super) fn public_pem(der: &[u8]) -> String {
    let mut out = String::new();
    write_pem(PUBLIC_KEY, &STANDARD.encode(der), &mut out);
    out
}

/// PEM of a private key's PKCS#8 DER.
pub(super) fn private_pem(der: &[u8]) -> Secret {
    let base64 = Zeroizing::new(STANDARD.encode(der));
    // Reserve space for everything at once, so that no half-written copy is left behind by a reallocation.
    let mut out = String::with_capacity(base64.len() + base64.len() / LINE_CHARACTERS + 128);
    write_pem(PRIVATE_KEY, &base64, &mut out);
    Secret::new(out.into_bytes())
}

/// Base64 on one line.
pub(super) fn one_line(der: &[u8]) -> String {
    STANDARD.encode(der)
}

const BEGIN: &str = "-----BEGIN ";
const END: &str = "-----END ";
const DASHES: &str = "-----";
const PUBLIC_KEY: &str = "PUBLIC KEY";
const PRIVATE_KEY: &str = "PRIVATE KEY";
const LINE_CHARACTERS: usize = 64;
/// The first byte of every DER key.
const SEQUENCE: u8 = 0x30;

fn write_pem(label: &str, base64: &str, out: &mut String) {
    out.push_str(BEGIN);
    out.push_str(label);
    out.push_str("-----\n");
    let mut rest = base64;
    while !rest.is_empty() {
        let (line, tail) = rest.split_at(rest.len().min(LINE_CHARACTERS));
        out.push_str(line);
        out.push('\n');
        rest = tail;
    }
    out.push_str(END);
    out.push_str(label);
    out.push_str("-----\n");
}

struct Block<'a> {
    label: &'a str,
    body: &'a str,
}

/// The base64 part of the one block that may hold the wanted key.
fn pem_body(text: &str, wanted: Wanted) -> Result<&str, KeyError> {
    let blocks = blocks(text)?;
    let mut usable = blocks.iter().filter(|block| is_usable(block.label, wanted));
    let block = match (usable.next(), usable.next()) {
        (Some(block), None) => block,
        (Some(_), Some(_)) => {
            return Err(KeyError::not_a_key("the PEM text holds several keys, expected one"));
        }
        (None, _) => return Err(refusal(blocks.first().map_or("", |block| block.label), wanted)),
    };
    // The old way of encrypting a PEM key adds header lines above the base64.
    if block.body.contains("Proc-Type:") {
        return Err(encrypted());
    }
    Ok(block.body)
}

fn blocks(text: &str) -> Result<Vec<Block<'_>>, KeyError> {
    let mut blocks = Vec::new();
    let mut rest = text;
    while let Some(at) = rest.find(BEGIN) {
        rest = &rest[at + BEGIN.len()..];
        let Some((label, after_label)) = rest.split_once(DASHES) else {
            return Err(KeyError::not_a_key("the PEM text's `BEGIN` line is cut off"));
        };
        let Some((body, after_body)) = after_label.split_once(END) else {
            return Err(KeyError::not_a_key("the PEM text is cut off: its `END` line is missing"));
        };
        if !after_body.starts_with(label) {
            return Err(KeyError::not_a_key("the PEM text's `BEGIN` and `END` lines differ"));
        }
        blocks.push(Block { label, body });
        rest = after_body;
    }
    Ok(blocks)
}

fn is_usable(label: &str, wanted: Wanted) -> bool {
    match label {
        PRIVATE_KEY | "RSA PRIVATE KEY" => wanted != Wanted::Public,
        PUBLIC_KEY | "RSA PUBLIC KEY" => wanted != Wanted::Private,
        _ => false,
    }
}

/// The message for a PEM text without a usable block, by its first block. An unknown label is not repeated: it could
/// contain anything.
fn refusal(label: &str, wanted: Wanted) -> KeyError {
    match label {
        PUBLIC_KEY | "RSA PUBLIC KEY" => public_for_private(),
        PRIVATE_KEY | "RSA PRIVATE KEY" => private_for_public(),
        "ENCRYPTED PRIVATE KEY" if wanted == Wanted::Public => private_for_public(),
        "ENCRYPTED PRIVATE KEY" => encrypted(),
        "CERTIFICATE" | "X509 CERTIFICATE" | "TRUSTED CERTIFICATE" => certificate(),
        "CERTIFICATE REQUEST" | "NEW CERTIFICATE REQUEST" => {
            KeyError::not_a_key("a certificate request was given, expected an RSA key")
        }
        "EC PRIVATE KEY" | "EC PARAMETERS" => other_algorithm("an elliptic-curve key"),
        "DSA PRIVATE KEY" | "DSA PARAMETERS" => other_algorithm("a DSA key"),
        "OPENSSH PRIVATE KEY" => KeyError::not_a_key(
            "an OpenSSH key was given, expected PKCS#8 or PKCS#1 (`ssh-keygen -p -m PKCS8` converts it)",
        ),
        _ => KeyError::not_a_key(
            "the PEM text holds no RSA key, expected `PRIVATE KEY`, `RSA PRIVATE KEY`, `PUBLIC KEY` or \
             `RSA PUBLIC KEY`",
        ),
    }
}

pub(super) fn public_for_private() -> KeyError {
    KeyError::not_a_key("a public key was given, expected a private key")
}

pub(super) fn private_for_public() -> KeyError {
    KeyError::not_a_key("a private key was given, expected a public key")
}

pub(super) fn encrypted() -> KeyError {
    KeyError::not_a_key(
        "the private key is encrypted with a passphrase, expected an unencrypted one (`openssl pkey` decrypts it)",
    )
}

pub(super) fn certificate() -> KeyError {
    KeyError::not_a_key(
        "a certificate was given, expected an RSA key (`openssl x509 -pubkey -noout` prints a certificate's public key)",
    )
}

pub(super) fn other_algorithm(found: &str) -> KeyError {
    KeyError::not_a_key(format!("{found} was given, expected an RSA key"))
}

fn base64_der(text: &str) -> Result<Zeroizing<Vec<u8>>, KeyError> {
    let mut packed = Zeroizing::new(Vec::with_capacity(text.len()));
    packed.extend(text.bytes().filter(|byte| !byte.is_ascii_whitespace()));
    let foreign = |byte: &&u8| !byte.is_ascii_alphanumeric() && !b"+/=".contains(byte);
    if packed.iter().any(|byte| foreign(&byte)) {
        let only_url_safe = packed.iter().filter(foreign).all(|byte| b"-_".contains(byte));
        return Err(KeyError::not_a_key(match only_url_safe {
            true => "the key is URL-safe base64, expected PEM or standard base64 (`+` and `/`)",
            false => {
                "the key is neither PEM nor base64: it holds a character that base64 does not have"
            }
        }));
    }
    if packed.len() % 4 != 0 {
        return Err(KeyError::not_a_key(
            "the key's base64 text is cut off: its length is not a multiple of four",
        ));
    }
    let mut der = Zeroizing::new(Vec::with_capacity(packed.len() / 4 * 3));
    STANDARD.decode_vec(packed.as_slice(), &mut der).map_err(|_| {
        KeyError::not_a_key(
            "the key's base64 text is damaged: its padding or its last characters are wrong",
        )
    })?;
    if der.starts_with(BEGIN.as_bytes()) {
        return Err(KeyError::not_a_key(
            "the key is base64 of a PEM text, expected the PEM text itself or base64 DER",
        ));
    }
    Ok(der)
}
