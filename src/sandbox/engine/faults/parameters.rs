//! The members of a fault rule, read with their defaults. A `null` counts as left out.

use std::fmt::Display;
use std::time::Duration;

use serde_json::{Map, Value};

use crate::sandbox::engine::dialect::Dialect;
use crate::sandbox::engine::settings::Sandbox;

/// The longest a fault may hold a connection, in milliseconds: a forgotten stall must not accumulate connections
/// forever.
pub const HOLD_MS_MAX: u64 = 600_000;

/// A rule as it was given, and the dialect whose answers its faults can use.
pub struct Parameters<'a> {
    pub members: &'a Map<String, Value>,
    pub dialect: &'a dyn Dialect,
    pub sandbox: &'a Sandbox,
}

impl Parameters<'_> {
    pub fn given(&self, name: &str) -> Option<&Value> {
        self.members.get(name).filter(|value| !value.is_null())
    }

    /// The result of `read` for the member, or `default` without one.
    pub fn read<T>(
        &self,
        name: &str,
        default: T,
        expected: impl Display,
        read: impl FnOnce(&Value) -> Option<T>,
    ) -> Result<T, String> {
        let Some(value) = self.given(name) else { return Ok(default) };
        read(value).ok_or_else(|| format!("`{name}` must be {expected}"))
    }

    pub fn number(&self, name: &str, default: u64, min: u64, max: u64) -> Result<u64, String> {
        self.read(name, default, format_args!("a whole number from {min} to {max}"), |value| {
            value.as_u64().filter(|number| (min..=max).contains(number))
        })
    }

    pub fn milliseconds(&self, name: &str, default: u64) -> Result<Duration, String> {
        self.number(name, default, 0, HOLD_MS_MAX).map(Duration::from_millis)
    }

    pub fn text(&self, name: &str, default: &str) -> Result<String, String> {
        self.read(name, default.into(), "a string", |value| value.as_str().map(str::to_string))
    }

    pub fn flag(&self, name: &str, default: bool) -> Result<bool, String> {
        self.read(name, default, "true or false", Value::as_bool)
    }
}
