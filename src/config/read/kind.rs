//! What one value of a configuration must look like: the trait that every kind of value implements.
//!
//! A [`Kind`] parses text (an environment variable, a file, a TOML string) and says in words and as JSON Schema what it
//! accepts. Where a value comes from is not its business: see `value` and `reader`.

use serde_json::{Value as Json, json};

/// A kind of value that can stand in a configuration.
pub(crate) trait Kind {
    /// What a value of this kind becomes.
    type Parsed;

    /// Whether a literal must never be shown, neither in mistakes nor in the redacted configuration.
    const SECRET: bool;

    /// What is accepted, to be read after "expected".
    fn expected() -> String;

    /// Parses the value. The error never holds any of `text`.
    fn parse(text: &str) -> Result<Self::Parsed, Wrong>;

    /// Parses the value as it stands in the file; only strings unless a kind of value says otherwise.
    fn parse_literal(literal: &Json) -> Result<Self::Parsed, Wrong> {
        match literal {
            Json::String(text) => Self::parse(text),
            _ => Err(Self::wrong()),
        }
    }

    /// JSON Schema of a literal; any text unless a kind of value says more.
    fn schema() -> Json {
        json!({ "type": "string", "minLength": 1 })
    }

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
