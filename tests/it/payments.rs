//! Money-moving calls under faults, against the sandbox as a process: every reference is paid at most once, and
//! callers get the real outcome.

use std::io::Write;
use std::net::SocketAddr;

use serde_json::{Value, json};

use crate::support::http::{connect, post, render};
use crate::support::sandbox::SandboxProcess;
use crate::support::{ConfigBuilder, Sidecar, wait_until};

fn payout(reference: &str) -> String {
    crate::support::payout(reference, 50020)
}

fn config(sandbox: &SandboxProcess) -> ConfigBuilder {
    ConfigBuilder::towards_sandbox(&sandbox.base_url())
        .section("[account.timeouts]\nconnect = \"2s\"\ntotal = \"2s\"")
        .section("[account.retry]\nattempts = 3\nresolve_for = \"15s\"")
        .section("[account.circuit]\nfailures = 0")
}

fn create(app: SocketAddr, reference: &str) -> crate::support::http::Answer {
    post(app, "/shop/payout_create", &payout(reference))
}

#[test]
fn a_lost_answer_is_queried_and_the_real_outcome_is_reported() {
    let sandbox = SandboxProcess::start();
    let sidecar = Sidecar::start(&config(&sandbox));
    for (number, kind) in
        ["close_after_commit", "reset_after_commit", "garbage", "stall"].iter().enumerate()
    {
        let reference = format!("LOST{number:04}");
        sandbox.fault(&json!({ "kind": kind, "operation": "payout_create", "count": 1 }));
        let answer = create(sidecar.app, &reference);
        assert_eq!(
            answer.header("countersign-outcome"),
            Some("accepted"),
            "{kind}: {}",
            answer.text()
        );
        assert_eq!(answer.json()["data"]["mchOrderId"], reference.as_str(), "{kind}");
        assert_eq!(sandbox.payouts(&reference), 1, "{kind}");
    }
}

#[test]
fn an_inconclusive_code_is_queried_too() {
    let sandbox = SandboxProcess::start();
    let sidecar = Sidecar::start(&config(&sandbox));
    for code in [21000, 21011, 21007] {
        let reference = format!("OPEN{code}");
        sandbox.fault(&json!({ "kind": "error_code", "operation": "payout_create", "count": 1, "code": code, "commit": true }));
        let answer = create(sidecar.app, &reference);
        assert_eq!(
            answer.header("countersign-outcome"),
            Some("accepted"),
            "{code}: {}",
            answer.text()
        );
        assert_eq!(sandbox.payouts(&reference), 1, "{code}");
    }
}

#[test]
fn a_call_that_provably_did_not_arrive_is_sent_again_with_the_same_ids() {
    let sandbox = SandboxProcess::start();
    let sidecar = Sidecar::start(&config(&sandbox));
    sandbox.fault(
        &json!({ "kind": "reset_before_reading", "operation": "payout_create", "count": 1 }),
    );
    let answer = create(sidecar.app, "GONE0001");
    assert_eq!(answer.header("countersign-outcome"), Some("accepted"), "{}", answer.text());
    assert_eq!(answer.header("countersign-attempts"), Some("2"));
    assert_eq!(sandbox.payouts("GONE0001"), 1);
}

#[test]
fn forty_callers_of_one_reference_make_one_payout() {
    let sandbox = SandboxProcess::start();
    let sidecar = Sidecar::start(&config(&sandbox));
    let app = sidecar.app;
    let callers: Vec<_> =
        (0..40).map(|_| std::thread::spawn(move || create(app, "MANY0001"))).collect();
    let answers: Vec<_> =
        callers.into_iter().map(|caller| caller.join().expect("an answer")).collect();
    assert!(answers.iter().all(|answer| answer.header("countersign-outcome") == Some("accepted")));
    let bodies: std::collections::BTreeSet<String> =
        answers.iter().map(|answer| answer.text()).collect();
    assert_eq!(bodies.len(), 1, "every caller gets the same answer, byte for byte");
    let replayed =
        answers.iter().filter(|answer| answer.header("countersign-replayed") == Some("true"));
    assert_eq!(replayed.count(), 39);
    assert_eq!(sandbox.payouts("MANY0001"), 1);
}

#[test]
fn a_reference_belongs_to_one_set_of_parameters() {
    let sandbox = SandboxProcess::start();
    let sidecar = Sidecar::start(&config(&sandbox));
    assert_eq!(create(sidecar.app, "SAME0001").status, 200);
    let spaced = payout("SAME0001").replace(',', " , ");
    let again = post(sidecar.app, "/shop/payout_create", &spaced);
    assert_eq!(
        again.header("countersign-replayed"),
        Some("true"),
        "white space changes nothing: {}",
        again.text()
    );
    let other = payout("SAME0001").replace("50020", "50021");
    let problem = post(sidecar.app, "/shop/payout_create", &other).problem("reference-reused", 422);
    assert_eq!(problem["outcome"], "not_sent");
    assert_eq!(sandbox.payouts("SAME0001"), 1);
}

