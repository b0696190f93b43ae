//! Mirrors a profile file and refuses unknown keys. Rows are read into their final types; the other files here check
//! them.

use std::collections::BTreeMap;

use serde::Deserialize;

use crate::provider::codes::{AnswerShape, Code};
use crate::provider::event::{EventRule, EventTable};
use crate::provider::operation::Operation;
use crate::sign::{RequestRecipe, VerifyRecipe};

/// A whole profile.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ProfileFile {
    pub name: String,
    pub title: String,
    /// Pages by a short name, for the `source` of rows that share one.
    #[serde(default)]
    pub sources: BTreeMap<String, String>,
    pub signing: SigningFile,
    pub answer: AnswerShape,
    /// Keys are the codes, written as TOML keys.
    pub codes: BTreeMap<String, Code>,
    /// A list, because the order of operations is shown to people.
    #[serde(rename = "operation")]
    pub operations: Vec<Operation>,
    #[serde(default)]
    pub lost: LostFile,
    pub notification: EventTable,
    #[serde(default, rename = "event")]
    pub events: Vec<EventRule>,
}

/// How each direction is signed.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SigningFile {
    pub request: RequestRecipe,
    pub notification: VerifyRecipe,
}

/// When a call that is not found counts as one that did not arrive.
#[derive(Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct LostFile {
    /// Seconds from the last attempt.
    pub grace_seconds: u32,
    /// Queries that must have said "not found".
    pub not_found_needed: u32,
    pub confirmed: bool,
    pub note: Option<String>,
}

impl Default for LostFile {
    fn default() -> Self {
        Self { grace_seconds: 60, not_found_needed: 2, confirmed: false, note: None }
    }
}
