//! A renamed account keeps its payments: the same call again gets the first answer, whatever the account's name.

use serde_json::{Value, json};

use crate::support::http::{self, post, post_with};
use crate::support::notification::Signer;
use crate::support::openssl::KeyPair;
use crate::support::provider::ACCEPTED;
use crate::support::{Action, ConfigBuilder, Provider, Sidecar, payout, wait_until};

const JSON: (&str, &str) = ("Content-Type", "application/json");
const FOUND: &str = r#"{"code":10000,"message":"Success","data":{"mchOrderId":"LOST000001","transactionId":"D1","transactionStatus":"COMPLETED"}}"#;

fn start(provider: &Provider) -> Sidecar {
    let config = ConfigBuilder::new(&provider.base_url())
        .notified_by(KeyPair::provider().public())
        .section("[account.timeouts]\nconnect = \"1s\"\ntotal = \"1s\"")
        .section("[account.retry]\nattempts = 1\nresolve_for = \"0s\"")
        .section("[account.circuit]\nfailures = 0");
    Sidecar::start_text(&format!("[reload]\nwatch = false\npoll = \"off\"\n{}", config.text()))
}

/// `text` with its account called `name`.
fn named(text: &str, name: &str, formerly: &str) -> String {
    text.replace("name = \"shop\"", &format!("name = \"{name}\"\n{formerly}"))
}

fn reload(sidecar: &Sidecar) -> Value {
    http::request(sidecar.admin, "POST", "/reload", &[], b"").json()
}

fn pay(sidecar: &Sidecar, account: &str, reference: &str) -> http::Answer {
    post(sidecar.app, &format!("/{account}/payout_create"), &payout(reference, 50020))
}

#[track_caller]
fn is_replayed(sidecar: &Sidecar, account: &str, reference: &str) {
    let again = pay(sidecar, account, reference);
    assert_eq!(again.header("countersign-outcome"), Some("accepted"), "{}", again.text());
    assert_eq!(again.header("countersign-replayed"), Some("true"), "{account} {reference}");
}

fn creates(provider: &Provider) -> usize {
    provider.received().iter().filter(|received| received.path().ends_with("/transfer")).count()
}

#[test]
fn the_same_call_after_a_rename_is_replayed_and_not_made_again() {
    let provider = Provider::start();
    let mut sidecar = start(&provider);
    let text = sidecar.configuration();
    let paid = pay(&sidecar, "shop", "PAID000001");
    assert_eq!(paid.header("countersign-outcome"), Some("accepted"), "{}", paid.text());

    let renamed = named(&text, "shop-th", "formerly = [\"shop\"]");
    sidecar.configure(&renamed);
    let said = reload(&sidecar);
    assert_eq!(said["changes"]["accounts_renamed"], json!({ "shop": "shop-th" }), "{said:#}");
    assert_eq!(said["left_behind"], json!([]), "{said:#}");
    is_replayed(&sidecar, "shop-th", "PAID000001");
    is_replayed(&sidecar, "shop", "PAID000001");
    assert_eq!(pay(&sidecar, "shop-th", "PAID000002").status, 200);

    // Also after a restart, and after restoring the old configuration.
    assert!(sidecar.terminate().success());
    sidecar.restart();
    is_replayed(&sidecar, "shop", "PAID000001");
    let listed = sidecar.run_json(&["payments", "list", "--account", "shop-th", "--json"]);
    let names: Vec<_> = listed["payments"].as_array().expect("a list").iter().collect();
    assert_eq!(names.len(), 2, "{listed:#}");
    assert!(names.iter().all(|payment| payment["account"] == "shop-th"), "{listed:#}");
    sidecar.configure(&text);
    assert_eq!(reload(&sidecar)["result"], "success");
    is_replayed(&sidecar, "shop", "PAID000001");
    is_replayed(&sidecar, "shop", "PAID000002");
    assert_eq!(creates(&provider), 2, "one for each reference");
}

#[test]
fn payments_freezes_and_duplicates_still_belong_to_the_renamed_account() {
    let provider = Provider::start();
    let mut sidecar = start(&provider);
    let text = sidecar.configuration();
    provider.will(Action::Close);
    pay(&sidecar, "shop", "LOST000001").problem("outcome-unknown", 504);
    let param = r#"{"amount":50020,"eventName":"disbursement.success","mchOrderId":"OTHER00001","transactionId":"T1","transactionStatus":"COMPLETED"}"#;
    let notify = |sidecar: &Sidecar, account: &str| {
        let body = Signer::provider().body(param);
        post_with(sidecar.notify, &format!("/{account}"), &[JSON], body.as_bytes())
    };
    assert_eq!(notify(&sidecar, "shop").status, 200);
    sidecar.run_json(&["freeze", "shop", "--reason", "a look", "--json"]);
    assert!(sidecar.terminate().success());

    sidecar.configure(&named(&text, "shop-th", "formerly = [\"shop\"]"));
    sidecar.restart();
    pay(&sidecar, "shop-th", "NEW0000001").problem("frozen", 503);
    for account in ["shop", "shop-th"] {
        assert_eq!(
            notify(&sidecar, account).status,
            200,
            "the provider still posts to the old path"
        );
    }
    let inbox =
        sidecar.inbox(&["list", "--account", "shop-th", "--reference", "OTHER00001", "--json"]);
    assert_eq!(inbox["events"].as_array().map(Vec::len), Some(1), "{inbox:#}");
    assert_eq!(
        (&inbox["events"][0]["account"], &inbox["events"][0]["duplicates"]),
        (&json!("shop-th"), &json!(2))
    );
    provider.will(Action::Answer(FOUND.to_owned()));
    let events =
        || sidecar.inbox(&["list", "--reference", "LOST000001", "--json"])["events"].clone();
    wait_until("its event", || events().as_array().is_some_and(|all| !all.is_empty()));
    assert_eq!(events()[0]["account"], "shop-th");
    let metrics = sidecar.metrics();
    let resolved = "countersign_resolved_total{account=\"shop-th\",final=\"accepted\"} 1";
    assert!(metrics.contains(resolved), "{metrics}");
    assert!(!metrics.contains("account=\"shop\""), "{metrics}");
    sidecar.run_json(&["unfreeze", "shop-th", "--json"]);
    provider.will(Action::Answer(ACCEPTED.to_owned()));
    assert_eq!(pay(&sidecar, "shop-th", "NEW0000001").status, 200);
}

#[test]
fn an_undeclared_rename_is_reported_before_and_after() {
    let provider = Provider::start();
    let sidecar = start(&provider);
    let text = sidecar.configuration();
    assert_eq!(pay(&sidecar, "shop", "PAID000001").status, 200);
    let admin = sidecar.admin.to_string();
    let left = json!([{ "account": "shop", "payments": 1, "open": 0 }]);
    sidecar.configure(&named(&text, "shop-th", ""));
    let difference = sidecar.run_json(&["diff", "--against", &admin, "--json"]);
    assert_eq!(difference["left_behind"], left, "{difference:#}");
    let said = reload(&sidecar);
    assert_eq!(said["left_behind"], left, "{said:#}");
    let is_logged =
        || sidecar.log().iter().any(|line| line.contains("is not configured and leaves"));
    wait_until("its line in the log", is_logged);
    // Declaring it later has the same effect as declaring it at once.
    sidecar.configure(&named(&text, "shop-th", "formerly = [\"shop\"]"));
    assert_eq!(reload(&sidecar)["left_behind"], json!([]));
    is_replayed(&sidecar, "shop-th", "PAID000001");
    assert_eq!(creates(&provider), 1);
}
