//! What one value of the configuration must look like: the trait that every kind of value implements.
//!
//! A [`Setting`] reads itself from text (an environment variable, a file, a TOML string) and says in words and as JSON
//! Schema what it accepts. Where a value comes from is not its business: see `leaf` and `walk`.

use serde_json::{Value, json};

/// A kind of value that can stand in the configuration.
pub(crate) trait Setting: Sized {
    /// Whether a literal must never be shown, neither in mistakes nor in the redacted configuration.
    const SECRET: bool;

    /// What is accepted, to be read after "expected".
    fn expected() -> String;

    /// Reads the value. The error never holds any of `text`.
    fn from_text(text: &str) -> Result<Self, Wrong>;

    /// Reads the value as it stands in the file; only strings unless a kind of value says otherwise.
    fn from_literal(literal: &Value) -> Result<Self, Wrong> {
        match literal {
            Value::String(text) => Self::from_text(text),
            _ => Err(Self::wrong()),
        }
    }

    /// JSON Schema of a literal.
    fn schema() -> Value;

    /// The value is not what is accepted.
    fn wrong() -> Wrong {
        Wrong::Expected(Self::expected())
    }
}

/// Why a value was refused. Never holds any of the value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Wrong {
    /// What was expected instead of what was found.
    Expected(String),
    /// A whole sentence that says both.
    Problem(String),
}

impl<T: Into<String>> From<T> for Wrong {
    fn from(expected: T) -> Self {
        Self::Expected(expected.into())
    }
}

/// A value from a closed list of words.
pub(crate) trait Choice: Copy + 'static {
    /// Every word with what it stands for, in the order they are shown to people.
    const WORDS: &'static [(&'static str, Self)];
}

impl<T: Choice> Setting for T {
    const SECRET: bool = false;

    fn expected() -> String {
        let words: Vec<String> = T::WORDS.iter().map(|(word, _)| format!("`{word}`")).collect();
        match words.split_last() {
            Some((last, rest)) if !rest.is_empty() => format!("{} or {last}", rest.join(", ")),
            _ => words.concat(),
        }
    }

    fn from_text(text: &str) -> Result<Self, Wrong> {
        let found = T::WORDS.iter().find(|(word, _)| *word == text);
        found.map(|(_, choice)| *choice).ok_or_else(Self::wrong)
    }

    fn schema() -> Value {
        let words: Vec<&str> = T::WORDS.iter().map(|(word, _)| *word).collect();
        json!({ "enum": words })
    }
}

impl Setting for bool {
    const SECRET: bool = false;

    fn expected() -> String {
        "`true` or `false`".into()
    }

    fn from_text(text: &str) -> Result<Self, Wrong> {
        text.parse().map_err(|_| Self::wrong())
    }

    fn from_literal(literal: &Value) -> Result<Self, Wrong> {
        literal.as_bool().ok_or_else(Self::wrong)
    }

    fn schema() -> Value {
        json!({ "type": "boolean" })
    }
}

/// A whole number between `MIN` and `MAX`, both included.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Whole<const MIN: u32, const MAX: u32>(pub u32);

impl<const MIN: u32, const MAX: u32> Setting for Whole<MIN, MAX> {
    const SECRET: bool = false;

    fn expected() -> String {
        format!("a whole number from {MIN} to {MAX}")
    }

    fn from_text(text: &str) -> Result<Self, Wrong> {
        let number: u32 = text.parse().map_err(|_| Self::wrong())?;
        match (MIN..=MAX).contains(&number) {
            true => Ok(Self(number)),
            false => Err(Self::wrong()),
        }
    }

    fn from_literal(literal: &Value) -> Result<Self, Wrong> {
        match literal {
            Value::Number(number) => Self::from_text(&number.to_string()),
            _ => Err(Self::wrong()),
        }
    }

    fn schema() -> Value {
        json!({ "type": "integer", "minimum": MIN, "maximum": MAX })
    }
}
