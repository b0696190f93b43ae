//! Texts that senders sign by mistake instead of the text they send.
//!
//! Most of them come from one habit: parsing a JSON text and printing it again, with a library that prints it
//! differently.

use std::io::{self, Write};

use serde::Serialize;
use serde_json::Value;
use serde_json::ser::{Formatter, Serializer};
use strum::VariantArray;

use super::changed::{Changed, distinct};
use crate::json::{self, Object};
use crate::sign::recipe::{Source, VerifyRecipe};

/// How the signed text differs from the received one, likelier explanations first: of two changes that make the same text the
/// first is reported.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, VariantArray)]
#[serde(rename_all = "snake_case")]
pub enum TextChange {
    /// Not at all.
    AsReceived,
    /// With an extra line feed at its end.
    LineFeedAdded,
    /// With an extra carriage return and line feed at its end.
    CrLfAdded,
    /// Without its line end.
    LineEndRemoved,
    /// Without the blanks around it.
    Trimmed,
    /// Without the blanks between its JSON tokens; numbers and escapes unchanged.
    BlanksRemoved,
    /// Parsed and printed compactly.
    Reprinted,
    /// Parsed and printed compactly, with `/` and all non-ASCII characters escaped, as PHP does by default.
    ReprintedEscaped,
    /// Parsed and printed with a blank after each `,` and `:`, as Python does by default.
    ReprintedSpaced,
    /// Parsed and printed compactly with its members sorted by name.
    Sorted,
    /// Both sorted and spaced.
    SortedSpaced,
    /// With the outer body's JSON escapes still in it.
    StillEscaped,
    /// With the outer body's JSON escapes and quotes, or, for a member that is not a string, its JSON text.
    JsonText,
}

/// The text as received, if there is one, and everything that may have been signed instead.
pub(super) fn texts(
    recipe: &VerifyRecipe,
    body: &[u8],
    object: &Object<'_>,
) -> Vec<Changed<TextChange>> {
    distinct(TextChange::VARIANTS.iter().copied(), |change| message(recipe, body, object, change))
}

/// The message as the recipe builds it, with every member's text changed in the same way.
fn message(
    recipe: &VerifyRecipe,
    body: &[u8],
    object: &Object<'_>,
    change: TextChange,
) -> Option<Vec<u8>> {
    let mut message = Vec::new();
    for source in &recipe.message {
        match source {
            Source::Literal(text) => message.extend_from_slice(text.as_bytes()),
            Source::BodyRaw => message.extend_from_slice(body),
            Source::JsonStringMember(names) => {
                let member = names.find(object).ok()??;
                message.extend_from_slice(change.apply(member.raw)?.as_bytes());
            }
        }
    }
    Some(message)
}

