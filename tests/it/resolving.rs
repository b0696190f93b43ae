//! The outcome of payments in doubt when the process is stopped or killed, and when an operator decides.

use std::time::Duration;

use serde_json::json;

use crate::support::http::{connect, post, post_with, read_answer, render};
use crate::support::notification::Signer;
use crate::support::openssl::KeyPair;
use crate::support::sandbox::SandboxProcess;
use crate::support::sidecar::command;
use crate::support::{Action, ConfigBuilder, Provider, Sidecar, wait_until};

const JSON: (&str, &str) = ("Content-Type", "application/json");
/// The provider's answer to a query about an existing payout.
fn found(reference: &str) -> String {
    format!(
        r#"{{"code":10000,"message":"Success","data":{{"mchOrderId":"{reference}","transactionId":"D1","transactionStatus":"COMPLETED"}}}}"#
    )
}

fn payout(reference: &str) -> String {
    crate::support::payout(reference, 50020)
}

/// Posts and leaves the answer to be read later.
fn begin(sidecar: &Sidecar, reference: &str) -> std::net::TcpStream {
    use std::io::Write;
    let mut stream = connect(sidecar.app);
    let body = payout(reference);
    let request = render("POST", "/shop/payout_create", &[JSON], body.as_bytes());
    stream.write_all(&request).expect("written");
    stream
}

fn events(sidecar: &Sidecar, reference: &str) -> Vec<serde_json::Value> {
    let listed = sidecar.inbox(&["list", "--reference", reference, "--json"]);
    listed["events"].as_array().expect("a list").clone()
}

#[test]
fn a_process_killed_any_number_of_times_leaves_one_event() {
    let sandbox = SandboxProcess::start();
    let config = ConfigBuilder::towards_sandbox(&sandbox.base_url())
        .section("[account.timeouts]\nconnect = \"2s\"\ntotal = \"2s\"")
        .section("[account.circuit]\nfailures = 0");
    let mut sidecar = Sidecar::start(&config);
    sandbox.fault(&json!({ "kind": "stall", "operation": "payout_create", "count": 1 }));
    let caller = begin(&sidecar, "KILLEDX001");
    wait_until("the payout at the provider", || sandbox.payouts("KILLEDX001") == 1);
    sidecar.kill();
    drop(caller);
    sidecar.restart();
    wait_until("its event", || !events(&sidecar, "KILLEDX001").is_empty());
    let first = events(&sidecar, "KILLEDX001").remove(0);
    sidecar.kill();
    sidecar.restart();
    let answer = post(sidecar.app, "/shop/payout_create", &payout("KILLEDX001"));
    assert_eq!(answer.header("countersign-outcome"), Some("accepted"), "{}", answer.text());
    let all = events(&sidecar, "KILLEDX001");
    let same = all.iter().filter(|event| event["status"] == first["status"]);
    assert_eq!(same.count(), 1, "one event for one payment: {all:#?}");
    assert_eq!(all[0]["id"], first["id"], "and its id does not change");
}

#[test]
fn a_stop_answers_the_waiting_caller_and_the_next_start_resolves_the_payment() {
    let provider = Provider::start();
    let config =
        ConfigBuilder::new(&provider.base_url()).section("[account.circuit]\nfailures = 0");
    let mut sidecar = Sidecar::start(&config);
    provider.will(Action::Close);
    let mut caller = begin(&sidecar, "STOPPEDX01");
    // The first query after the create.
    wait_until("a query", || provider.received().len() >= 2);
    provider.will(Action::Late(Duration::from_secs(25), found("STOPPEDX01")));
    sidecar.signal_term();
    let answer = read_answer(&mut caller).expect("an answer");
    let problem = answer.problem("outcome-unknown", 504);
    assert_eq!(problem["reference"], "STOPPEDX01", "{problem:#}");
    assert!(sidecar.wait().success(), "an orderly stop ends with status 0");
    provider.will(Action::Answer(found("STOPPEDX01")));
    sidecar.restart();
    wait_until("its event", || !events(&sidecar, "STOPPEDX01").is_empty());
    assert_eq!(events(&sidecar, "STOPPEDX01")[0]["type"], "countersign.payout.succeeded");
    let creates = provider.received().into_iter().filter(|it| it.path().ends_with("/transfer"));
    assert_eq!(creates.count(), 1, "it was never sent again");
}

