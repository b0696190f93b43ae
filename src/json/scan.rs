//! The one reader of JSON text: a bounded recursive descent over the bytes.

use std::borrow::Cow;

use serde_json::{Map, Number, Value};

use super::text::{escape, unescape};

/// The deepest nesting taken, in levels. Operations nest two deep; the room is for members we do not know.
pub const DEPTH_MAX: usize = 64;

/// A JSON object: its exact text, where each member's value stands in it, and its parsed form for validation.
#[derive(Debug)]
pub struct Object<'a> {
    text: &'a str,
    members: Vec<Member<'a>>,
    value: Value,
    close: usize,
}

/// One member of an [`Object`].
#[derive(Debug)]
pub struct Member<'a> {
    /// The name with its escapes undone.
    pub name: Cow<'a, str>,
    /// The value exactly as it was written.
    pub raw: &'a str,
}

impl<'a> Member<'a> {
    /// The text that stands there, its escapes undone; `None` where it is no text.
    pub fn text(&self) -> Option<Cow<'a, str>> {
        let inner = self.raw.strip_prefix('"')?.strip_suffix('"')?;
        match inner.contains('\\') {
            false => Some(Cow::Borrowed(inner)),
            // The reader has undone these escapes once already, or there would be no object.
            true => unescape(inner).ok().map(Cow::Owned),
        }
    }
}

/// Why a text was refused, and where.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{kind} at byte {offset}")]
pub struct JsonError {
    /// Offset into the text, in bytes.
    pub offset: usize,
    /// What is wrong there.
    pub kind: JsonErrorKind,
}

/// The kinds of refusal.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum JsonErrorKind {
    #[error("the body is empty, expected a JSON object")]
    Empty,
    #[error("the body is not UTF-8")]
    NotUtf8,
    #[error("the body starts with a byte order mark, expected plain UTF-8")]
    ByteOrderMark,
    #[error("expected {0}")]
    Expected(&'static str),
    #[error("the text ends too early, expected {0}")]
    EndsEarly(&'static str),
    #[error("member `{0}` appears twice")]
    DuplicateMember(String),
    #[error("nested deeper than {DEPTH_MAX} levels")]
    TooDeep,
    #[error("a string holds half of a surrogate pair")]
    LoneSurrogate,
    #[error("a string holds an unescaped control character")]
    ControlCharacter,
    #[error("a string holds an unknown escape")]
    UnknownEscape,
    #[error("text follows after the object")]
    TrailingText,
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

    /// The object's text with `additions` (name, JSON text of the value) put in before the closing brace. Everything
    /// that stood there stands there still, byte for byte.
    pub fn splice<'t>(&self, additions: impl IntoIterator<Item = (&'t str, &'t str)>) -> String {
        let mut out = String::with_capacity(self.text.len() + 128);
        out.push_str(&self.text[..self.close]);
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
        out.push_str(&self.text[self.close..]);
        out
    }
}

/// Reads a body that must be one JSON object and nothing else but white space around it.
pub fn parse_object(body: &[u8]) -> Result<Object<'_>, JsonError> {
    let text = std::str::from_utf8(body)
        .map_err(|error| JsonError { offset: error.valid_up_to(), kind: JsonErrorKind::NotUtf8 })?;
    if text.starts_with('\u{feff}') {
        return Err(JsonError { offset: 0, kind: JsonErrorKind::ByteOrderMark });
    }
    let mut scanner = Scanner { text, bytes: body, at: 0 };
    scanner.skip_blank();
    if scanner.at == body.len() {
        return Err(scanner.error(JsonErrorKind::Empty));
    }
    if scanner.peek() != Some(b'{') {
        return Err(scanner.error(JsonErrorKind::Expected("a JSON object, beginning with `{`")));
    }
    let start = scanner.at;
    let (members, map) = scanner.object(1)?;
    let end = scanner.at;
    scanner.skip_blank();
    if scanner.at != body.len() {
        return Err(scanner.error(JsonErrorKind::TrailingText));
    }
    Ok(Object {
        text: &text[start..end],
        members,
        value: Value::Object(map),
        close: end - 1 - start,
    })
}

