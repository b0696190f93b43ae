//! One call of the provider's API, as its profile describes it.

use serde::Deserialize;
use serde_json::Value;

use crate::mistake::Mistake;

/// An operation of a provider.
pub struct Operation {
    pub name: String,
    pub title: String,
    /// Path below the base URL, beginning with `/`.
    pub path: String,
    pub kind: Kind,
    /// Whether it moves money (payout, refund, void, debit).
    pub money_moving: bool,
    /// The member that carries the merchant's own order id.
    pub reference: Option<String>,
    pub members: Vec<Member>,
    /// The query that tells what became of a lost call of this operation.
    pub resolved_by: Option<Resolution>,
    /// Whether the provider's own documentation confirms path and members.
    pub confirmed: bool,
    /// Address of the page the row comes from.
    pub source: String,
    /// JSON Schema (2020-12) of the parameters as the application posts them.
    pub schema: Value,
    pub(super) validator: jsonschema::Validator,
}

/// What an operation does to the provider's state, and so what may be repeated.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// Reads; always safe to repeat.
    Query,
    /// Makes something new; repeating it blindly could make it twice.
    Create,
    /// Ends something; naturally idempotent by state.
    Cancel,
}

/// How a lost call is looked up.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Resolution {
    pub operation: String,
    /// (member of the query, member of the lost call it is taken from).
    pub members: Vec<(String, String)>,
}

/// One member of an operation's parameters.
#[derive(Clone, Debug)]
pub struct Member {
    pub name: String,
    pub member_type: MemberType,
    pub required: bool,
    /// What Countersign adds when the application left the member out.
    pub fill: Option<Fill>,
    pub confirmed: bool,
}

/// A member's JSON type.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MemberType {
    String,
    Integer,
    /// Whole minor units: plain digits, no fraction, no exponent.
    Amount,
    /// A number or a string of digits.
    Timestamp,
    Object,
    Array,
}

/// What Countersign adds to the parameters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Fill {
    /// The time of the attempt, a number of milliseconds since the Unix epoch.
    TimestampMs,
    /// The time of the attempt, a number of seconds since the Unix epoch.
    TimestampS,
    /// The value of the reference member.
    Reference,
    /// The account's `notify_url`.
    NotifyUrl,
}

/// What an account's configuration may change about an operation.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct OperationOverride {
    pub path: Option<String>,
    pub reference: Option<String>,
    pub confirmed: Option<bool>,
}

/// One thing wrong with the parameters.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct ParameterError {
    /// JSON pointer to the member.
    pub pointer: String,
    pub message: String,
}

impl Operation {
    /// Checks parsed parameters against the schema, and amounts for being plain whole numbers as written.
    pub fn validate(
        &self,
        _parameters: &crate::json::Object<'_>,
    ) -> Result<(), Vec<ParameterError>> {
        todo!()
    }

    /// Whether a lost call may simply be made again.
    pub fn safe_to_repeat(&self) -> bool {
        !matches!(self.kind, Kind::Create)
    }
}

#[expect(dead_code)]
fn keep(_: Mistake) {}
