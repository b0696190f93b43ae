//! The variables of the process's environment.
#![expect(clippy::disallowed_methods, reason = "this file owns the environment")]

use std::env;
use std::ffi::OsString;

/// The value of a variable, if it is set.
pub fn variable(name: &str) -> Option<OsString> {
    env::var_os(name)
}
