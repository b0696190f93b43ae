//! The audit log of a running sidecar and the commands that use it.

use std::path::PathBuf;

use serde_json::{Value, json};

use crate::support::canaries::Canaries;
use crate::support::http::post_with;
use crate::support::sandbox::SandboxProcess;
use crate::support::{Action, ConfigBuilder, Provider, Sidecar, wait_until};

const TOKENS: &str =
    "[account.app]\ntokens = [\"token-zero-0123456789\", \"token-one-0123456789\"]";

fn config(base_url: &str) -> ConfigBuilder {
    ConfigBuilder::towards_sandbox(base_url)
        .section(TOKENS)
        .section("[account.timeouts]\nconnect = \"2s\"\ntotal = \"2s\"")
        .section("[account.retry]\nattempts = 1\nresolve_for = \"10s\"")
        .section("[audit]\nfile = \"data/audit.log\"")
}

fn pay(sidecar: &Sidecar, reference: &str) -> u16 {
    let body = crate::support::payout(reference, 50020);
    let headers =
        [("Content-Type", "application/json"), ("Authorization", "Bearer token-one-0123456789")];
    post_with(sidecar.app, "/shop/payout_create", &headers, body.as_bytes()).status
}

fn path(sidecar: &Sidecar) -> PathBuf {
    sidecar.folder().join("data/audit.log")
}

fn entries(sidecar: &Sidecar) -> Vec<Value> {
    let text = std::fs::read_to_string(path(sidecar)).unwrap_or_default();
    text.lines().filter_map(|line| serde_json::from_str(line).ok()).collect()
}

fn actions(sidecar: &Sidecar) -> Vec<String> {
    entries(sidecar).iter().filter_map(|it| it["action"].as_str().map(str::to_owned)).collect()
}

fn wait_for(sidecar: &Sidecar, action: &str, count: usize) {
    wait_until(action, || actions(sidecar).iter().filter(|it| *it == action).count() >= count);
}

/// The output of `audit verify --json`, and whether it succeeded.
fn verify(sidecar: &Sidecar, arguments: &[&str]) -> (Value, bool) {
    let output = sidecar.run(&[&["audit", "verify", "--json"], arguments].concat());
    let said = serde_json::from_slice(&output.stdout).unwrap_or_else(|error| {
        panic!("{error}: {}", String::from_utf8_lossy(&output.stderr));
    });
    (said, output.status.success())
}

#[test]
fn a_payment_is_recorded_from_its_beginning_to_its_end() {
    let sandbox = SandboxProcess::start();
    let sidecar = Sidecar::start(&config(&sandbox.base_url()));
    assert_eq!(pay(&sidecar, "AUDIT01"), 200);
    wait_for(&sidecar, "payment.settled", 1);
    let entries = entries(&sidecar);
    let of = |action: &str| {
        entries.iter().find(|entry| entry["action"] == action).unwrap_or_else(|| {
            panic!("no `{action}` in {entries:#?}");
        })
    };
    assert_eq!(of("sidecar.started")["actor"], "sidecar");
    assert_eq!(of("key.added")["key"], "demo");
    let (begun, settled) = (of("payment.begun"), of("payment.settled"));
    for entry in [begun, settled] {
        assert_eq!(entry["actor"], "app token 1", "the caller");
        assert_eq!(entry["reference"], "AUDIT01");
        assert_eq!((&entry["amount_minor"], &entry["currency"]), (&json!(50020), &json!("THB")));
        assert_eq!(entry["payment"], of("payment.sent")["payment"]);
        assert_eq!(entry["request_id"], of("payment.sent")["request_id"]);
    }
    assert_eq!((&settled["outcome"], &settled["code"]), (&json!("accepted"), &json!(10000)));
    let id = begun["request_id"].as_str().expect("the id that links the two logs");
    let is_it = |line: &String| line.contains(id) && line.contains("request answered");
    wait_until("the line about the request", || sidecar.log().iter().any(is_it));
    let text = std::fs::read_to_string(path(&sidecar)).expect("a file");
    Canaries::of(&sidecar.configuration()).assert_absent("the audit log", &text);
}

