//! Signature bytes to text and back, strictly: exactly one text for each signature.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use super::Encoding;
use crate::sign::key::hex;

/// The longest signature text that is decoded, in characters: hex of an 8192-bit signature.
pub(super) const SIGNATURE_CHARACTERS_MAX: usize = 2048;

impl Encoding {
    pub(in crate::sign) fn encode(self, signature: &[u8]) -> String {
        match self {
            Self::Base64 => STANDARD.encode(signature),
            Self::Hex => hex(signature),
        }
    }

    /// The signature's bytes; nothing when `text` is not exactly what [`Encoding::encode`] writes for them.
    pub(in crate::sign) fn decode(self, text: &str) -> Option<Vec<u8>> {
        if text.is_empty() || text.len() > SIGNATURE_CHARACTERS_MAX {
            return None;
        }
        match self {
            Self::Base64 => STANDARD.decode(text).ok(),
            Self::Hex => unhex(text.as_bytes()),
        }
    }
}

fn unhex(text: &[u8]) -> Option<Vec<u8>> {
    let digit = |byte: u8| match byte {
        b'0'..=b'9' => Some(byte - b'0'),
        b'a'..=b'f' => Some(byte - b'a' + 10),
        _ => None,
    };
    let (pairs, rest) = text.as_chunks::<2>();
    if !rest.is_empty() {
        return None;
    }
    pairs.iter().map(|[high, low]| Some(digit(*high)? << 4 | digit(*low)?)).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn other_spellings_of_a_signature_are_refused() {
        let signature = [0xfb, 0xff, 0x00, 0x10];
        assert_eq!(Encoding::Base64.encode(&signature), "+/8AEA==");
        for text in [
            "",
            "+/8AEA",
            "+/8AEA=",
            "-_8AEA==",
            "+/8AEA==\n",
            " +/8AEA==",
            "+/8AEB==",
            "+/8A\nEA==",
            "%2B/8AEA==",
        ] {
            assert_eq!(Encoding::Base64.decode(text), None, "`{text}` should be refused");
        }
        for text in ["", "f", "FBFF0010", "fbff001", "fbff00 10", "0xfbff", "fbff001é"] {
            assert_eq!(Encoding::Hex.decode(text), None, "`{text}` should be refused");
        }
        let long = "00".repeat(SIGNATURE_CHARACTERS_MAX / 2 + 1);
        assert_eq!(Encoding::Hex.decode(&long), None, "a text over the limit should be refused");
    }

    proptest! {
        #[test]
        fn what_is_encoded_is_decoded(signature in proptest::collection::vec(any::<u8>(), 1..64)) {
            for encoding in [Encoding::Base64, Encoding::Hex] {
                prop_assert_eq!(encoding.decode(&encoding.encode(&signature)), Some(signature.clone()));
            }
        }

        #[test]
        fn a_text_that_decodes_is_its_own_encoding(text in "[A-Za-z0-9+/=]{0,12}") {
            for encoding in [Encoding::Base64, Encoding::Hex] {
                if let Some(signature) = encoding.decode(&text) {
                    prop_assert_eq!(encoding.encode(&signature), text.clone());
                }
            }
        }
    }
}
