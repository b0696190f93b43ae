//! Finds everything wrong with an application's parameters and says it in plain words.
//!
//! The schema finds which members are wrong; this checks what the schema cannot (how numbers are written, what cannot
//! be filled in) and words the messages: what was found and what was expected. Long values are described, never
//! repeated.

#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::fmt;

use jsonschema::error::ValidationErrorKind;
use serde::Serialize;
use serde_json::Value;

use super::member::{Fill, FillContext, Member, MemberType, RequiredWhen};
use super::operation::Operation;
use crate::json::Object;

/// One thing wrong with the parameters.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ParameterError {
    /// JSON pointer to the member, or to its place if it is missing.
    pub pointer: String,
    pub message: String,
}

impl Operation {
    /// Checks parsed parameters against the schema, that numbers are written in plain digits, and that every member
    /// that Countersign should add can be added.
    ///
    /// # Errors
    /// Everything wrong at once, at most one error for each member, in the order of the profile.
    pub fn validate(
        &self,
        parameters: &Object<'_>,
        ctx: &FillContext<'_>,
    ) -> Result<(), Vec<ParameterError>> {
        let mut errors = Errors { operation: self, parameters, found: BTreeMap::new() };
        errors.as_written(ctx);
        errors.against_the_schema();
        match errors.found.is_empty() {
            true => Ok(()),
            false => Err(errors.found.into_values().collect()),
        }
    }
}

struct Errors<'a> {
    operation: &'a Operation,
    parameters: &'a Object<'a>,
    /// By the member's place in the profile; the first error found for a member is kept.
    found: BTreeMap<usize, ParameterError>,
}

impl Errors<'_> {
    /// Numbers reach the provider as written, so they must be in plain digits; and a value to fill in must exist.
    fn as_written(&mut self, ctx: &FillContext<'_>) {
        for (index, member) in self.operation.members.iter().enumerate() {
            let Some(written) = self.parameters.member(&member.name) else {
                let is_unfillable =
                    member.fill == Some(Fill::NotifyUrl) && ctx.notify_url.is_none();
                if is_unfillable && member.required {
                    let why = "is missing, and the account has no `notify_url` to put there";
                    self.add(index, format!("`{}` {why}", member.name));
                }
                continue;
            };
            let is_allowed_null = written.raw == "null" && member.may_be_null();
            if !is_allowed_null && !written_plainly(member.member_type, written.raw) {
                self.wrong(index);
            }
        }
    }

    fn against_the_schema(&mut self) {
        let validator = &self.operation.validator;
        if validator.is_valid(self.parameters.value()) {
            return;
        }
        for error in validator.iter_errors(self.parameters.value()) {
            match error.kind() {
                ValidationErrorKind::Required { property } => self.missing(property),
                ValidationErrorKind::AnyOf { .. } => self.none_of_several(),
                // The schema constrains known members only, one level deep.
                _ => {
                    let pointer = error.instance_path().as_str();
                    let index = self.place(|member| pointer_to(&member.name) == pointer);
                    index.into_iter().for_each(|index| self.wrong(index));
                }
            }
        }
    }

    fn place(&self, is_it: impl Fn(&Member) -> bool) -> Option<usize> {
        self.operation.members.iter().position(is_it)
    }

    fn missing(&mut self, property: &Value) {
        let Some(index) = self.place(|member| *property == *member.name) else { return };
        let member = &self.operation.members[index];
        let condition = member.required_when.as_ref().map(|condition| format!(" and {condition}"));
        let condition = condition.unwrap_or_default();
        let expected = Expected(member);
        self.add(index, format!("`{}` is missing{condition}, expected {expected}", member.name));
    }

    fn none_of_several(&mut self) {
        let names = &self.operation.requires_one_of;
        if let Some(index) = self.place(|member| names.first() == Some(&member.name)) {
            let message = format!("{} is missing, expected at least one of them", Choice(names));
            self.add(index, message);
        }
    }

    fn wrong(&mut self, index: usize) {
        let member = &self.operation.members[index];
        let Some(written) = self.parameters.member(&member.name) else { return };
        let found = found(written.raw, &self.parameters.value()[&member.name]);
        self.add(index, format!("`{}` is {found}, expected {}", member.name, Expected(member)));
    }

    fn add(&mut self, index: usize, message: String) {
        let pointer = pointer_to(&self.operation.members[index].name);
        self.found.entry(index).or_insert(ParameterError { pointer, message });
    }
}

