//! A JSON object as it was written, and members put into its text.

use serde_json::Value;

use super::error::{JsonError, JsonErrorKind};
use super::scan::{Member, Scanner};
use super::text::escape;

/// A JSON object: its exact text, where each member's value is in it, and its parsed form for validation.
#[derive(Debug)]
pub struct Object<'a> {
    text: &'a str,
    members: Vec<Member<'a>>,
    value: Value,
}

impl<'a> Object<'a> {
    /// The member of that name.
    pub fn member(&self, name: &str) -> Option<&Member<'a>> {
        self.members.iter().find(|member| member.name == name)
    }

    /// All members in the order they were written.
    pub fn members(&self) -> &[Member<'a>] {
        &self.members
    }

    /// The parsed form, for schema validation only: numbers may be rounded, so nothing is ever sent from it.
    pub fn value(&self) -> &Value {
        &self.value
    }

    /// The text between and including the braces, exactly as written.
    pub fn text(&self) -> &'a str {
        self.text
    }

    /// The object's text with `additions` (name, JSON text of the value) inserted before the closing brace. The
    /// original text is unchanged, byte for byte.
    pub fn splice<'t>(&self, additions: impl IntoIterator<Item = (&'t str, &'t str)>) -> String {
        let mut out = String::with_capacity(self.text.len() + 128);
        let (before, brace) = self.text.split_at(self.text.len() - 1);
        out.push_str(before);
        let mut first = self.members.is_empty();
        for (name, raw) in additions {
            if !first {
                out.push(',');
            }
            first = false;
            escape(name, &mut out);
            out.push(':');
            out.push_str(raw);
        }
        out.push_str(brace);
        out
    }
}

/// Reads a body that must be one JSON object, with nothing but white space around it.
pub fn parse_object(body: &[u8]) -> Result<Object<'_>, JsonError> {
    let text = std::str::from_utf8(body)
        .map_err(|error| JsonError { offset: error.valid_up_to(), kind: JsonErrorKind::NotUtf8 })?;
    if text.starts_with('\u{feff}') {
        return Err(JsonError { offset: 0, kind: JsonErrorKind::ByteOrderMark });
    }
    let mut scanner = Scanner { text, at: 0 };
    scanner.skip_blank();
    match scanner.peek() {
        Some(b'{') => {}
        Some(_) => {
            return Err(scanner.unexpected("a JSON object, beginning with `{`"));
        }
        None => return Err(scanner.error(JsonErrorKind::Empty)),
    }
    let start = scanner.at;
    let (members, map) = scanner.object(1)?;
    let text = &text[start..scanner.at];
    scanner.skip_blank();
    match scanner.peek() {
        None => Ok(Object { text, members, value: Value::Object(map) }),
        Some(_) => Err(scanner.error(JsonErrorKind::TrailingText)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::json::error::DEPTH_MAX;

    fn kind_of(body: &str) -> JsonErrorKind {
        parse_object(body.as_bytes()).expect_err("the text should be refused").kind
    }

    #[test]
    fn members_keep_their_exact_text() {
        let object = parse_object(br#" {"a" : 1.10, "b":1E2,"c":"\u0e01\/", "d":{"x":[1 , 2]}} "#)
            .expect("valid");
        let raw: Vec<&str> = object.members().iter().map(|member| member.raw).collect();
        assert_eq!(raw, ["1.10", "1E2", r#""\u0e01\/""#, r#"{"x":[1 , 2]}"#]);
        assert_eq!(object.member("c").map(|member| member.raw), Some(r#""\u0e01\/""#));
    }

    #[test]
    fn splicing_keeps_the_original_text() {
        let object = parse_object(b"{\"a\":1 }").expect("valid");
        assert_eq!(object.splice([("t", "5"), ("u", "\"x\"")]), "{\"a\":1 ,\"t\":5,\"u\":\"x\"}");
        let empty = parse_object(b"{ }").expect("valid");
        assert_eq!(empty.splice([("t", "5")]), "{ \"t\":5}");
        assert_eq!(empty.splice([]), "{ }");
    }

    #[test]
    fn duplicates_are_found_at_any_level_and_behind_escapes() {
        assert_eq!(kind_of(r#"{"a":1,"\u0061":2}"#), JsonErrorKind::DuplicateMember("a".into()));
        assert_eq!(kind_of(r#"{"l":[{"b":1,"b":1}]}"#), JsonErrorKind::DuplicateMember("b".into()));
    }

    #[test]
    fn a_long_name_is_shortened_in_the_error() {
        let name = "ก".repeat(10_000);
        let message = kind_of(&format!("{{\"{name}\":1,\"{name}\":2}}")).to_string();
        assert!(message.chars().count() < 100, "{} characters", message.chars().count());
        assert!(message.starts_with("member `กกก") && message.ends_with("…` appears twice"));
    }

    #[test]
    fn nesting_is_limited() {
        let nested =
            |levels: usize| format!("{{\"a\":{}{}}}", "[".repeat(levels), "]".repeat(levels));
        assert!(parse_object(nested(DEPTH_MAX - 1).as_bytes()).is_ok());
        assert_eq!(kind_of(&nested(DEPTH_MAX)), JsonErrorKind::TooDeep);
        assert_eq!(kind_of(&nested(5000)), JsonErrorKind::TooDeep);
    }

    #[test]
    fn hostile_texts_are_refused() {
        for body in [
            "",
            " ",
            "[]",
            "1",
            "{",
            "{]",
            "{\"a\"",
            "{\"a\":",
            "{\"a\":1",
            "{\"a\":1,}",
            "{\"a\":01}",
            "{\"a\":1.}",
            "{\"a\":+1}",
            "{\"a\":.5}",
            "{\"a\":1e}",
            "{\"a\":tru}",
            "{\"a\":NaN}",
            "{'a':1}",
            "{\"a\":\"\n\"}",
            "{\"a\":\"\\x\"}",
            "{\"a\":\"\\ud800\"}",
            "{\"a\":\"\\udc00\\ud800\"}",
            "{\"a\":\"\\u12\"}",
            "{\"a\":1}x",
            "{\"a\":1}{}",
            "\u{feff}{}",
            "{\"a\":\"\\",
            "{\"a\":\"\0\"}",
            "{\"a\" \"b\"}",
            "{\"a\":\"\\é\"}",
        ] {
            assert!(parse_object(body.as_bytes()).is_err(), "`{body}` should be refused");
        }
        assert!(
            parse_object(b"{\"a\":\"\xff\"}").is_err(),
            "bytes that are not UTF-8 should be refused"
        );
    }

    #[test]
    fn numbers_beyond_a_double_are_still_numbers() {
        let object =
            parse_object(b"{\"a\":1e999,\"b\":-1e999,\"c\":123456789012345678901234567890}")
                .expect("valid");
        for member in ["a", "b", "c"] {
            assert!(object.value()[member].is_number(), "`{member}` should be a number");
        }
        assert_eq!(object.member("a").map(|member| member.raw), Some("1e999"));
    }
}
