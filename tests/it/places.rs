//! A payment in doubt, and a configuration that switches to another place: only the place where it was made can say
//! that it does not exist.

use serde_json::{Value, json};

use crate::support::http::{self, post};
use crate::support::provider::{ACCEPTED, Received};
use crate::support::sidecar::command;
use crate::support::{Action, ConfigBuilder, Provider, Sidecar, wait_until};

const FOUND: &str = r#"{"code":10000,"message":"Success","data":{"mchOrderId":"STRANDED01","transactionId":"D1","transactionStatus":"COMPLETED"}}"#;
const REFERENCE: &str = "STRANDED01";

/// Creates are lost on the way back, and no query finds them.
fn loses(received: &Received) -> Action {
    match is_create(received) {
        true => Action::Close,
        false => not_found(),
    }
}

/// Accepts every create, and finds none.
fn takes(received: &Received) -> Action {
    match is_create(received) {
        true => Action::Answer(ACCEPTED.to_owned()),
        false => not_found(),
    }
}

fn not_found() -> Action {
    Action::Answer(r#"{"code":21006,"message":"Merchant transaction not found"}"#.to_owned())
}

fn is_create(received: &Received) -> bool {
    received.path().ends_with("/transfer") || received.path().ends_with("/transfer2")
}

fn creates(provider: &Provider) -> usize {
    provider.received().iter().filter(|received| is_create(received)).count()
}

/// The queries at `provider`.
fn queries(provider: &Provider) -> usize {
    provider.received().len() - creates(provider)
}

/// Believes "not found" after a second.
fn config(provider: &Provider) -> ConfigBuilder {
    ConfigBuilder::towards_sandbox(&provider.base_url())
        .section("[account.timeouts]\nconnect = \"1s\"\ntotal = \"1s\"")
        .section("[account.retry]\nattempts = 1\nresolve_for = \"0s\"")
        .section("[account.circuit]\nfailures = 0")
}

fn unasked(text: &str) -> String {
    format!("[reload]\nwatch = false\npoll = \"off\"\n{text}")
}

/// A sidecar with a payment in doubt at `x`.
fn in_doubt_at(x: &Provider) -> Sidecar {
    let folder = tempfile::tempdir().expect("a folder");
    let config = config(x);
    for (name, text) in config.files() {
        std::fs::write(folder.path().join(name), text).expect("written");
    }
    std::fs::write(folder.path().join("countersign.toml"), unasked(&config.text()))
        .expect("written");
    let sidecar = Sidecar::start_in(folder);
    x.will(Action::Choose(loses));
    pay(&sidecar).problem("outcome-unknown", 504);
    sidecar
}

fn pay(sidecar: &Sidecar) -> http::Answer {
    post(sidecar.app, "/shop/payout_create", &crate::support::payout(REFERENCE, 50020))
}

fn reload(sidecar: &Sidecar) -> Value {
    http::request(sidecar.admin, "POST", "/reload", &[], b"").json()
}

fn payment(sidecar: &Sidecar) -> Value {
    let listed = sidecar.run_json(&["payments", "list", "--reference", REFERENCE, "--json"]);
    listed["payments"][0].clone()
}

fn stranded(sidecar: &Sidecar) -> f64 {
    sidecar.metric("countersign_stranded_payments{account=\"shop\"}").expect("the metric exists")
}

fn warnings(sidecar: &Sidecar) -> Vec<Value> {
    let log = sidecar.log();
    let lines = log.iter().filter_map(|line| serde_json::from_str::<Value>(line).ok());
    lines
        .filter(|line| line["message"].as_str().is_some_and(|it| it.contains("is stranded")))
        .collect()
}

/// A place other than `x`, which does not have the payment: it is queried often and for long, and nothing is sent.
#[track_caller]
fn nothing_is_sent(sidecar: &Sidecar, elsewhere: &Provider, differs: &str) {
    let (asked, sent) = (queries(elsewhere), creates(elsewhere));
    wait_until("queries elsewhere", || {
        queries(elsewhere) >= asked + 3 || creates(elsewhere) > sent
    });
    assert_eq!(creates(elsewhere), sent, "nothing may be sent");
    let shown = payment(sidecar);
    assert_eq!((&shown["state"], &shown["stranded"]), (&json!("unknown"), &json!(differs)));
    wait_until("the metric", || stranded(sidecar) == 1.0);
    let said = warnings(sidecar);
    assert_eq!(said.len(), 1, "once, not at every query: {said:#?}");
    assert_eq!((&said[0]["account"], &said[0]["reference"]), (&json!("shop"), &json!(REFERENCE)));
    assert!(said[0]["message"].as_str().is_some_and(|it| it.contains(differs)), "{said:#?}");
    pay(sidecar).problem("in-progress", 409);
}

#[test]
fn another_provider_that_does_not_have_a_payment_is_not_sent_it() {
    let (x, y) = (Provider::start(), Provider::start());
    let sidecar = in_doubt_at(&x);
    y.will(Action::Choose(takes));
    let at_x = sidecar.configuration();
    let to_y = at_x.replace(&x.base_url(), &y.base_url());

    let admin = sidecar.admin.to_string();
    sidecar.configure(&to_y);
    let difference = sidecar.run_json(&["diff", "--against", &admin, "--json"]);
    let told = json!([{ "account": "shop", "payments": 1, "in_doubt": 1, "differs": "base_url" }]);
    assert_eq!(difference["stranded"], told, "{difference:#}");
    assert_eq!(sidecar.run_json(&["check", "--json"])["stranded"], told);
    let said = reload(&sidecar);
    assert_eq!((&said["result"], &said["stranded"]), (&json!("success"), &told), "{said:#}");
    // On a slow machine it may have been queried, and sent again, before.
    let before = creates(&x);
    nothing_is_sent(&sidecar, &y, "base_url");

    // Back at the first place, which does not have it either: now it may be sent again there.
    x.will(Action::Choose(takes));
    sidecar.configure(&at_x);
    assert_eq!(reload(&sidecar)["stranded"], json!([]));
    wait_until("the resend", || payment(&sidecar)["state"] == "accepted");
    let id = payment(&sidecar)["id"].as_str().expect("an id").to_owned();
    let history = sidecar.run_json(&["payments", "show", &id, "--json"]);
    assert_eq!((creates(&x), creates(&y)), (before + 1, 0), "{history:#}");
    wait_until("the metric", || stranded(&sidecar) == 0.0);
    assert_eq!(payment(&sidecar)["stranded"], Value::Null);
}

#[test]
fn a_restart_with_another_provider_sends_nothing_and_the_old_one_decides() {
    let (x, y) = (Provider::start(), Provider::start());
    let mut sidecar = in_doubt_at(&x);
    y.will(Action::Choose(takes));
    let at_x = sidecar.configuration();
    sidecar.kill();
    sidecar.configure(&at_x.replace(&x.base_url(), &y.base_url()));
    let checked = sidecar.run_json(&["check", "--json"]);
    assert_eq!(
        checked["stranded"][0]["payments"], 1,
        "for a store that no sidecar uses: {checked:#}"
    );
    sidecar.restart();
    let before = creates(&x);
    nothing_is_sent(&sidecar, &y, "base_url");
    assert!(sidecar.terminate().success());
    sidecar.configure(&at_x);
    x.will(Action::Answer(FOUND.to_owned()));
    sidecar.restart();
    wait_until("the outcome", || payment(&sidecar)["status"] == "succeeded");
    assert_eq!((creates(&x), creates(&y)), (before, 0));
}

#[test]
fn another_application_id_or_profile_is_another_place_too() {
    let profile = config(&Provider::start()).files()[0].1.clone();
    let renamed = profile.replace("name = \"bluepay\"", "name = \"bluepay-2\"");
    let moved = profile.replace("/disbursement/transfer", "/disbursement/transfer2");
    let turn = |differs: &str, app_id: &str, profile: &str| {
        let x = Provider::start();
        let sidecar = in_doubt_at(&x);
        x.will(Action::Choose(takes));
        std::fs::write(sidecar.file("profile.toml"), profile).expect("written");
        let text = sidecar.configuration();
        sidecar.configure(&text.replace("countersign-demo-app", app_id));
        let said = reload(&sidecar);
        assert_eq!(said["stranded"][0]["differs"], differs, "{said:#}");
        let before = creates(&x);
        nothing_is_sent(&sidecar, &x, differs);
        assert_eq!(creates(&x), before, "{differs}");
    };
    let same = "countersign-demo-app";
    std::thread::scope(|scope| {
        for (differs, app_id, profile) in [
            ("app_id", "another-app", &profile),
            ("profile", same, &renamed),
            ("paths", same, &moved),
        ] {
            scope.spawn(move || turn(differs, app_id, profile));
        }
    });
}

#[test]
fn an_operator_settles_a_stranded_payment() {
    let (x, y) = (Provider::start(), Provider::start());
    let sidecar = in_doubt_at(&x);
    y.will(Action::Choose(takes));
    let text = sidecar.configuration();
    sidecar.configure(&text.replace(&x.base_url(), &y.base_url()));
    reload(&sidecar);
    wait_until("the metric", || stranded(&sidecar) == 1.0);
    let id = payment(&sidecar)["id"].as_str().expect("an id").to_owned();
    let shown = command(&["payments", "--config", "countersign.toml", "show", &id])
        .current_dir(sidecar.folder())
        .output()
        .expect("the program runs");
    let shown = String::from_utf8_lossy(&shown.stdout).into_owned();
    assert!(
        shown.contains("It was made with other settings") && shown.contains("base_url"),
        "{shown}"
    );
    let reason = ["--as", "rejected", "--reason", "the bank's statement", "--json"];
    let settled = sidecar.run_json(&[&["payments", "settle", REFERENCE][..], &reason].concat());
    assert_eq!(settled["state"], "rejected", "{settled:#}");
    wait_until("the metric", || stranded(&sidecar) == 0.0);
    assert_eq!(creates(&y), 0);
}

#[test]
fn a_removed_account_leaves_its_payments_and_checking_creates_nothing() {
    let x = Provider::start();
    let sidecar = in_doubt_at(&x);
    let text = sidecar.configuration().replace("name = \"shop\"", "name = \"other\"");
    let store = sidecar.store();
    let elsewhere = tempfile::tempdir().expect("a folder");
    let unused = elsewhere.path().join("none.db");
    std::fs::copy(sidecar.file("profile.toml"), elsewhere.path().join("profile.toml"))
        .expect("copied");
    let look = |store: &std::path::Path| {
        let text =
            text.replace("[log]", &format!("[store]\nurl = \"sqlite:{}\"\n[log]", store.display()));
        std::fs::write(elsewhere.path().join("new.toml"), text).expect("written");
        let output = command(&["check", "--config", "new.toml", "--json"])
            .current_dir(elsewhere.path())
            .output()
            .expect("the program runs");
        serde_json::from_slice::<Value>(&output.stdout).expect("a report")
    };
    let left = json!([{ "account": "shop", "payments": 1, "open": 1 }]);
    assert_eq!(look(&store)["left_behind"], left);
    assert_eq!(look(&unused)["left_behind"], json!([]));
    assert!(!unused.exists(), "a check creates no store");
    sidecar.configure(&text);
    let said = reload(&sidecar);
    assert_eq!(said["left_behind"], left, "{said:#}");
    assert_eq!(said["stranded"][0]["differs"], "account", "{said:#}");
    wait_until("the metric", || stranded(&sidecar) == 1.0);
}
