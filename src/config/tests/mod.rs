//! Whole configurations: what is refused and with which messages, what causes warnings, what is never shown.

mod broken;
mod examples;
mod hidden;
mod mixups;
mod values;

use std::ffi::OsString;

use jiff::Timestamp;

use super::load::{Loaded, compile_text};
use crate::mistake::Mistake;

/// The moment at which the tests load configurations.
pub(super) const NOW: &str = "2026-06-01T00:00:00Z";

/// A valid account, except for what a test adds to it.
pub(super) const ACCOUNT: &str = r#"
[[account]]
name = "shop-th"
provider = "bluepay"
base_url = "http://127.0.0.1:8700"
app_id = "countersign-demo-app"
signing_key = [{ id = "demo", private_key = { file = "config/demo/merchant.pem" } }]
"#;

/// Loads `text` with an environment of only the named variables.
pub(super) fn load_with(text: &str, environment: &[(&str, &str)]) -> Result<Loaded, Vec<Mistake>> {
    let lookup = |name: &str| {
        let found = environment.iter().find(|(key, _)| *key == name);
        found.map(|(_, value)| OsString::from(value))
    };
    compile_text(text, &lookup, NOW.parse::<Timestamp>().expect("a time"))
}

/// Loads `text`, which must be valid.
pub(super) fn loaded(text: &str) -> Loaded {
    match load_with(text, &[]) {
        Ok(loaded) => loaded,
        Err(mistakes) => panic!("should load:\n{text}\n{}", lines(&mistakes)),
    }
}

/// Loads `text`, which must be invalid, and lists the mistakes, one per line.
pub(super) fn mistakes(text: &str) -> String {
    match load_with(text, &[]) {
        Ok(_) => panic!("should be refused:\n{text}"),
        Err(mistakes) => lines(&mistakes),
    }
}

fn lines(mistakes: &[Mistake]) -> String {
    mistakes.iter().map(|mistake| format!("{mistake}\n")).collect()
}
