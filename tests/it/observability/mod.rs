//! The operator's view: metrics checked by promtool, alert rules by their tests, dashboards by the rules of Grafana's
//! linter, and all of them by a real Prometheus that scrapes a sidecar under traffic.

mod alerts;
mod dashboards;
mod exposition;
mod health;
mod prometheus;
mod scraped;
mod story;

use std::path::PathBuf;
use std::process::{Command, Output};

/// A file of the project.
fn project(path: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join(path)
}

fn read(path: &str) -> String {
    let path = project(path);
    std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// Starts a program of Debian's `prometheus` package.
fn tool(name: &str) -> Command {
    let there = Command::new(name).arg("--version").output();
    assert!(there.is_ok(), "`{name}` is missing: install prometheus, as `./dev test` does");
    Command::new(name)
}

/// The output of a program, both streams.
fn said(output: &Output) -> String {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    text(&output.stdout) + &text(&output.stderr)
}

/// The names of series selected in a PromQL expression, each with its matchers as written.
fn selectors(expr: &str) -> Vec<String> {
    let names = r"\b(?:countersign|process|job_account|job_instance_account)[_:][a-zA-Z0-9_:]+(?:\{[^}]*\})?|\bup\b(?:\{[^}]*\})?";
    let pattern = regex::Regex::new(names).expect("a pattern");
    pattern.find_iter(expr).map(|found| found.as_str().to_owned()).collect()
}
