//! One mistake in a file a person wrote: where it is, what was found, what was expected.
//!
//! Mistakes in the configuration and in provider profiles are both reported as lists of these, all at once.

use std::fmt;

use serde::Serialize;

/// A mistake in a configuration file or a provider profile.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Mistake {
    /// The key path, such as `account[0].limits.rate`; a named account is written `account.shop-th.limits.rate`.
    pub path: String,
    /// The problem: what was found and what is allowed. Lower case, no full stop, never a secret's value.
    pub problem: String,
}

impl Mistake {
    /// A mistake at `path`.
    pub fn new(path: impl Into<String>, problem: impl Into<String>) -> Self {
        Self { path: path.into(), problem: problem.into() }
    }
}

impl fmt::Display for Mistake {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.path.is_empty() {
            true => formatter.write_str(&self.problem),
            false => write!(formatter, "{}: {}", self.path, self.problem),
        }
    }
}