#[test]
fn an_operator_settles_a_payment_that_nothing_else_resolves() {
    let provider = Provider::start();
    let config = ConfigBuilder::new(&provider.base_url())
        .section("[account.timeouts]\nconnect = \"1s\"\ntotal = \"1s\"")
        .section("[account.retry]\nattempts = 1\nresolve_for = \"0s\"")
        .section("[account.circuit]\nfailures = 0");
    let sidecar = Sidecar::start(&config);
    provider.will(Action::Close);
    let settle = |payment: &str, word: &str| {
        let reason = ["--reason", "the bank's statement of today", "--json"];
        sidecar.run_json(&[&["payments", "settle", payment, "--as", word][..], &reason].concat())
    };
    post(sidecar.app, "/shop/payout_create", &payout("BYHAND0001")).problem("outcome-unknown", 504);
    let settled = settle("BYHAND0001", "rejected");
    assert_eq!(settled["state"], "rejected", "{settled:#}");
    let told = events(&sidecar, "BYHAND0001").remove(0);
    assert_eq!(told["type"], "countersign.payout.failed", "{told:#}");
    let shown = sidecar.inbox(&["show", told["id"].as_str().expect("an id"), "--json"]);
    let event = shown["event"].as_str().expect("its text");
    assert!(event.contains("the bank's statement of today"), "{event}");
    assert!(event.contains("\"synthesised\""), "{event}");

    // A void has neither a reference nor a query.
    post(sidecar.app, "/shop/payment_void", "{}").problem("outcome-unknown", 504);
    let listed = sidecar.run_json(&["payments", "list", "--state", "unknown", "--json"]);
    let id = listed["payments"][0]["id"].as_str().expect("the void").to_owned();
    assert_eq!(settle(&id, "accepted")["state"], "accepted");
    let history = sidecar.run_json(&["payments", "show", &id, "--json"])["history"].clone();
    let last = history.as_array().and_then(|entries| entries.last()).expect("an entry");
    assert_eq!(last["what"], "settled_by_hand", "{history:#}");

    provider.will(Action::Answer(found("BYHAND0001")));
    let again = post(sidecar.app, "/shop/payout_create", &payout("BYHAND0001"));
    assert_eq!(again.header("countersign-outcome"), Some("accepted"), "the reference was free");
    assert_eq!(again.header("countersign-replayed"), None);
    let refused = command(&["payments", "--config"])
        .arg(sidecar.config_file())
        .args(["settle", &id, "--as", "rejected", "--reason", "x"])
        .current_dir(sidecar.config_file().parent().expect("a folder"))
        .output()
        .expect("the program runs");
    assert_eq!(refused.status.code(), Some(1), "it is settled already");
    assert!(String::from_utf8_lossy(&refused.stderr).contains("only one in doubt can"));
}

#[test]
fn an_outcome_found_by_the_call_itself_is_counted_as_resolved_once() {
    let sandbox = SandboxProcess::start();
    let config = ConfigBuilder::towards_sandbox(&sandbox.base_url())
        .section("[account.timeouts]\nconnect = \"2s\"\ntotal = \"2s\"")
        .section("[account.retry]\nresolve_for = \"30s\"")
        .section("[account.circuit]\nfailures = 0");
    let sidecar = Sidecar::start(&config);
    for number in 0..3 {
        let reference = format!("COUNTED{number:03}");
        sandbox.fault(
            &json!({ "kind": "reset_after_commit", "operation": "payout_create", "count": 1 }),
        );
        let answer = post(sidecar.app, "/shop/payout_create", &payout(&reference));
        assert_eq!(answer.header("countersign-outcome"), Some("accepted"), "{}", answer.text());
    }
    let metrics = sidecar.metrics();
    let counted = "countersign_resolved_total{account=\"shop\",final=\"accepted\"} 3";
    assert!(metrics.contains(counted), "each once: {metrics}");
}

#[test]
fn a_notification_about_a_payment_in_doubt_counts_as_its_resolution() {
    let provider = Provider::start();
    let config = ConfigBuilder::new(&provider.base_url())
        .notified_by(KeyPair::provider().public())
        .section("[account.timeouts]\nconnect = \"1s\"\ntotal = \"1s\"")
        .section("[account.retry]\nattempts = 1\nresolve_for = \"0s\"")
        .section("[account.circuit]\nfailures = 0");
    let sidecar = Sidecar::start(&config);
    provider.will(Action::Close);
    post(sidecar.app, "/shop/payout_create", &payout("NOTIFIED01")).problem("outcome-unknown", 504);
    for status in ["PENDING", "COMPLETED"] {
        let param = format!(
            r#"{{"amount":50020,"eventName":"disbursement.success","mchOrderId":"NOTIFIED01","transactionId":"T1","transactionStatus":"{status}"}}"#
        );
        let body = Signer::provider().body(&param);
        let answer = post_with(sidecar.notify, "/shop", &[JSON], body.as_bytes());
        assert_eq!(answer.status, 200, "{}", answer.text());
    }
    let metrics = sidecar.metrics();
    let counted = "countersign_resolved_total{account=\"shop\",final=\"accepted\"} 1";
    assert!(metrics.contains(counted), "once, by the first of them: {metrics}");
}
