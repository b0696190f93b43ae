//! Recognises the contents of a DER text by its outermost structure.
//!
//! Just enough DER to find the PKCS#1 part of an RSA key and to name other contents. It does not check a key's
//! numbers: the crypto library reads them from the same bytes and refuses wrong ones.

use super::{KEY_BITS_MAX, KEY_BITS_MIN, KeyError, text};

/// The PKCS#1 DER of the key that was found.
#[derive(Debug)]
pub(super) enum Found<'a> {
    /// An `RSAPrivateKey`.
    Private(&'a [u8]),
    /// An `RSAPublicKey`.
    Public(&'a [u8]),
}

/// Finds the RSA key in `der`: PKCS#8, PKCS#1 or SubjectPublicKeyInfo.
pub(super) fn recognise(der: &[u8]) -> Result<Found<'_>, KeyError> {
    let elements = outer_elements(der)?;
    let tags: Vec<u8> = elements.iter().map(|element| element.tag).collect();
    match tags.as_slice() {
        [INTEGER, INTEGER] => public(der),
        [INTEGER, SEQUENCE, OCTET_STRING, ..] => {
            expect_rsa(elements[1].contents)?;
            private(elements[2].contents)
        }
        [INTEGER, INTEGER, INTEGER, INTEGER, INTEGER, INTEGER, INTEGER, INTEGER, INTEGER, ..] => {
            private(der)
        }
        [SEQUENCE, BIT_STRING] => {
            expect_rsa(elements[0].contents)?;
            // The first byte of a BIT STRING counts unused bits and is 0 for every key.
            public(elements[1].contents.get(1..).unwrap_or_default())
        }
        [SEQUENCE, OCTET_STRING] => Err(text::encrypted()),
        [SEQUENCE, SEQUENCE, BIT_STRING] => Err(text::certificate()),
        [INTEGER, OCTET_STRING, ..] => Err(text::other_algorithm("an elliptic-curve key")),
        [INTEGER, SEQUENCE] | [INTEGER, SEQUENCE, SEQUENCE] => Err(KeyError::not_a_key(
            "a PKCS#12 key store was given, expected an RSA key (`openssl pkcs12 -nodes` unpacks it)",
        )),
        _ => Err(no_key()),
    }
}

fn private(der: &[u8]) -> Result<Found<'_>, KeyError> {
    let elements = outer_elements(der)?;
    match elements.as_slice() {
        [version, modulus, ..] if version.tag == INTEGER && modulus.tag == INTEGER => {
            check_size(modulus.contents)?;
            Ok(Found::Private(der))
        }
        _ => Err(no_key()),
    }
}

fn public(der: &[u8]) -> Result<Found<'_>, KeyError> {
    let elements = outer_elements(der)?;
    match elements.as_slice() {
        [modulus, exponent] if modulus.tag == INTEGER && exponent.tag == INTEGER => {
            check_size(modulus.contents)?;
            Ok(Found::Public(der))
        }
        _ => Err(no_key()),
    }
}

fn check_size(modulus: &[u8]) -> Result<(), KeyError> {
    match bit_length(modulus) {
        KEY_BITS_MIN..=KEY_BITS_MAX => Ok(()),
        bits => Err(KeyError::not_a_key(format!(
            "the RSA key has {bits} bits, expected {KEY_BITS_MIN} to {KEY_BITS_MAX}"
        ))),
    }
}

/// The size of the modulus in a PKCS#1 `RSAPublicKey`, in bits.
pub(super) fn public_key_bits(pkcs1: &[u8]) -> usize {
    let elements = outer_elements(pkcs1).unwrap_or_default();
    elements.first().map_or(0, |modulus| bit_length(modulus.contents))
}

fn bit_length(number: &[u8]) -> usize {
    let Some(first) = number.iter().position(|byte| *byte != 0) else {
        return 0;
    };
    let bytes = number.len() - first;
    let leading_zeros = usize::try_from(number[first].leading_zeros()).unwrap_or(0);
    bytes * 8 - leading_zeros
}

/// Refuses an AlgorithmIdentifier that is not plain RSA.
fn expect_rsa(algorithm: &[u8]) -> Result<(), KeyError> {
    const RSA: &[u8] = b"\x2a\x86\x48\x86\xf7\x0d\x01\x01\x01";
    const RSA_PSS: &[u8] = b"\x2a\x86\x48\x86\xf7\x0d\x01\x01\x0a";
    const ELLIPTIC_CURVE: &[u8] = b"\x2a\x86\x48\xce\x3d\x02\x01";
    const DSA: &[u8] = b"\x2a\x86\x48\xce\x38\x04\x01";
    const EDWARDS_CURVES: &[u8] = b"\x2b\x65";
    let Some((identifier, _)) = element(algorithm) else {
        return Err(no_key());
    };
    match identifier.contents {
        RSA => Ok(()),
        RSA_PSS => Err(text::other_algorithm("a key bound to RSA-PSS")),
        ELLIPTIC_CURVE => Err(text::other_algorithm("an elliptic-curve key")),
        DSA => Err(text::other_algorithm("a DSA key")),
        other if other.starts_with(EDWARDS_CURVES) => {
            Err(text::other_algorithm("an Ed25519, Ed448 or X25519 key"))
        }
        _ => Err(text::other_algorithm("a key of another algorithm")),
    }
}

fn no_key() -> KeyError {
    KeyError::not_a_key("the text decodes, but what it holds is not an RSA key")
}

const INTEGER: u8 = 0x02;
const BIT_STRING: u8 = 0x03;
const OCTET_STRING: u8 = 0x04;
const SEQUENCE: u8 = 0x30;

struct Element<'a> {
    tag: u8,
    contents: &'a [u8],
}

/// The elements of the one SEQUENCE that makes up all of `der`.
fn outer_elements(der: &[u8]) -> Result<Vec<Element<'_>>, KeyError> {
    let Some((tag, announced, header)) = header(der) else {
        return Err(no_key());
    };
    if tag != SEQUENCE {
        return Err(no_key());
    }
    let mut rest = match der.len().cmp(&header.saturating_add(announced)) {
        std::cmp::Ordering::Equal => &der[header..],
        std::cmp::Ordering::Less => {
            return Err(KeyError::not_a_key("the key is cut off: its end is missing"));
        }
        std::cmp::Ordering::Greater => {
            return Err(KeyError::not_a_key("the key is followed by other bytes"));
        }
    };
    let mut elements = Vec::new();
    while !rest.is_empty() {
        let Some((found, tail)) = element(rest) else {
            return Err(no_key());
        };
        elements.push(found);
        rest = tail;
    }
    Ok(elements)
}

/// The first element of `der` and what follows it.
fn element(der: &[u8]) -> Option<(Element<'_>, &[u8])> {
    let (tag, length, header) = header(der)?;
    let end = header.checked_add(length)?;
    Some((Element { tag, contents: der.get(header..end)? }, &der[end..]))
}

/// Tag, announced length and size of the header at the start of `der`.
fn header(der: &[u8]) -> Option<(u8, usize, usize)> {
    let (&tag, rest) = der.split_first()?;
    let (&first, rest) = rest.split_first()?;
    if first < 0x80 {
        return Some((tag, usize::from(first), 2));
    }
    // A key's lengths fit four bytes; 0x80 itself is the indefinite form, which DER does not have.
    let count = usize::from(first & 0x7f);
    if !(1..=4).contains(&count) {
        return None;
    }
    let length =
        rest.get(..count)?.iter().fold(0_usize, |sum, byte| (sum << 8) | usize::from(*byte));
    Some((tag, length, 2 + count))
}
