//! The form of one value of a configuration: the trait that every kind of value implements.
//!
//! A [`Kind`] parses text (an environment variable, a file, a TOML string) and describes in words and as JSON Schema
//! what it accepts. It does not know where a value comes from: see `value` and `reader`.

use serde_json::{Value as Json, json};

/// A kind of value in a configuration.
pub(crate) trait Kind {
    /// The result of parsing a value of this kind.
    type Parsed;

    /// Whether a literal must never be shown, either in mistakes or in the redacted configuration.
    const SECRET: bool;

    /// The accepted values, in words that follow "expected".
    fn expected() -> String;

    /// Parses the value. The error never contains any of `text`.
    fn parse(text: &str) -> Result<Self::Parsed, Wrong>;

    /// Parses the value as written in the file; only strings unless a kind overrides this.
    fn parse_literal(literal: &Json) -> Result<Self::Parsed, Wrong> {
        match literal {
            Json::String(text) => Self::parse(text),
            _ => Err(Self::wrong()),
        }
    }

    /// JSON Schema of a literal; any text unless a kind overrides this.
    fn schema() -> Json {
        json!({ "type": "string", "minLength": 1 })
    }

    /// The value is not accepted.
    fn wrong() -> Wrong {
        Wrong::Expected(Self::expected())
    }
}

/// Why a value was refused. Never contains any of the value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Wrong {
    /// What was expected instead.
    Expected(String),
    /// A complete sentence with what was found and what was expected.
    Problem(String),
}

impl<T: Into<String>> From<T> for Wrong {
    fn from(expected: T) -> Self {
        Self::Expected(expected.into())
    }
}

/// A value from a closed list of words.
pub(crate) trait Choice: Copy + 'static {
    /// Every word with its value, in the order shown to people.
    const WORDS: &'static [(&'static str, Self)];
}

impl<T: Choice> Kind for T {
    type Parsed = Self;

    const SECRET: bool = false;

    fn expected() -> String {
        let words: Vec<String> = T::WORDS.iter().map(|(word, _)| format!("`{word}`")).collect();
        match words.split_last() {
            Some((last, rest)) if !rest.is_empty() => format!("{} or {last}", rest.join(", ")),
            _ => words.concat(),
        }
    }

    fn parse(text: &str) -> Result<Self, Wrong> {
        let found = T::WORDS.iter().find(|(word, _)| *word == text);
        found.map(|(_, choice)| *choice).ok_or_else(Self::wrong)
    }

    fn schema() -> Json {
        let words: Vec<&str> = T::WORDS.iter().map(|(word, _)| *word).collect();
        json!({ "enum": words })
    }
}

impl Kind for bool {
    type Parsed = Self;

    const SECRET: bool = false;

    fn expected() -> String {
        "`true` or `false`".into()
    }

    fn parse(text: &str) -> Result<Self, Wrong> {
        text.parse().map_err(|_| Self::wrong())
    }

    fn parse_literal(literal: &Json) -> Result<Self, Wrong> {
        literal.as_bool().ok_or_else(Self::wrong)
    }

    fn schema() -> Json {
        json!({ "type": "boolean" })
    }
}
