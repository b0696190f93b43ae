//! The closed lists of words in the configuration.

use serde_json::{Value, json};

use crate::config::read::kind::{Choice, Setting, Wrong};
use crate::config::snapshot::{AnswerMode, DeliveryFormat, Environment, LogFormat, OnExcess};
use crate::provider::builtin_names;

impl Choice for LogFormat {
    const WORDS: &'static [(&'static str, Self)] = &[("json", Self::Json), ("text", Self::Text)];
}

impl Choice for AnswerMode {
    const WORDS: &'static [(&'static str, Self)] =
        &[("provider", Self::Provider), ("unwrapped", Self::Unwrapped)];
}

impl Choice for Environment {
    const WORDS: &'static [(&'static str, Self)] = &[("live", Self::Live), ("test", Self::Test)];
}

impl Choice for OnExcess {
    const WORDS: &'static [(&'static str, Self)] =
        &[("wait", Self::Wait), ("reject", Self::Reject)];
}

impl Choice for DeliveryFormat {
    const WORDS: &'static [(&'static str, Self)] =
        &[("cloudevents", Self::CloudEvents), ("plain", Self::Plain)];
}

/// The least important lines that are logged.
#[derive(Debug, Clone, Copy)]
pub(crate) struct LogLevel(pub &'static str);

impl Choice for LogLevel {
    const WORDS: &'static [(&'static str, Self)] = &[
        ("error", Self("error")),
        ("warn", Self("warn")),
        ("info", Self("info")),
        ("debug", Self("debug")),
        ("trace", Self("trace")),
    ];
}

/// The name of a profile that is compiled into the program.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ProviderName(pub String);

impl Setting for ProviderName {
    const SECRET: bool = false;

    fn expected() -> String {
        let names: Vec<String> = builtin_names().iter().map(|name| format!("`{name}`")).collect();
        format!("a built-in profile ({}) or `{{ file = \"…\" }}`", names.join(", "))
    }

    fn from_text(text: &str) -> Result<Self, Wrong> {
        match builtin_names().contains(&text) {
            true => Ok(Self(text.to_owned())),
            false => Err(Self::wrong()),
        }
    }

    fn schema() -> Value {
        json!({ "enum": builtin_names() })
    }
}