impl TextChange {
    /// The change, in words; nothing when there is none.
    pub(super) fn explanation(self) -> Option<&'static str> {
        Some(match self {
            Self::AsReceived => return None,
            Self::LineFeedAdded => "a line feed followed the text when it was signed",
            Self::CrLfAdded => {
                "a carriage return and a line feed followed the text when it was signed"
            }
            Self::LineEndRemoved => "the text was signed without its line end",
            Self::Trimmed => "the text was signed without the blanks around it",
            Self::BlanksRemoved => "the text was signed without the blanks between its members",
            Self::Reprinted => "the text was parsed and printed again before it was signed",
            Self::ReprintedEscaped => {
                "the text was printed again with `/` and non-ASCII characters escaped before it was signed"
            }
            Self::ReprintedSpaced => {
                "the text was printed again with a blank after each `,` and `:` before it was signed"
            }
            Self::Sorted => {
                "the text was printed again with its members sorted before it was signed"
            }
            Self::SortedSpaced => {
                "the text was printed again with its members sorted and a blank after each `,` and `:` before it was \
                 signed"
            }
            Self::StillEscaped => {
                "the text was signed with the JSON escapes of the outer body still in it"
            }
            Self::JsonText => "the member's JSON text was signed, not the string it represents",
        })
    }

    /// What would have been signed, from a member's JSON text.
    fn apply(self, raw: &str) -> Option<String> {
        if self == Self::JsonText {
            return Some(raw.to_owned());
        }
        let inner = raw.strip_prefix('"')?.strip_suffix('"')?;
        let text = json::unescape(inner).ok()?;
        match self {
            Self::AsReceived => Some(text),
            Self::LineFeedAdded => Some(text + "\n"),
            Self::CrLfAdded => Some(text + "\r\n"),
            Self::LineEndRemoved => {
                let line = text.strip_suffix('\n')?;
                Some(line.strip_suffix('\r').unwrap_or(line).to_owned())
            }
            Self::Trimmed => Some(text.trim().to_owned()),
            Self::BlanksRemoved => Some(without_blanks(&text)),
            Self::Reprinted => reprint(&text, Style::default()),
            Self::ReprintedEscaped => reprint(&text, Style { escaped: true, ..Style::default() }),
            Self::ReprintedSpaced => reprint(&text, Style { spaced: true, ..Style::default() }),
            Self::Sorted => reprint(&text, Style { sorted: true, ..Style::default() }),
            Self::SortedSpaced => {
                reprint(&text, Style { sorted: true, spaced: true, ..Style::default() })
            }
            Self::StillEscaped => Some(inner.to_owned()),
            Self::JsonText => None,
        }
    }
}

fn without_blanks(text: &str) -> String {
    let (mut in_string, mut after_backslash) = (false, false);
    text.chars()
        .filter(|character| {
            let keep = in_string || !matches!(character, ' ' | '\t' | '\n' | '\r');
            if *character == '"' && !after_backslash {
                in_string = !in_string;
            }
            after_backslash = in_string && *character == '\\' && !after_backslash;
            keep
        })
        .collect()
}

/// How JSON is printed.
#[derive(Clone, Copy, Default)]
struct Style {
    sorted: bool,
    spaced: bool,
    escaped: bool,
}

/// `text` parsed and printed again, which must never be signed.
fn reprint(text: &str, style: Style) -> Option<String> {
    let mut value: Value = serde_json::from_str(text).ok()?;
    if style.sorted {
        value.sort_all_objects();
    }
    let mut out = Vec::with_capacity(text.len());
    value.serialize(&mut Serializer::with_formatter(&mut out, style)).ok()?;
    String::from_utf8(out).ok()
}

impl Style {
    fn separate<W: ?Sized + Write>(self, out: &mut W, sign: &str) -> io::Result<()> {
        out.write_all(sign.as_bytes())?;
        out.write_all(if self.spaced { b" " } else { b"" })
    }
}

impl Formatter for Style {
    fn begin_array_value<W: ?Sized + Write>(&mut self, out: &mut W, first: bool) -> io::Result<()> {
        if first { Ok(()) } else { self.separate(out, ",") }
    }

    fn begin_object_key<W: ?Sized + Write>(&mut self, out: &mut W, first: bool) -> io::Result<()> {
        if first { Ok(()) } else { self.separate(out, ",") }
    }

    fn begin_object_value<W: ?Sized + Write>(&mut self, out: &mut W) -> io::Result<()> {
        self.separate(out, ":")
    }

    fn write_string_fragment<W: ?Sized + Write>(
        &mut self,
        out: &mut W,
        fragment: &str,
    ) -> io::Result<()> {
        if !self.escaped {
            return out.write_all(fragment.as_bytes());
        }
        fragment.chars().try_for_each(|character| match character {
            '/' => out.write_all(b"\\/"),
            ascii if ascii.is_ascii() => write!(out, "{ascii}"),
            other => {
                let units = other.encode_utf16(&mut [0; 2]).to_vec();
                units.iter().try_for_each(|unit| write!(out, "\\u{unit:04x}"))
            }
        })
    }
}
