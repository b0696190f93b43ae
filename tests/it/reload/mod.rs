//! A configuration that changes while the sidecar runs, with the real process: what is applied, what is refused, and
//! that callers notice neither.

mod accounts;
mod commands;
mod endurance;
mod handover;
mod mounted;
mod noticed;
mod tls;

use crate::support::http::{self, Answer, post};
use crate::support::openssl::KeyPair;
use crate::support::provider::Received;
use crate::support::{ConfigBuilder, Provider, Sidecar};

/// A query, which may be made any number of times.
const STATUS: &str = r#"{"mchOrderId":"A1"}"#;

/// Without watches and polls: only explicit reloads happen.
const UNASKED_OFF: &str = "[reload]\nwatch = false\npoll = \"off\"\n";

/// A configuration with its own settings for reloading, which come before everything else.
fn text(reload: &str, config: &ConfigBuilder) -> String {
    format!("{reload}{}", config.text())
}

/// A sidecar that runs with the configuration of this text.
fn start(text: &str) -> Sidecar {
    let folder = tempfile::tempdir().expect("a folder");
    std::fs::write(folder.path().join("countersign.toml"), text).expect("written");
    Sidecar::start_in(folder)
}

fn reload(sidecar: &Sidecar) -> Answer {
    http::request(sidecar.admin, "POST", "/reload", &[], b"")
}

#[track_caller]
fn call(sidecar: &Sidecar) {
    let answer = post(sidecar.app, "/shop/payout_status", STATUS);
    assert_eq!(answer.status, 200, "{}", answer.text());
}

fn is_signed_by(received: &Received, key: &KeyPair) -> bool {
    let (_, sign, param) = received.envelope();
    key.verifies("sha256", param.as_bytes(), &sign)
}

/// Makes a call and returns whether `key` signed it.
#[track_caller]
fn signs(sidecar: &Sidecar, provider: &Provider, key: &KeyPair) -> bool {
    call(sidecar);
    is_signed_by(&provider.last(), key)
}

/// How many reloads ended with `result` so far.
fn reloads(sidecar: &Sidecar, result: &str) -> u64 {
    let series = format!("countersign_config_reloads_total{{result=\"{result}\"}}");
    let count = sidecar.metric(&series);
    count.unwrap_or_else(|| panic!("`{series}` is missing")) as u64
}

fn last_was_successful(sidecar: &Sidecar) -> bool {
    sidecar.metric("countersign_config_last_reload_successful") == Some(1.0)
}
