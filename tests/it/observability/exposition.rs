//! The output of `/metrics`.

use std::collections::BTreeSet;
use std::io::Write;
use std::process::Stdio;

use super::{said, tool};
use crate::support::http::{get, post};
use crate::support::{Action, ConfigBuilder, Provider, Sidecar};

const PAYOUT: &str = r#"{"mchOrderId":"A1","amount":100,"payMethodCode":"PROMPTPAY","promptpayAccountType":"MSISDN","accountNo":"0812345678"}"#;

/// Every name that users may rely on, except for the clock's, which appears with the first answer that carries a
/// date.
const NAMES: [&str; 25] = [
    "countersign_build_info",
    "countersign_requests_total",
    "countersign_request_duration_seconds",
    "countersign_request_phase_seconds",
    "countersign_requests_in_flight",
    "countersign_upstream_attempts_total",
    "countersign_rate_limited_total",
    "countersign_circuit_state",
    "countersign_unknown_outcomes",
    "countersign_unknown_oldest_age_seconds",
    "countersign_stranded_payments",
    "countersign_resolved_total",
    "countersign_payment_conflicts_total",
    "countersign_notifications_total",
    "countersign_notification_duration_seconds",
    "countersign_inbox_events",
    "countersign_inbox_oldest_age_seconds",
    "countersign_deliveries_total",
    "countersign_delivery_lag_seconds",
    "countersign_signing_key_info",
    "countersign_key_not_after_timestamp_seconds",
    "countersign_key_last_used_timestamp_seconds",
    "countersign_config_reloads_total",
    "countersign_config_last_reload_successful",
    "countersign_config_last_reload_success_timestamp_seconds",
];

fn sidecar(provider: &Provider) -> Sidecar {
    let config = ConfigBuilder::new(&provider.base_url())
        .section("not_after = 2999-01-01T00:00:00Z")
        .account("currency = \"THB\"");
    Sidecar::start(&config)
}

/// The series without their values.
fn series(text: &str) -> BTreeSet<String> {
    let lines = text.lines().filter(|line| !line.starts_with('#'));
    lines.filter_map(|line| line.rsplit_once(' ')).map(|(series, _)| series.to_owned()).collect()
}

/// The value of exactly this series.
#[track_caller]
fn value(text: &str, series: &str) -> f64 {
    let line = text.lines().find_map(|line| line.strip_prefix(series)?.strip_prefix(' '));
    line.unwrap_or_else(|| panic!("`{series}` is missing from:\n{text}")).parse().expect("a number")
}

#[test]
fn every_metric_exists_before_anything_has_happened() {
    let provider = Provider::start();
    let text = sidecar(&provider).metrics();
    for name in NAMES {
        let line = format!("# HELP {name} ");
        assert!(text.contains(&line), "`{name}` is missing from:\n{text}");
    }
    let process = ["cpu_seconds_total", "resident_memory_bytes", "open_fds", "start_time_seconds"];
    for name in process {
        assert!(text.contains(&format!("# HELP process_{name} ")), "`process_{name}` is missing");
    }
}

#[test]
fn promtool_finds_no_problems() {
    let provider = Provider::start();
    let sidecar = sidecar(&provider);
    post(sidecar.app, "/shop/payout_create", PAYOUT);
    let mut promtool = tool("promtool")
        .args(["check", "metrics"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("promtool runs");
    let text = sidecar.metrics();
    promtool.stdin.take().expect("piped").write_all(text.as_bytes()).expect("promtool reads");
    let output = promtool.wait_with_output().expect("promtool ends");
    assert!(output.status.success() && said(&output).is_empty(), "{}", said(&output));
}

#[test]
fn every_phase_of_a_payout_is_timed() {
    let provider = Provider::start();
    let sidecar = sidecar(&provider);
    let count = |phase: &str| {
        let series = format!("countersign_request_phase_seconds_count{{phase=\"{phase}\"}}");
        value(&sidecar.metrics(), &series)
    };
    for phase in ["wait", "journal", "sign", "upstream"] {
        assert_eq!(count(phase), 0.0, "{phase}");
    }
    post(sidecar.app, "/shop/payout_create", PAYOUT);
    for phase in ["wait", "journal", "sign", "upstream"] {
        assert!(count(phase) >= 1.0, "{phase} was not timed");
    }
}

#[test]
fn no_input_from_outside_becomes_a_label() {
    let provider = Provider::start();
    let sidecar = sidecar(&provider);
    let mischief = |word: &str| {
        post(sidecar.app, &format!("/{word}/payout_create"), PAYOUT);
        post(sidecar.app, &format!("/shop/{word}"), PAYOUT);
        post(sidecar.app, "/shop/payout_status", &format!(r#"{{"mchOrderId":"{word}"}}"#));
        get(sidecar.app, &format!("/shop/payout_status?{word}"));
        provider.will(Action::Answer(format!(r#"{{"code":{},"message":"{word}"}}"#, word.len())));
        post(sidecar.app, "/shop/balance", "{}");
        provider.will(Action::Status(404, format!("<h1>{word}</h1>")));
        post(sidecar.app, "/shop/balance", "{}");
    };
    mischief("first");
    let before = series(&sidecar.metrics());
    for number in 0..20 {
        mischief(&format!("stranger{}", "x".repeat(number)));
    }
    let text = sidecar.metrics();
    let new: Vec<_> = series(&text).difference(&before).cloned().collect();
    assert!(new.is_empty(), "strangers can fill the memory of the scraping server: {new:#?}");
    assert!(!text.contains("stranger"), "{text}");
}
