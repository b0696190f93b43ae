//! JSON string escapes: encoding and decoding.

use super::error::{JsonError, JsonErrorKind};

/// Appends `text` to `out` as a JSON string, quotes included. Escapes only what must be escaped, so other UTF-8 text
/// stays as it is.
pub fn escape(text: &str, out: &mut String) {
    out.push('"');
    let mut rest = text;
    while let Some(at) = rest.find(|c: char| c == '"' || c == '\\' || c < ' ') {
        out.push_str(&rest[..at]);
        let byte = rest.as_bytes()[at];
        match byte {
            b'"' => out.push_str("\\\""),
            b'\\' => out.push_str("\\\\"),
            b'\n' => out.push_str("\\n"),
            b'\r' => out.push_str("\\r"),
            b'\t' => out.push_str("\\t"),
            control => out.push_str(&format!("\\u{control:04x}")),
        }
        rest = &rest[at + 1..];
    }
    out.push_str(rest);
    out.push('"');
}

/// Decodes the escapes of `inner`, the text between a JSON string's quotes. Offsets in errors count from its start.
pub fn unescape(inner: &str) -> Result<String, JsonError> {
    let mut out = String::with_capacity(inner.len());
    let mut at = 0;
    while let Some(found) = inner[at..].find('\\') {
        let escape_at = at + found;
        out.push_str(&inner[at..escape_at]);
        let fail = |kind| JsonError { offset: escape_at, kind };
        let (character, length) = match inner.as_bytes().get(escape_at + 1) {
            Some(itself @ (b'"' | b'\\' | b'/')) => (char::from(*itself), 2),
            Some(b'b') => ('\u{8}', 2),
            Some(b'f') => ('\u{c}', 2),
            Some(b'n') => ('\n', 2),
            Some(b'r') => ('\r', 2),
            Some(b't') => ('\t', 2),
            Some(b'u') => unicode_escape(inner, escape_at).map_err(fail)?,
            _ => return Err(fail(JsonErrorKind::UnknownEscape)),
        };
        out.push(character);
        at = escape_at + length;
    }
    out.push_str(&inner[at..]);
    Ok(out)
}

/// The character of the `\uXXXX` (or surrogate pair) at `at`, and how many bytes its escape takes.
fn unicode_escape(inner: &str, at: usize) -> Result<(char, usize), JsonErrorKind> {
    let first = hex4(inner, at).ok_or(JsonErrorKind::UnknownEscape)?;
    if let Some(character) = char::from_u32(first) {
        return Ok((character, 6));
    }
    let second = hex4(inner, at + 6).ok_or(JsonErrorKind::LoneSurrogate)?;
    if first >= 0xdc00 || !(0xdc00..0xe000).contains(&second) {
        return Err(JsonErrorKind::LoneSurrogate);
    }
    let code = 0x10000 + ((first - 0xd800) << 10) + (second - 0xdc00);
    char::from_u32(code).map(|character| (character, 12)).ok_or(JsonErrorKind::LoneSurrogate)
}

/// The number in the `\uXXXX` at `at`.
fn hex4(inner: &str, at: usize) -> Option<u32> {
    let digits = inner.as_bytes().get(at..at + 6)?.strip_prefix(b"\\u")?;
    digits.iter().try_fold(0, |sum, digit| Some(sum * 16 + char::from(*digit).to_digit(16)?))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn any_json_reader_decodes_our_escapes(text in any::<String>()) {
            let mut quoted = String::new();
            escape(&text, &mut quoted);
            prop_assert_eq!(&serde_json::from_str::<String>(&quoted).expect("a JSON string"), &text);
            prop_assert_eq!(&unescape(&quoted[1..quoted.len() - 1]).expect("our own escapes"), &text);
        }

        #[test]
        fn unescaping_never_panics(inner in "[a\\\\u0-9d\"é/n]{0,24}") {
            let _ = unescape(&inner);
        }
    }

    #[test]
    fn every_escape_of_the_standard_is_decoded() {
        let text = unescape(r#"\"\\\/\b\f\n\r\t\u0041\u00e9\ud83d\ude00"#).expect("valid escapes");
        assert_eq!(text, "\"\\/\u{8}\u{c}\n\r\tAé😀");
    }
}
