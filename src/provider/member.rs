//! One member of an operation's parameters, as a profile describes it.

use serde::Deserialize;

/// A member.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Member {
    pub name: String,
    pub title: Option<String>,
    #[serde(rename = "type")]
    pub member_type: MemberType,
    /// Whether the provider requires it; the application may leave it out when `fill` says so.
    #[serde(default)]
    pub required: bool,
    pub required_when: Option<RequiredWhen>,
    /// Least and most characters of a string.
    pub length: Option<(u32, u32)>,
    /// A regular expression that a string must match.
    pub pattern: Option<String>,
    /// The same in words, used in messages.
    pub pattern_means: Option<String>,
    /// The only values allowed; empty when any is.
    #[serde(default)]
    pub values: Vec<String>,
    pub minimum: Option<i64>,
    pub maximum: Option<i64>,
    /// What Countersign adds when the application leaves the member out.
    pub fill: Option<Fill>,
    /// What the number counts, as in `satang` or `ms`.
    pub unit: Option<String>,
    /// Always present in a compiled profile: the operation's mark if the row has none.
    pub confirmed: Option<bool>,
    /// Address of the page, where it is not the operation's.
    pub source: Option<String>,
    pub note: Option<String>,
}

impl Member {
    /// Whether the provider's own documentation confirms it.
    pub fn is_confirmed(&self) -> bool {
        self.confirmed.unwrap_or(true)
    }

    /// Whether an explicit `null` is accepted: many applications write one for a member they do not use.
    pub(super) fn may_be_null(&self) -> bool {
        !self.required
    }
}

/// When a member that is not always required becomes so.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RequiredWhen {
    pub member: String,
    #[serde(rename = "in")]
    pub values: Vec<String>,
}

/// A member's JSON type.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MemberType {
    #[default]
    String,
    /// A whole number in plain digits, `-` allowed.
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

/// The values that members can be filled with.
#[derive(Clone, Copy, Debug)]
pub struct FillContext<'a> {
    /// The time of the attempt, in milliseconds since the Unix epoch.
    pub unix_ms: i64,
    /// The account's `notify_url`.
    pub notify_url: Option<&'a str>,
}
