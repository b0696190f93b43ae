//! Reads members of a notification as texts, with a note on each that is missing or unexpected.
//!
//! Notes go to the log, so they name members and say what is wrong with them, but never contain a value.

use std::borrow::Cow;

use jiff::tz::Offset;

use super::amount::{Amount, AmountUnit};
use super::time::{EventTime, TimeFormat};
use crate::json::{Ambiguous, Member, MemberNames, Object};

/// A notification being read.
pub struct Reading<'o, 'a> {
    object: &'o Object<'a>,
    /// Names of members whose absence is noted.
    required: &'o [String],
    notes: Vec<String>,
}

/// The content of a member.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Found<'a> {
    /// No member, `null` or an empty text.
    Nothing,
    /// A text, or a number as it was written.
    Text(Cow<'a, str>),
    /// Neither of them.
    Odd,
}

impl<'o, 'a> Reading<'o, 'a> {
    pub fn new(object: &'o Object<'a>) -> Self {
        Self { object, required: &[], notes: Vec::new() }
    }

    /// Notes the absence of these members from now on.
    pub fn require(&mut self, required: &'o [String]) {
        self.required = required;
    }

    pub fn note(&mut self, names: &MemberNames, problem: &str) {
        self.notes.push(format!("`{}` {problem}", names.preferred()));
    }

    pub fn into_notes(self) -> Vec<String> {
        self.notes
    }

    /// The text of a member, if it has one.
    pub fn text(&mut self, names: Option<&MemberNames>) -> Option<String> {
        match self.find(names?) {
            Found::Text(text) => Some(text.into_owned()),
            Found::Nothing | Found::Odd => None,
        }
    }

    /// The time in a member.
    pub fn time(
        &mut self,
        names: Option<&MemberNames>,
        formats: &[TimeFormat],
        zone: Offset,
    ) -> Option<EventTime> {
        let text = self.text(names)?;
        let time = EventTime::read(&text, formats, zone);
        if time.is_none() {
            self.note(names?, "is not a time in a format of the profile");
        }
        time
    }

    /// The amount in a member; an error if there is one that cannot be read.
    pub fn amount(
        &mut self,
        names: Option<&MemberNames>,
        unit: AmountUnit,
        currency: Option<&str>,
    ) -> Result<Option<Amount>, ()> {
        let Some(names) = names else { return Ok(None) };
        match self.find(names) {
            Found::Text(text) => Amount::read(&text, unit, currency)
                .map(Some)
                .map_err(|problem| self.note(names, problem)),
            Found::Nothing => Ok(None),
            Found::Odd => Err(()),
        }
    }

    /// The text of a member, without a note.
    pub fn peek(&self, names: Option<&MemberNames>) -> Option<Cow<'a, str>> {
        let member = names?.find(self.object).ok()??;
        match content(member) {
            Ok(Found::Text(text)) => Some(text),
            Ok(Found::Nothing | Found::Odd) | Err(_) => None,
        }
    }

    /// The content of a member.
    pub fn find(&mut self, names: &MemberNames) -> Found<'a> {
        let found = match names.find(self.object) {
            Ok(Some(member)) => content(member),
            Ok(None) => Ok(Found::Nothing),
            Err(Ambiguous { second, .. }) => Err(format!("is also present as `{second}`")),
        };
        match found {
            Ok(found) => {
                let name = names.preferred();
                if found == Found::Nothing && self.required.iter().any(|required| required == name)
                {
                    self.note(names, "is missing");
                }
                found
            }
            Err(problem) => {
                self.note(names, &problem);
                Found::Odd
            }
        }
    }
}

/// The content of a member, or what is wrong with it.
fn content<'a>(member: &Member<'a>) -> Result<Found<'a>, String> {
    let expected = |found: &str| Err(format!("is {found}, expected a text or a number"));
    match member.raw.as_bytes().first() {
        Some(b'"') => Ok(match member.text() {
            Some(text) if !text.is_empty() => Found::Text(text),
            _ => Found::Nothing,
        }),
        Some(b'-' | b'0'..=b'9') => Ok(Found::Text(Cow::Borrowed(member.raw))),
        Some(b'n') => Ok(Found::Nothing),
        Some(b'{') => expected("an object"),
        Some(b'[') => expected("a list"),
        _ => expected("a truth value"),
    }
}