struct Scanner<'a> {
    text: &'a str,
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Scanner<'a> {
    fn object(&mut self, depth: usize) -> Result<(Vec<Member<'a>>, Map<String, Value>), JsonError> {
        self.enter(depth)?;
        let mut members = Vec::new();
        let mut map = Map::new();
        self.skip_blank();
        if self.peek() == Some(b'}') {
            self.at += 1;
            return Ok((members, map));
        }
        loop {
            self.skip_blank();
            let name_at = self.at;
            if self.peek() != Some(b'"') {
                return Err(self.unexpected("a member name in double quotes"));
            }
            let name = self.string()?;
            self.skip_blank();
            self.take(b':', "`:` after a member name")?;
            self.skip_blank();
            let value_at = self.at;
            let value = self.value(depth)?;
            if map.insert(name.clone().into_owned(), value).is_some() {
                return Err(JsonError {
                    offset: name_at,
                    kind: JsonErrorKind::DuplicateMember(shortened(&name)),
                });
            }
            members.push(Member { name, raw: &self.text[value_at..self.at] });
            self.skip_blank();
            match self.peek() {
                Some(b',') => self.at += 1,
                Some(b'}') => {
                    self.at += 1;
                    return Ok((members, map));
                }
                _ => return Err(self.unexpected("`,` or `}` after a member")),
            }
        }
    }

    fn array(&mut self, depth: usize) -> Result<Vec<Value>, JsonError> {
        self.enter(depth)?;
        let mut items = Vec::new();
        self.skip_blank();
        if self.peek() == Some(b']') {
            self.at += 1;
            return Ok(items);
        }
        loop {
            self.skip_blank();
            items.push(self.value(depth)?);
            self.skip_blank();
            match self.peek() {
                Some(b',') => self.at += 1,
                Some(b']') => {
                    self.at += 1;
                    return Ok(items);
                }
                _ => return Err(self.unexpected("`,` or `]` after an item")),
            }
        }
    }

    /// Steps over an opening bracket at nesting level `depth`.
    fn enter(&mut self, depth: usize) -> Result<(), JsonError> {
        if depth > DEPTH_MAX {
            return Err(self.error(JsonErrorKind::TooDeep));
        }
        self.at += 1;
        Ok(())
    }

    fn value(&mut self, depth: usize) -> Result<Value, JsonError> {
        match self.peek() {
            Some(b'{') => self.object(depth + 1).map(|(_, map)| Value::Object(map)),
            Some(b'[') => self.array(depth + 1).map(Value::Array),
            Some(b'"') => self.string().map(|text| Value::String(text.into_owned())),
            Some(b'-' | b'0'..=b'9') => self.number(),
            Some(b't') => self.word("true", Value::Bool(true)),
            Some(b'f') => self.word("false", Value::Bool(false)),
            Some(b'n') => self.word("null", Value::Null),
            _ => Err(self.unexpected("a JSON value")),
        }
    }

    fn word(&mut self, word: &'static str, value: Value) -> Result<Value, JsonError> {
        match self.text[self.at..].starts_with(word) {
            true => {
                self.at += word.len();
                Ok(value)
            }
            false => Err(self.unexpected("a JSON value")),
        }
    }

    fn number(&mut self) -> Result<Value, JsonError> {
        let start = self.at;
        if self.peek() == Some(b'-') {
            self.at += 1;
        }
        match self.peek() {
            Some(b'0') => self.at += 1,
            Some(b'1'..=b'9') => self.digits(),
            _ => return Err(self.unexpected("a digit")),
        }
        if self.peek() == Some(b'.') {
            self.at += 1;
            self.some_digits()?;
        }
        if let Some(b'e' | b'E') = self.peek() {
            self.at += 1;
            if let Some(b'+' | b'-') = self.peek() {
                self.at += 1;
            }
            self.some_digits()?;
        }
        Ok(number_value(&self.text[start..self.at]))
    }

    fn some_digits(&mut self) -> Result<(), JsonError> {
        match self.peek() {
            Some(b'0'..=b'9') => {
                self.digits();
                Ok(())
            }
            _ => Err(self.unexpected("a digit")),
        }
    }

    fn digits(&mut self) {
        while let Some(b'0'..=b'9') = self.peek() {
            self.at += 1;
        }
    }

    /// Reads a string that starts at the current quote and returns it with its escapes undone.
    fn string(&mut self) -> Result<Cow<'a, str>, JsonError> {
        self.at += 1;
        let start = self.at;
        let mut escaped = false;
        loop {
            match self.peek() {
                Some(b'"') => break,
                Some(b'\\') => {
                    escaped = true;
                    self.at += 1;
                    match self.peek() {
                        // The byte after a backslash is only skipped here; `unescape` judges it.
                        Some(byte) if byte.is_ascii() => self.at += 1,
                        Some(_) => return Err(self.error(JsonErrorKind::UnknownEscape)),
                        None => return Err(self.unexpected("the end of a string")),
                    }
                }
                Some(0x00..=0x1f) => return Err(self.error(JsonErrorKind::ControlCharacter)),
                Some(_) => self.at += 1,
                None => return Err(self.unexpected("the end of a string")),
            }
        }
        let inner = &self.text[start..self.at];
        self.at += 1;
        match escaped {
            false => Ok(Cow::Borrowed(inner)),
            true => match unescape(inner) {
                Ok(text) => Ok(Cow::Owned(text)),
                Err(error) => Err(JsonError { offset: start + error.offset, kind: error.kind }),
            },
        }
    }

    fn take(&mut self, byte: u8, expected: &'static str) -> Result<(), JsonError> {
        match self.peek() == Some(byte) {
            true => {
                self.at += 1;
                Ok(())
            }
            false => Err(self.unexpected(expected)),
        }
    }

    fn skip_blank(&mut self) {
        while let Some(b' ' | b'\t' | b'\n' | b'\r') = self.peek() {
            self.at += 1;
        }
    }

    fn peek(&self) -> Option<u8> {
        self.bytes.get(self.at).copied()
    }

    fn unexpected(&self, expected: &'static str) -> JsonError {
        self.error(match self.at < self.bytes.len() {
            true => JsonErrorKind::Expected(expected),
            false => JsonErrorKind::EndsEarly(expected),
        })
    }

    fn error(&self, kind: JsonErrorKind) -> JsonError {
        JsonError { offset: self.at, kind }
    }
}

/// The longest member name that a message repeats, in characters.
const NAME_CHARACTERS_MAX: usize = 64;

/// A name as far as a message repeats it.
fn shortened(name: &str) -> String {
    match name.char_indices().nth(NAME_CHARACTERS_MAX) {
        Some((end, _)) => format!("{}…", &name[..end]),
        None => name.to_owned(),
    }
}

/// The nearest value that validation can compare with. Beyond the range of a double the largest double stands in: it is
/// still a number and still over any maximum, and nothing is ever sent from it.
fn number_value(lexeme: &str) -> Value {
    if let Ok(integer) = lexeme.parse::<i64>() {
        return Value::Number(integer.into());
    }
    if let Ok(integer) = lexeme.parse::<u64>() {
        return Value::Number(integer.into());
    }
    let double = lexeme.parse::<f64>().unwrap_or(f64::MAX).clamp(f64::MIN, f64::MAX);
    Number::from_f64(double).map_or(Value::Null, Value::Number)
}

#[cfg(test)]
mod tests {
    use super::*;

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
    fn splicing_leaves_what_stood_there() {
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
    fn a_long_name_is_not_repeated_whole() {
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