fn pointer_to(name: &str) -> String {
    format!("/{}", name.replace('~', "~0").replace('/', "~1"))
}

/// Whether a number is written in digits that every parser reads as the same number.
fn written_plainly(member_type: MemberType, raw: &str) -> bool {
    match member_type {
        MemberType::Amount => digits(raw) && raw.parse::<i64>().is_ok(),
        MemberType::Integer => {
            digits(raw.strip_prefix('-').unwrap_or(raw)) && raw.parse::<i64>().is_ok()
        }
        MemberType::Timestamp => {
            let inner = raw.strip_prefix('"').and_then(|rest| rest.strip_suffix('"'));
            digits(inner.unwrap_or(raw))
        }
        MemberType::String | MemberType::Object | MemberType::Array => true,
    }
}

fn digits(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())
}

/// The longest value that a message repeats, in bytes of its JSON text.
const ECHO_BYTES_MAX: usize = 40;

fn found(raw: &str, value: &Value) -> String {
    match value {
        Value::Null => "null".into(),
        Value::Object(_) => "a JSON object".into(),
        Value::Array(_) => "a JSON list".into(),
        Value::String(text) if text.is_empty() => "empty".into(),
        Value::String(text) if raw.len() > ECHO_BYTES_MAX => {
            format!("text of {} characters", text.chars().count())
        }
        Value::Number(_) if raw.len() > ECHO_BYTES_MAX => {
            format!("a number of {} characters", raw.len())
        }
        Value::Number(_) if digits(raw) && raw.parse::<i64>().is_err() => {
            format!("`{raw}`, more than a 64-bit number holds")
        }
        Value::Bool(_) | Value::Number(_) | Value::String(_) => format!("`{raw}`"),
    }
}

/// What a member should look like, as the end of "expected …".
struct Expected<'a>(&'a Member);

impl fmt::Display for Expected<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self(member) = self;
        match member.member_type {
            MemberType::String if !member.values.is_empty() => {
                return write!(formatter, "{}", Choice(&member.values));
            }
            MemberType::String => formatter.write_str("text")?,
            MemberType::Integer => formatter.write_str("a whole number in plain digits")?,
            MemberType::Amount => {
                let unit = member.unit.as_deref().map(|unit| format!(" ({unit})"));
                let unit = unit.unwrap_or_default();
                write!(formatter, "a whole number of minor units{unit} in plain digits")?;
            }
            MemberType::Timestamp => formatter.write_str("a number in plain digits")?,
            MemberType::Object => formatter.write_str("a JSON object")?,
            MemberType::Array => formatter.write_str("a JSON list")?,
        }
        match member.length {
            Some((0, most)) => write!(formatter, " of at most {most} characters")?,
            Some((least, most)) => write!(formatter, " of {least} to {most} characters")?,
            None => {}
        }
        match (&member.pattern_means, &member.pattern) {
            (Some(means), _) => write!(formatter, ": {means}")?,
            (None, Some(regex)) => write!(formatter, " matching `{regex}`")?,
            (None, None) => {}
        }
        match (member.minimum, member.maximum) {
            (Some(minimum), Some(maximum)) => write!(formatter, " from {minimum} to {maximum}"),
            (Some(minimum), None) => write!(formatter, ", at least {minimum}"),
            (None, Some(maximum)) => write!(formatter, ", at most {maximum}"),
            (None, None) => Ok(()),
        }
    }
}

impl fmt::Display for RequiredWhen {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "required when `{}` is {}", self.member, Choice(&self.values))
    }
}

/// "`a`, `b` or `c`".
struct Choice<'a>(&'a [String]);

impl fmt::Display for Choice<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, value) in self.0.iter().enumerate() {
            match index {
                0 => {}
                _ if index + 1 == self.0.len() => formatter.write_str(" or ")?,
                _ => formatter.write_str(", ")?,
            }
            write!(formatter, "`{value}`")?;
        }
        Ok(())
    }
}