#[test]
fn a_refused_reference_may_be_used_again() {
    let sandbox = SandboxProcess::start();
    let sidecar = Sidecar::start(&config(&sandbox));
    sandbox.fault(&json!({ "kind": "error_code", "operation": "payout_create", "count": 1, "code": 21014, "commit": false }));
    let refused = create(sidecar.app, "AGAIN0001");
    assert_eq!(refused.header("countersign-outcome"), Some("rejected"), "{}", refused.text());
    let taken = create(sidecar.app, "AGAIN0001");
    assert_eq!(taken.header("countersign-outcome"), Some("accepted"), "{}", taken.text());
    assert_eq!(taken.header("countersign-replayed"), None);
    assert_eq!(sandbox.payouts("AGAIN0001"), 1);
}

#[test]
fn a_payout_in_flight_when_the_process_is_killed_is_resolved_after_the_restart() {
    let sandbox = SandboxProcess::start();
    let mut sidecar = Sidecar::start(&config(&sandbox));
    sandbox.fault(&json!({ "kind": "stall", "operation": "payout_create", "count": 1 }));
    let app = sidecar.app;
    let caller = std::thread::spawn(move || {
        use std::io::Write;
        let mut stream = crate::support::http::connect(app);
        let body = payout("KILLED001");
        let request = crate::support::http::render(
            "POST",
            "/shop/payout_create",
            &[("Content-Type", "application/json")],
            body.as_bytes(),
        );
        let _ = stream.write_all(&request);
        let _ = crate::support::http::read_answer(&mut stream);
    });
    wait_until("the payout at the provider", || sandbox.payouts("KILLED001") == 1);
    sidecar.kill();
    caller.join().expect("the caller is gone");
    sidecar.restart();
    wait_until("the resolved outcome", || {
        sidecar.metric("countersign_resolved_total{account=\"shop\",final=\"accepted\"}")
            == Some(1.0)
    });
    let answer = create(sidecar.app, "KILLED001");
    assert_eq!(answer.header("countersign-outcome"), Some("accepted"), "{}", answer.text());
    assert_eq!(sandbox.payouts("KILLED001"), 1, "never sent again");
}

#[test]
fn the_journal_is_shown_to_operators() {
    let sandbox = SandboxProcess::start();
    let sidecar = Sidecar::start(&config(&sandbox));
    assert_eq!(create(sidecar.app, "SHOWN0001").status, 200);
    let listed = sidecar.run_json(&["payments", "list", "--reference", "SHOWN0001", "--json"]);
    let id = listed["payments"][0]["id"].as_str().expect("an id").to_owned();
    assert_eq!(listed["payments"][0]["state"], "accepted", "{listed:#}");
    let shown: Value = sidecar.run_json(&["payments", "show", &id, "--json"]);
    assert_eq!(shown["history"][0]["what"], "begun", "{shown:#}");
}

#[test]
fn a_frozen_account_moves_no_money() {
    let sandbox = SandboxProcess::start();
    let sidecar = Sidecar::start(&config(&sandbox));
    sidecar.run_json(&["freeze", "shop", "--reason", "fraud check", "--json"]);
    let problem = create(sidecar.app, "FROZEN001").problem("frozen", 503);
    assert_eq!(problem["outcome"], "not_sent");
    assert_eq!(
        post(sidecar.app, "/shop/balance", "{\"countryCode\":\"TH\"}").status,
        200,
        "reads still work"
    );
    sidecar.run_json(&["unfreeze", "shop", "--json"]);
    assert_eq!(create(sidecar.app, "FROZEN001").status, 200);
    assert_eq!(sandbox.payouts("FROZEN001"), 1);
}

#[test]
fn a_caller_that_hung_up_before_its_answer_gets_an_event() {
    let sandbox = SandboxProcess::start();
    let sidecar = Sidecar::start(&config(&sandbox));
    let kind = "late_answer";
    sandbox.fault(
        &json!({ "kind": kind, "operation": "payout_create", "count": 1, "delay_ms": 1500 }),
    );
    let request = render(
        "POST",
        "/shop/payout_create",
        &[("Content-Type", "application/json")],
        payout("HUNGUP0001").as_bytes(),
    );
    let mut stream = connect(sidecar.app);
    stream.write_all(&request).expect("posted");
    wait_until("the payout at the provider", || sandbox.payouts("HUNGUP0001") == 1);
    drop(stream);
    wait_until("an event", || {
        let list = ["inbox", "list", "--reference", "HUNGUP0001", "--json"];
        sidecar.run_json(&list)["events"][0]["type"] == "countersign.payout.pending"
    });
}
