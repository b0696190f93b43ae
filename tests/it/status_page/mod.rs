//! The status page: its figures, its headers, and how it looks in a real browser.

mod browser;
mod stand_in;

use std::io::{Read, Write};

use serde_json::{Value, json};

use crate::support::http::{Answer, connect, get, post, post_with, request};
use crate::support::notification::{Signer, envelope};
use crate::support::openssl::KeyPair;
use crate::support::{Action, ConfigBuilder, Provider, Sidecar, wait_until};

use browser::{screenshot, visit};
use stand_in::StandIn;

const REFUSED: &str = r#"{"code":21014,"message":"Insufficient balance","data":null}"#;

/// A sidecar that has seen everything: two payouts accepted, one rejected, one unknown, one never sent; a
/// notification that the application refused permanently, and a forged one.
struct Scene {
    sidecar: Sidecar,
    _provider: Provider,
    _application: Provider,
}

impl Scene {
    fn set() -> Self {
        let provider = Provider::start();
        let application = Provider::start();
        application.will(Action::Status(410, String::new()));
        let sidecar = Sidecar::start(&config(&provider, &application));
        let payout = |reference: &str, expected: &str| {
            let body = crate::support::payout(reference, 100);
            let answer = post(sidecar.app, "/shop/payout_create", &body);
            assert_eq!(answer.header("countersign-outcome"), Some(expected), "{}", answer.text());
        };
        payout("REF0000001", "accepted");
        payout("REF0000002", "accepted");
        provider.will(Action::Answer(REFUSED.to_owned()));
        payout("REF0000003", "rejected");
        provider.will(Action::Close);
        payout("REF0000004", "unknown");
        post(sidecar.app, "/shop/payout_create", "{}").problem("invalid-parameters", 422);
        notify(&sidecar, &Signer::provider().body(PARAM));
        notify(&sidecar, &envelope(PARAM, "AAAA"));
        let scene = Self { sidecar, _provider: provider, _application: application };
        wait_until("the figures", || {
            let account = &scene.status()["accounts"][0];
            account["unknown"]["count"] == 1.0 && account["inbox"]["dead"] == 1.0
        });
        scene
    }

    fn status(&self) -> Value {
        get(self.sidecar.admin, "/status.json").json()
    }
}

const PARAM: &str = r#"{"amount":10000,"createTime":"2023-03-02 09:25:12","eventName":"disbursement.success","mchOrderId":"N1","remark":"remark","returnTime":"2023-03-02 09:25:12","transactionId":"T1", "transactionStatus":"COMPLETED"}"#;

fn config(provider: &Provider, application: &Provider) -> ConfigBuilder {
    let expired = KeyPair::merchant().private();
    ConfigBuilder::new(&provider.base_url())
        .account("environment = \"test\"")
        .section(&format!(
            "[[account.signing_key]]\nid = \"old\"\nprivate_key = {{ file = {expired:?} }}\nnot_after = 2020-01-01T00:00:00Z"
        ))
        .notified_by(KeyPair::provider().public())
        .section("[account.timeouts]\ntotal = \"1500ms\"")
        .section("[account.retry]\nattempts = 1\nresolve_for = \"0s\"")
        .section("[account.circuit]\nfailures = 0")
        .section(&format!("[account.delivery]\nurl = \"{}/payments\"", application.base_url()))
}

fn notify(sidecar: &Sidecar, body: &str) -> Answer {
    post_with(sidecar.notify, "/shop", &[("Content-Type", "application/json")], body.as_bytes())
}

#[test]
fn the_figures_are_those_of_the_metrics() {
    let scene = Scene::set();
    let status = scene.status();
    let account = &status["accounts"][0];
    assert_eq!(account["name"], "shop");
    assert_eq!(
        account["requests"],
        json!({ "accepted": 2.0, "not_sent": 1.0, "rejected": 1.0, "unknown": 1.0 })
    );
    assert_eq!(account["inbox"], json!({ "dead": 1.0, "pending": 0.0, "retrying": 0.0 }));
    let notifications = &account["notifications"];
    assert_eq!(
        (&notifications["accepted"], &notifications["bad_signature"]),
        (&json!(1.0), &json!(1.0))
    );
    assert_eq!(account["deliveries"]["gone"], 1.0, "{account:#}");
    let keys = account["keys"].as_array().expect("keys");
    let states: Vec<_> = keys.iter().map(|key| (&key["id"], &key["state"])).collect();
    assert_eq!(
        states,
        [
            (&json!("k1"), &json!("in_use")),
            (&json!("old"), &json!("expired")),
            (&json!("p1"), &json!("usable")),
        ]
    );
    assert!(keys[0]["last_used"].is_number() && keys[1]["last_used"].is_null(), "{keys:#?}");
    assert_eq!(status["store"], json!({ "ready": true, "reason": null }));
    assert!(status["started_at"].is_number() && status["build"]["version"].is_string());
    for secret in ["REF0000004", "N1", "0812345678", "app-4711"] {
        assert!(
            !status.to_string().contains(secret),
            "`{secret}` does not belong on a public screen"
        );
    }
    scene.sidecar.run_json(&["freeze", "shop", "--reason", "looking into it", "--json"]);
    assert_eq!(scene.status()["accounts"][0]["frozen"]["reason"], "looking into it");
}

