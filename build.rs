//! Tells the program which commit it was built from and when.
//!
//! `COUNTERSIGN_COMMIT` and `COUNTERSIGN_BUILD_DATE` take precedence, for builds without a git checkout and for
//! reproducible ones.
#![expect(clippy::disallowed_methods, reason = "a build is told by its environment")]

use std::process::Command;

fn main() {
    println!("cargo:rerun-if-changed=.git/HEAD");
    println!("cargo:rerun-if-changed=.git/logs/HEAD");
    println!("cargo:rerun-if-env-changed=COUNTERSIGN_COMMIT");
    println!("cargo:rerun-if-env-changed=COUNTERSIGN_BUILD_DATE");
    let commit = given("COUNTERSIGN_COMMIT", &["git", "rev-parse", "--short=12", "HEAD"]);
    let date = given("COUNTERSIGN_BUILD_DATE", &["date", "-u", "+%Y-%m-%d"]);
    println!("cargo:rustc-env=COUNTERSIGN_COMMIT={commit}");
    println!("cargo:rustc-env=COUNTERSIGN_BUILD_DATE={date}");
}

/// The variable's value, else what the command prints, else `unknown`.
fn given(variable: &str, command: &[&str]) -> String {
    std::env::var(variable)
        .ok()
        .filter(|value| !value.is_empty())
        .or_else(|| {
            let output = Command::new(command[0]).args(&command[1..]).output().ok()?;
            let text = String::from_utf8(output.stdout).ok()?;
            (output.status.success() && !text.trim().is_empty()).then(|| text.trim().to_owned())
        })
        .unwrap_or_else(|| "unknown".to_owned())
}