#[test]
fn a_lost_answer_leaves_a_line_about_it_and_one_about_the_outcome() {
    let sandbox = SandboxProcess::start();
    let sidecar = Sidecar::start(&config(&sandbox.base_url()));
    let fault = json!({ "kind": "close_after_commit", "operation": "payout_create", "count": 1 });
    sandbox.fault(&fault);
    assert_eq!(pay(&sidecar, "AUDIT02"), 200);
    wait_for(&sidecar, "payment.settled", 1);
    let actions = actions(&sidecar);
    let payment: Vec<&str> =
        actions.iter().map(String::as_str).filter(|it| it.starts_with("payment.")).collect();
    assert_eq!(
        payment,
        ["payment.begun", "payment.sent", "payment.unknown", "payment.settled"],
        "in the order in which it happened"
    );
}

#[test]
fn settling_a_payment_by_hand_is_recorded_with_the_user() {
    let provider = Provider::start();
    provider.will(Action::Answer(r#"{"code":21000,"message":"m","data":null}"#.to_owned()));
    let sidecar = Sidecar::start(&config(&provider.base_url()));
    assert_eq!(pay(&sidecar, "AUDIT06"), 200);
    let settle =
        ["payments", "settle", "AUDIT06", "--as", "accepted", "--reason", "a call", "--json"];
    sidecar.run_json(&settle);
    wait_for(&sidecar, "payment.settled", 1);
    let settled = entries(&sidecar).into_iter().find(|it| it["action"] == "payment.settled");
    let settled = settled.expect("the test waited for it");
    let uid = rustix::process::getuid().as_raw();
    assert_eq!(settled["actor"], format!("cli uid {uid}"), "{settled:#}");
    assert_eq!(settled["reason"], "a call", "{settled:#}");
}

#[test]
fn the_chain_continues_over_kills_commands_and_rotation() {
    let sandbox = SandboxProcess::start();
    let mut sidecar = Sidecar::start(&config(&sandbox.base_url()));
    assert_eq!(pay(&sidecar, "AUDIT03"), 200);
    wait_for(&sidecar, "payment.settled", 1);
    sidecar.kill();
    sidecar.restart();
    sidecar.run_json(&["freeze", "shop", "--reason", "month's end", "--json"]);
    assert_eq!(pay(&sidecar, "AUDIT04"), 503, "it is frozen");
    wait_for(&sidecar, "account.frozen", 1);
    let frozen = entries(&sidecar).into_iter().find(|it| it["action"] == "account.frozen");
    let frozen = frozen.expect("the test waited for it");
    let uid = rustix::process::getuid().as_raw();
    assert_eq!(frozen["actor"], format!("cli uid {uid}"));
    assert_eq!(frozen["reason"], "month's end");

    let rotated = path(&sidecar).with_extension("log.1");
    std::fs::rename(path(&sidecar), &rotated).expect("renamed");
    sidecar.run_json(&["unfreeze", "shop", "--json"]);
    assert_eq!(pay(&sidecar, "AUDIT05"), 200);
    wait_for(&sidecar, "payment.settled", 1);
    assert!(sidecar.terminate().success());
    let (said, holds) = verify(&sidecar, &["data/audit.log.1", "data/audit.log"]);
    assert!(holds, "{said:#}");
    assert_eq!(said["began_after"]["seq"], 0);
    let (said, holds) = verify(&sidecar, &["data/audit.log"]);
    assert!(holds && said["began_after"]["seq"].as_u64() > Some(3), "{said:#}");
    let (said, holds) = verify(&sidecar, &["data/audit.log", "data/audit.log.1"]);
    assert!(!holds, "in the wrong order: {said:#}");
}

#[test]
fn a_reload_and_the_keys_it_changes_are_recorded() {
    let sandbox = SandboxProcess::start();
    let sidecar = Sidecar::start(&config(&sandbox.base_url()));
    let path = sidecar.folder().join("countersign.toml");
    let text = sidecar.configuration();
    std::fs::write(&path, text.replace("id = \"demo\"", "id = \"demo-2\"")).expect("a file");
    wait_for(&sidecar, "key.removed", 1);
    std::fs::write(&path, text.replace("currency", "currancy")).expect("a file");
    wait_for(&sidecar, "configuration.reloaded", 2);
    let entries = entries(&sidecar);
    let told: Vec<_> = entries
        .iter()
        .map(|entry| {
            let text = |name: &str| entry[name].as_str().unwrap_or_default();
            [text("action"), text("outcome"), text("key")].join(" ").trim_end().to_owned()
        })
        .collect();
    assert_eq!(
        told,
        [
            "sidecar.started",
            "key.added  demo",
            "configuration.reloaded accepted",
            "key.added  demo-2",
            "key.removed  demo",
            "configuration.reloaded rejected",
        ]
    );
}

#[test]
fn every_manipulation_of_the_file_is_named() {
    let sandbox = SandboxProcess::start();
    let mut sidecar = Sidecar::start(&config(&sandbox.base_url()));
    assert_eq!(pay(&sidecar, "AUDIT06"), 200);
    wait_for(&sidecar, "payment.settled", 1);
    assert!(sidecar.terminate().success());
    let whole = std::fs::read_to_string(path(&sidecar)).expect("a file");
    let (said, holds) = verify(&sidecar, &["data/audit.log"]);
    assert!(holds, "{said:#}");
    let head = said["head"]["hash"].as_str().expect("a hash").to_owned();
    let (said, holds) = verify(&sidecar, &["data/audit.log", "--anchor", &head]);
    assert!(holds && said["anchored"] == true, "{said:#}");
    let (said, holds) = verify(&sidecar, &["data/audit.log", "--anchor", &"0".repeat(64)]);
    assert!(!holds && said["anchored"] == false, "{said:#}");

    let lines: Vec<&str> = whole.split_inclusive('\n').collect();
    let count = lines.len();
    let beside = path(&sidecar).with_extension("log.head");
    let kept = std::fs::read(&beside).expect("the file beside it");
    for (found, what) in [(Some(r#"{"seq":1,"hash":"0"}"#), "does not include"), (None, "missing")]
    {
        match found {
            Some(text) => std::fs::write(&beside, text).expect("a file"),
            None => std::fs::remove_file(&beside).expect("a file"),
        }
        let said = sidecar.run(&["audit", "verify", "data/audit.log"]).stdout;
        let said = String::from_utf8_lossy(&said);
        assert!(said.contains(what), "what is no longer known is reported: {said}");
    }
    std::fs::write(&beside, kept).expect("a file");
    let changed = whole.replace("\"amount_minor\":50020", "\"amount_minor\":10000");
    let without = |index: usize| {
        let kept = lines.iter().enumerate().filter(|(at, _)| *at != index);
        kept.map(|(_, line)| *line).collect::<String>()
    };
    let at = lines.iter().position(|line| line.contains("amount_minor")).expect("a payment");
    for (text, line, what) in [
        (changed, at + 1, "an amount was changed"),
        (without(at), at + 1, "a line was removed"),
        (without(count - 1), count, "the last line was removed"),
        (String::new(), 1, "everything was removed"),
    ] {
        std::fs::write(path(&sidecar), text).expect("a file");
        let (said, holds) = verify(&sidecar, &["data/audit.log"]);
        assert!(!holds, "{what}: {said:#}");
        assert_eq!(said["broken"]["line"], json!(line), "{what}: {said:#}");
    }
}

#[test]
fn a_payment_is_made_even_when_the_audit_log_cannot_be_written() {
    let sandbox = SandboxProcess::start();
    let sidecar = Sidecar::start(&config(&sandbox.base_url()));
    wait_for(&sidecar, "key.added", 1);
    // No process can write to a folder in place of the file, not even root.
    std::fs::remove_file(path(&sidecar)).expect("removed");
    std::fs::create_dir(path(&sidecar)).expect("a folder");
    assert_eq!(pay(&sidecar, "AUDIT07"), 200);
    wait_until("the line in the log", || {
        sidecar.log().iter().any(|line| line.contains("the audit log cannot be written"))
    });
    std::fs::remove_dir(path(&sidecar)).expect("removed");
    wait_for(&sidecar, "payment.settled", 1);
    let (said, holds) = verify(&sidecar, &["data/audit.log"]);
    assert!(holds, "nothing is missing, it was only late: {said:#}");
}
