//! The outcome of a call, in the four words that the whole program uses.

use serde::Serialize;
use strum::IntoStaticStr;

/// What is known about a call once it is over.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, IntoStaticStr, Serialize)]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case")]
pub enum Outcome {
    /// The provider accepted it.
    Accepted,
    /// The provider refused; nothing happened.
    Rejected,
    /// Never sent, or the provider provably did not get it.
    NotSent,
    /// It may have happened. Neither a success nor a failure.
    Unknown,
}

impl Outcome {
    /// The word used in headers, problems, metrics and logs.
    pub fn as_str(self) -> &'static str {
        self.into()
    }
}