#[test]
fn the_page_cannot_be_framed_or_injected_into() {
    let sidecar = Sidecar::start(&ConfigBuilder::new("http://127.0.0.1:9"));
    let page = get(sidecar.admin, "/");
    assert_eq!((page.status, page.header("content-type")), (200, Some("text/html; charset=utf-8")));
    let policy = page.header("content-security-policy").expect("a policy");
    for part in
        ["default-src 'none'", "connect-src 'self'", "frame-ancestors 'none'", "base-uri 'none'"]
    {
        assert!(policy.split("; ").any(|it| it == part), "`{part}` is missing: {policy}");
    }
    assert!(!policy.contains("unsafe") && !policy.contains("http"), "{policy}");
    for path in ["/", "/status.json"] {
        assert!(head(&sidecar, path).starts_with("HTTP/1.1 200"), "{path}");
        let answer = get(sidecar.admin, path);
        for (name, value) in [
            ("x-content-type-options", "nosniff"),
            ("x-frame-options", "DENY"),
            ("referrer-policy", "no-referrer"),
            ("cross-origin-resource-policy", "same-origin"),
            ("cache-control", "no-store"),
        ] {
            assert_eq!(answer.header(name), Some(value), "{path}");
        }
        let posted = request(sidecar.admin, "POST", path, &[], b"");
        assert_eq!((posted.status, posted.header("allow")), (405, Some("GET, HEAD")), "{path}");
    }
}

/// The whole answer to a `HEAD`, which must end with its head.
fn head(sidecar: &Sidecar, path: &str) -> String {
    let mut stream = connect(sidecar.admin);
    let asked = format!("HEAD {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
    stream.write_all(asked.as_bytes()).expect("written");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).expect("an answer");
    assert!(answer.ends_with("\r\n\r\n"), "{answer}");
    answer
}

#[test]
fn a_browser_shows_what_happened_and_contacts_no_other_host() {
    let scene = Scene::set();
    let visit = visit(scene.sidecar.admin);
    assert_eq!(visit.complaints, Vec::<String>::new(), "the browser's console");
    assert_eq!(visit.strangers, Vec::<String>::new(), "requests to other hosts");
    for shown in [
        "shop: 1 unresolved · shop: 1 dead letter",
        "shop bluepay · test · 5 requests · 0 under way",
        "Accepted 2 40 %",
        "Rejected 1 20 %",
        "Not sent 1 20 %",
        "Unknown 1 20 %",
        "Unresolved payments 1 oldest",
        "k1 signing our calls in use – –",
        "old signing our calls expired – 2020-01-01",
        "p1 verifying notifications usable – –",
        "Store writable",
        "Last reload",
    ] {
        assert!(visit.text.contains(shown), "`{shown}` is not in: {}", visit.text);
    }
    assert!(
        visit.dom.contains(r#"<span class="tag" data-level="bad">1</span>"#),
        "the dead letter"
    );
    assert!(visit.dom.contains("class=\"line\" d=\"M"), "a line of the unresolved payments");
    let picture = screenshot(scene.sidecar.admin);
    assert!(picture.starts_with(b"\x89PNG") && picture.len() > 20_000, "{} bytes", picture.len());
}

#[test]
fn a_name_or_a_reason_never_becomes_markup() {
    let scene = Scene::set();
    let mut status = scene.status();
    let hostile = "<img src=x onerror=alert(1)></style><script>alert(2)</script>";
    put_everywhere(&mut status, hostile);
    let stand_in = StandIn::of(&scene.sidecar, move |_| Some(status.to_string()));
    let visit = visit(stand_in.address);
    assert_eq!(visit.complaints, Vec::<String>::new(), "nothing was even attempted");
    assert!(
        visit.text.contains("&lt;img src=x onerror=alert(1)&gt;&lt;/style&gt;"),
        "{}",
        visit.text
    );
    assert!(!visit.dom.contains("<img"), "{}", visit.text);
}

#[test]
fn the_page_says_when_the_sidecar_stops_answering() {
    let scene = Scene::set();
    let status = scene.status().to_string();
    let stand_in = StandIn::of(&scene.sidecar, move |asked| (asked < 2).then(|| status.clone()));
    let visit = visit(stand_in.address);
    assert!(visit.text.contains("No answer from the sidecar since"), "{}", visit.text);
    assert!(visit.dom.contains("<body class=\"silent\">"), "old figures are marked as old");
    assert!(visit.text.contains("Accepted 2"), "the known figures remain: {}", visit.text);
}

/// Replaces every word that comes from the configuration or an operator with `text`.
fn put_everywhere(value: &mut Value, text: &str) {
    match value {
        Value::String(word) => text.clone_into(word),
        Value::Array(items) => items.iter_mut().for_each(|item| put_everywhere(item, text)),
        Value::Object(members) => {
            if members.contains_key("frozen") {
                members["frozen"] = json!({ "reason": text, "since_ms": 0 });
            }
            members.values_mut().for_each(|value| put_everywhere(value, text));
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}
