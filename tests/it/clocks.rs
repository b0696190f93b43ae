//! A wall clock that jumps, under the real program: nothing is sent, erased, given up or acquired too early.

use std::io::Write;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use crate::support::http::{connect, post, post_with, read_answer, render};
use crate::support::notification::Signer;
use crate::support::openssl::KeyPair;
use crate::support::provider::ACCEPTED;
use crate::support::{Action, ConfigBuilder, Faults, Provider, Sidecar, wait_until};

const JSON: (&str, &str) = ("Content-Type", "application/json");
const HOUR_MS: i64 = 3_600_000;
const DAY_MS: i64 = 24 * HOUR_MS;
const NOT_FOUND: &str = r#"{"code":21006,"message":"not found"}"#;

fn payout(reference: &str) -> String {
    crate::support::payout(reference, 50020)
}

fn creates(provider: &Provider) -> usize {
    let is_create = |it: &&crate::support::provider::Received| it.path().ends_with("/transfer");
    provider.received().iter().filter(is_create).count()
}

fn unknown(sidecar: &Sidecar) -> Option<f64> {
    sidecar.metric("countersign_unknown_outcomes{account=\"shop\"}")
}

/// Loses every create and has none of them.
fn loses(request: &crate::support::provider::Received) -> Action {
    match request.path().ends_with("/transfer") {
        true => Action::Close,
        false => Action::Answer(NOT_FOUND.to_owned()),
    }
}

#[test]
fn a_wall_clock_that_jumps_past_every_retention_erases_nothing() {
    let provider = Provider::start();
    let config = ConfigBuilder::new(&provider.base_url())
        .section("[account.timeouts]\nconnect = \"1s\"\ntotal = \"1s\"")
        .section("[account.retry]\nattempts = 1\nresolve_for = \"0s\"")
        .section("[account.circuit]\nfailures = 0");
    let faults = Faults::new();
    let mut sidecar = Sidecar::start_with_faults(&config, &faults);
    let accepted = || post(sidecar.app, "/shop/payout_create", &payout("PAIDONCE01"));
    assert_eq!(accepted().header("countersign-outcome"), Some("accepted"));
    provider.will(Action::Close);
    post(sidecar.app, "/shop/payout_create", &payout("INDOUBT001")).problem("outcome-unknown", 504);
    for jump_ms in [400 * DAY_MS, -400 * DAY_MS, 800 * DAY_MS] {
        faults.set_clock_off_by(jump_ms);
        wait_until("the jump in the log", || {
            sidecar.log().iter().any(|line| line.contains("the wall clock was set"))
        });
        sidecar.kill();
        sidecar.restart_with_faults(&faults);
        // Metrics are updated right before the first sweep.
        wait_until("the first sweep", || unknown(&sidecar) == Some(1.0));
        std::thread::sleep(Duration::from_millis(300));
        let again = post(sidecar.app, "/shop/payout_create", &payout("PAIDONCE01"));
        assert_eq!(again.header("countersign-outcome"), Some("accepted"), "{}", again.text());
        assert_eq!(again.header("countersign-replayed"), Some("true"), "it is remembered");
    }
    assert_eq!(creates(&provider), 2, "each was sent once");
}

