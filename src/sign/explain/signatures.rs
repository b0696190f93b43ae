//! How senders write a signature by mistake: other alphabets, other encodings, damage in transit.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::Serialize;
use strum::VariantArray;

use super::changed::{Changed, distinct};
use crate::sign::recipe::Encoding;

/// How the signature's text differs from the recipe, likelier explanations first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, VariantArray)]
#[serde(rename_all = "snake_case")]
pub enum SignatureChange {
    /// Not at all.
    AsWritten,
    /// Base64 where hexadecimal is expected.
    Base64,
    /// Blanks or line breaks in it, as mail-style base64 has.
    Wrapped,
    /// Base64 without its padding.
    Unpadded,
    /// The URL-safe base64 alphabet.
    UrlSafe,
    /// `+` turned into blanks by a form decoder.
    PlusLost,
    /// Percent-encoded.
    PercentEncoded,
    /// Base64 of base64.
    Base64Twice,
    /// Hexadecimal where base64 is expected, or upper-case where lower-case is.
    Hexadecimal,
    /// Base64 of hexadecimal.
    Base64OfHexadecimal,
}

/// Every decoding of `text` that gives other bytes than the decodings before it.
pub(super) fn decodings(encoding: Encoding, text: &str) -> Vec<Changed<SignatureChange>> {
    distinct(SignatureChange::VARIANTS.iter().copied(), |change| change.decode(encoding, text))
}

impl SignatureChange {
    /// The problem with the signature's text; nothing when there is none.
    pub(super) fn explanation(self, expected: Encoding) -> Option<String> {
        let found = match self {
            Self::AsWritten => return None,
            Self::Wrapped => "with blanks or line breaks in it",
            Self::Unpadded => "as base64 without its padding",
            Self::UrlSafe => "as URL-safe base64",
            Self::PlusLost => "with its `+` turned into blanks",
            Self::PercentEncoded => "percent-encoded",
            Self::Base64Twice => "as base64 of base64",
            Self::Hexadecimal => "as hexadecimal",
            Self::Base64OfHexadecimal => "as base64 of hexadecimal",
            Self::Base64 => "as base64",
        };
        let expected = match expected {
            Encoding::Base64 => "standard base64 on one line",
            Encoding::Hex => "lower-case hexadecimal",
        };
        Some(format!("the signature is written {found}, expected {expected}"))
    }

    fn decode(self, encoding: Encoding, text: &str) -> Option<Vec<u8>> {
        match self {
            Self::AsWritten => encoding.decode(text),
            Self::Wrapped => encoding.decode(&without_blanks(text)),
            Self::Unpadded => STANDARD.decode(padded(text)).ok(),
            Self::UrlSafe => {
                STANDARD.decode(padded(&text.replace('-', "+").replace('_', "/"))).ok()
            }
            Self::PlusLost => STANDARD.decode(text.replace(' ', "+")).ok(),
            Self::PercentEncoded => encoding.decode(&percent_decoded(text)?),
            Self::Base64Twice => STANDARD.decode(base64_text(text)?.trim()).ok(),
            Self::Hexadecimal => hexadecimal(text),
            Self::Base64OfHexadecimal => hexadecimal(&base64_text(text)?),
            Self::Base64 => match encoding {
                Encoding::Base64 => None,
                Encoding::Hex => STANDARD.decode(without_blanks(text)).ok(),
            },
        }
    }
}

fn without_blanks(text: &str) -> String {
    text.split_ascii_whitespace().collect()
}

fn padded(text: &str) -> String {
    let bare = text.trim_end_matches('=');
    let padding = (4 - bare.len() % 4) % 4;
    format!("{bare}{}", "=".repeat(padding))
}

fn base64_text(text: &str) -> Option<String> {
    String::from_utf8(STANDARD.decode(without_blanks(text)).ok()?).ok()
}

fn hexadecimal(text: &str) -> Option<Vec<u8>> {
    Encoding::Hex.decode(&without_blanks(text).to_ascii_lowercase())
}

fn percent_decoded(text: &str) -> Option<String> {
    let mut parts = text.split('%');
    let mut out = parts.next()?.to_owned();
    for part in parts {
        let code = u8::from_str_radix(part.get(..2)?, 16).ok()?;
        out.push(char::from(code));
        out.push_str(&part[2..]);
    }
    Some(out)
}
