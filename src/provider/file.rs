//! Mirrors a profile file, unknown keys refused. Nothing is checked here but shape; `compile` does the rest.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::codes::{AnswerShape, CodeMeaning};
use super::event::{EventFile, NotificationFile};
use super::operation::{Fill, Kind, MemberType};
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
    pub codes: BTreeMap<String, CodeFile>,
    /// A list, because the order of operations is shown to people.
    #[serde(rename = "operation")]
    pub operations: Vec<OperationFile>,
    #[serde(default)]
    pub lost: LostFile,
    pub notification: NotificationFile,
    #[serde(default, rename = "event")]
    pub events: Vec<EventFile>,
}

/// How each direction is signed.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SigningFile {
    pub request: RequestRecipe,
    pub notification: VerifyRecipe,
}

/// When a call that cannot be found counts as one that did not land.
#[derive(Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct LostFile {
    /// Seconds from the last attempt.
    pub grace_seconds: u32,
    /// Queries that must have said so.
    pub not_found_needed: u32,
    pub confirmed: bool,
    pub note: Option<String>,
}

impl Default for LostFile {
    fn default() -> Self {
        Self { grace_seconds: 60, not_found_needed: 2, confirmed: false, note: None }
    }
}

/// One answer code.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CodeFile {
    pub title: String,
    pub meaning: CodeMeaning,
    #[serde(default = "confirmed")]
    pub confirmed: bool,
    pub source: String,
    pub note: Option<String>,
}

/// One operation.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OperationFile {
    pub name: String,
    pub title: String,
    pub path: String,
    pub kind: Kind,
    #[serde(default)]
    pub money_moving: bool,
    #[serde(default)]
    pub gives_back: bool,
    pub reference: Option<String>,
    pub resolved_by: Option<ResolutionFile>,
    /// The name of the event rule that says how a query's answer about a call reads.
    pub event: Option<String>,
    #[serde(default = "confirmed")]
    pub confirmed: bool,
    pub source: String,
    pub note: Option<String>,
    #[serde(default)]
    pub requires_one_of: Vec<String>,
    pub members: Vec<MemberFile>,
}

/// How a lost call is looked up.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ResolutionFile {
    pub operation: String,
    /// Member of the query = member of the lost call.
    pub members: BTreeMap<String, String>,
    /// Member of the answer's object, or of every item of a list = member of the lost call. The same as `members` when
    /// left out.
    pub echo: Option<BTreeMap<String, String>>,
    /// Where the answer is a list: member of an item = member of the lost call.
    #[serde(default)]
    pub r#match: BTreeMap<String, String>,
}

/// One member of an operation's parameters.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MemberFile {
    pub name: String,
    pub title: Option<String>,
    pub r#type: MemberType,
    #[serde(default)]
    pub required: bool,
    pub required_when: Option<RequiredWhenFile>,
    /// Least and most characters.
    pub length: Option<[u32; 2]>,
    pub pattern: Option<String>,
    pub pattern_means: Option<String>,
    #[serde(default)]
    pub values: Vec<String>,
    pub minimum: Option<i64>,
    pub maximum: Option<i64>,
    pub fill: Option<Fill>,
    pub unit: Option<String>,
    /// The operation's mark when left out.
    pub confirmed: Option<bool>,
    pub source: Option<String>,
    pub note: Option<String>,
}

/// When a member becomes required.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RequiredWhenFile {
    pub member: String,
    pub r#in: Vec<String>,
}

fn confirmed() -> bool {
    true
}