#[test]
fn a_wall_clock_that_jumps_causes_no_early_resend() {
    const GRACE: Duration = Duration::from_secs(8);
    let provider = Provider::start();
    provider.will(Action::Choose(loses));
    let root = env!("CARGO_MANIFEST_DIR");
    let profile = std::fs::read_to_string(format!("{root}/config/providers/bluepay.toml"));
    let profile = profile.expect("the profile").replace("grace_seconds = 60", "grace_seconds = 8");
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("profile.toml");
    std::fs::write(&file, profile).expect("a profile");
    let config = ConfigBuilder::new(&provider.base_url())
        .profile(&file)
        .section("[account.timeouts]\nconnect = \"1s\"\ntotal = \"1s\"")
        .section("[account.retry]\nattempts = 2\nresolve_for = \"30s\"")
        .section("[account.circuit]\nfailures = 0");
    let faults = Faults::new();
    let sidecar = Sidecar::start_with_faults(&config, &faults);
    let mut caller = connect(sidecar.app);
    let body = payout("INDOUBT001");
    let request = render("POST", "/shop/payout_create", &[JSON], body.as_bytes());
    caller.write_all(&request).expect("written");
    wait_until("the create", || creates(&provider) == 1);
    let lost = Instant::now();
    wait_until("two queries", || provider.received().len() >= 3);
    faults.set_clock_off_by(HOUR_MS);
    let asked = provider.received().len();
    wait_until("another query", || provider.received().len() > asked);
    faults.set_clock_off_by(-HOUR_MS);
    wait_until("the resend", || creates(&provider) == 2);
    let after = lost.elapsed();
    assert!(after >= GRACE, "sent again after {after:?}, a grace period is {GRACE:?}");
    assert!(after < 4 * GRACE, "setting it back delays nothing for an hour: {after:?}");
    drop(caller);
}

#[test]
fn a_wall_clock_that_jumps_gives_up_no_delivery() {
    let (provider, application) = (Provider::start(), Provider::start());
    application.will(Action::Status(503, "{}".to_owned()));
    let config = ConfigBuilder::new(&provider.base_url())
        .notified_by(KeyPair::provider().public())
        .section(&format!("[account.delivery]\nurl = \"{}/events\"", application.base_url()));
    let faults = Faults::new();
    let sidecar = Sidecar::start_with_faults(&config, &faults);
    let param = r#"{"amount":50020,"eventName":"disbursement.success","mchOrderId":"DELIVER001","transactionId":"T1","transactionStatus":"COMPLETED"}"#;
    let body = Signer::provider().body(param);
    let answer = post_with(sidecar.notify, "/shop", &[JSON], body.as_bytes());
    assert_eq!(answer.status, 200, "{}", answer.text());
    for jump_ms in [100 * DAY_MS, -100 * DAY_MS] {
        let posted = application.received().len();
        wait_until("an attempt", || application.received().len() > posted);
        faults.set_clock_off_by(jump_ms);
        wait_until("one after it", || application.received().len() > posted + 1);
    }
    let listed = sidecar.inbox(&["list", "--json"]);
    assert_ne!(listed["events"][0]["state"], "dead", "{listed:#}");
    application.will(Action::Answer("{}".to_owned()));
    wait_until("the delivery", || {
        sidecar.inbox(&["list", "--json"])["events"][0]["state"] == "delivered"
    });
}

#[test]
fn a_process_whose_wall_clock_is_a_year_ahead_acquires_no_lease() {
    let provider = Provider::start();
    let released = Arc::new(AtomicBool::new(false));
    provider.will(Action::Held(released.clone()));
    let sidecar = Sidecar::start(&ConfigBuilder::new(&provider.base_url()));
    let mut caller = connect(sidecar.app);
    let body = payout("UNDERWAY01");
    let request = render("POST", "/shop/payout_create", &[JSON], body.as_bytes());
    caller.write_all(&request).expect("written");
    wait_until("the create", || creates(&provider) == 1);
    let faults = Faults::new();
    let settle = ["payments", "--config", "countersign.toml", "settle", "UNDERWAY01"];
    let ruling = ["--as", "rejected", "--reason", "a test"];
    for off_ms in [365 * DAY_MS, -365 * DAY_MS] {
        faults.set_clock_off_by(off_ms);
        let settled = sidecar.run_with_faults(&[&settle[..], &ruling].concat(), &faults);
        assert!(!settled.status.success(), "it is being sent: {settled:?}");
    }
    released.store(true, Ordering::SeqCst);
    let answer = read_answer(&mut caller).expect("an answer");
    assert_eq!(answer.header("countersign-outcome"), Some("accepted"), "{}", answer.text());
    assert!(answer.text().contains(ACCEPTED), "exactly as the provider sent it");
}
