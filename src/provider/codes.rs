//! What the provider's answer codes mean for the outcome. The code decides, never the HTTP status or the message text.

use std::collections::BTreeMap;

use serde::Deserialize;

/// What one code says about the call.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CodeMeaning {
    /// The provider took it.
    Accepted,
    /// The provider refused; nothing happened.
    Refused,
    /// Refused because of its timestamp; nothing happened, a fresh signature may pass.
    StaleTimestamp,
    /// Refused because of too many requests; nothing happened, later it may pass.
    Throttled,
    /// The thing asked about does not exist. For a query after a lost create: a sign, not proof, that it did not land.
    NotFound,
    /// An earlier attempt with the same ids landed.
    Landed,
    /// It may or may not have happened.
    InDoubt,
}

/// A provider's code table. Codes it does not list are [`CodeMeaning::InDoubt`].
#[derive(Clone, Debug)]
pub struct CodeTable {
    pub codes: BTreeMap<i64, Code>,
}

/// One row of the table.
#[derive(Clone, Debug)]
pub struct Code {
    pub meaning: CodeMeaning,
    /// The provider's own words, for people.
    pub title: String,
    pub confirmed: bool,
}

/// Where the answer's parts stand in its JSON object.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AnswerShape {
    pub code: String,
    pub message: String,
    pub data: String,
}

/// A provider answer that could be understood.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProviderAnswer {
    pub code: i64,
    pub meaning: CodeMeaning,
    /// The exact text of the `data` member, when there is one.
    pub data: Option<String>,
}
