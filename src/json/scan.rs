//! The one reader of JSON text: a bounded recursive descent over the bytes.

use std::borrow::Cow;

use serde_json::{Map, Number, Value};

use super::error::{DEPTH_MAX, JsonError, JsonErrorKind};
use super::text::unescape;

/// One member of an [`Object`](super::Object).
#[derive(Debug)]
pub struct Member<'a> {
    /// The name with its escapes decoded.
    pub name: Cow<'a, str>,
    /// The value exactly as it was written.
    pub raw: &'a str,
}

impl<'a> Member<'a> {
    /// The value as a string with its escapes decoded; `None` where it is not a string.
    pub fn text(&self) -> Option<Cow<'a, str>> {
        let inner = self.raw.strip_prefix('"')?.strip_suffix('"')?;
        match inner.contains('\\') {
            false => Some(Cow::Borrowed(inner)),
            // The reader has already decoded these escapes once, or there would be no object.
            true => unescape(inner).ok().map(Cow::Owned),
        }
    }
}

/// A position in a text.
pub(super) struct Scanner<'a> {
    pub text: &'a str,
    /// The byte to read next.
    pub at: usize,
}

impl<'a> Scanner<'a> {
    /// Reads the object that begins here, at nesting level `depth`: its members as written, and parsed.
    pub fn object(
        &mut self,
        depth: usize,
    ) -> Result<(Vec<Member<'a>>, Map<String, Value>), JsonError> {
        let (mut members, mut map) = (Vec::new(), Map::new());
        self.list(depth, b'}', "`,` or `}` after a member", |scanner| {
            let name_at = scanner.at;
            if scanner.peek() != Some(b'"') {
                return Err(scanner.unexpected("a member name in double quotes"));
            }
            let name = scanner.string()?;
            scanner.skip_blank();
            if !scanner.accept(b':') {
                return Err(scanner.unexpected("`:` after a member name"));
            }
            scanner.skip_blank();
            let value_at = scanner.at;
            let value = scanner.value(depth)?;
            if map.insert(name.clone().into_owned(), value).is_some() {
                let kind = JsonErrorKind::DuplicateMember(shortened(&name));
                return Err(JsonError { offset: name_at, kind });
            }
            members.push(Member { name, raw: &scanner.text[value_at..scanner.at] });
            Ok(())
        })?;
        Ok((members, map))
    }

    fn array(&mut self, depth: usize) -> Result<Value, JsonError> {
        let mut items = Vec::new();
        self.list(depth, b']', "`,` or `]` after an item", |scanner| {
            items.push(scanner.value(depth)?);
            Ok(())
        })?;
        Ok(Value::Array(items))
    }

    /// Steps over an opening bracket at nesting level `depth`, reads items with commas between them, and steps over `close`.
    fn list(
        &mut self,
        depth: usize,
        close: u8,
        expected: &'static str,
        mut item: impl FnMut(&mut Self) -> Result<(), JsonError>,
    ) -> Result<(), JsonError> {
        if depth > DEPTH_MAX {
            return Err(self.error(JsonErrorKind::TooDeep));
        }
        self.at += 1;
        self.skip_blank();
        if self.accept(close) {
            return Ok(());
        }
        loop {
            self.skip_blank();
            item(self)?;
            self.skip_blank();
            if self.accept(close) {
                return Ok(());
            }
            if !self.accept(b',') {
                return Err(self.unexpected(expected));
            }
        }
    }

    fn value(&mut self, depth: usize) -> Result<Value, JsonError> {
        match self.peek() {
            Some(b'{') => self.object(depth + 1).map(|(_, map)| Value::Object(map)),
            Some(b'[') => self.array(depth + 1),
            Some(b'"') => self.string().map(|text| Value::String(text.into_owned())),
            Some(b'-' | b'0'..=b'9') => self.number(),
            _ => {
                let words = [
                    ("true", Value::Bool(true)),
                    ("false", Value::Bool(false)),
                    ("null", Value::Null),
                ];
                let rest = &self.text.as_bytes()[self.at..];
                let found = words.into_iter().find(|(word, _)| rest.starts_with(word.as_bytes()));
                let (word, value) = found.ok_or_else(|| self.unexpected("a JSON value"))?;
                self.at += word.len();
                Ok(value)
            }
        }
    }

    fn number(&mut self) -> Result<Value, JsonError> {
        let start = self.at;
        self.accept(b'-');
        if !self.accept(b'0') {
            self.digits()?;
        }
        if self.accept(b'.') {
            self.digits()?;
        }
        if self.accept(b'e') || self.accept(b'E') {
            let _sign = self.accept(b'+') || self.accept(b'-');
            self.digits()?;
        }
        Ok(number_value(&self.text[start..self.at]))
    }

    /// Steps over one digit or more.
    fn digits(&mut self) -> Result<(), JsonError> {
        let start = self.at;
        while let Some(b'0'..=b'9') = self.peek() {
            self.at += 1;
        }
        if self.at == start { Err(self.unexpected("a digit")) } else { Ok(()) }
    }

    /// Reads a string that starts at the current quote and returns it with its escapes decoded.
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
                        // The byte after a backslash is only skipped here; `unescape` checks it.
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
        if !escaped {
            return Ok(Cow::Borrowed(inner));
        }
        let text = unescape(inner);
        text.map(Cow::Owned).map_err(|error| JsonError { offset: start + error.offset, ..error })
    }

    pub fn skip_blank(&mut self) {
        while let Some(b' ' | b'\t' | b'\n' | b'\r') = self.peek() {
            self.at += 1;
        }
    }

    /// Steps over `byte` if it is next.
    fn accept(&mut self, byte: u8) -> bool {
        let stands_here = self.peek() == Some(byte);
        self.at += usize::from(stands_here);
        stands_here
    }

    pub fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    pub fn unexpected(&self, expected: &'static str) -> JsonError {
        self.error(match self.peek() {
            Some(_) => JsonErrorKind::Expected(expected),
            None => JsonErrorKind::EndsEarly(expected),
        })
    }

    pub fn error(&self, kind: JsonErrorKind) -> JsonError {
        JsonError { offset: self.at, kind }
    }
}

/// The longest member name that a message shows in full, in characters.
const NAME_CHARACTERS_MAX: usize = 64;

/// A name, shortened for a message.
fn shortened(name: &str) -> String {
    match name.char_indices().nth(NAME_CHARACTERS_MAX) {
        Some((end, _)) => format!("{}…", &name[..end]),
        None => name.to_owned(),
    }
}

/// The nearest value that validation can compare with. Beyond the range of a double this is the largest double: it is
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
