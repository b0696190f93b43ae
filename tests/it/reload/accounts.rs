//! Accounts and keys that are added and removed while calls are in progress.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use super::{STATUS, UNASKED_OFF, call, is_signed_by, reload, signs, start, text};
use crate::support::http::{connect, post, read_answer, render};
use crate::support::openssl::KeyPair;
use crate::support::{Action, ConfigBuilder, Provider, wait_until, wait_until_within};

const JSON: (&str, &str) = ("Content-Type", "application/json");

/// Requests in progress at once.
const CALLS: usize = 1000;
/// As many as the signing queue accepts at once on the smallest machine.
const AT_ONCE: usize = 100;

#[test]
fn a_reload_during_a_thousand_calls_fails_none_of_them() {
    // Two sockets for each call in this process, and two in the sidecar, which inherits the limit.
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    let limit = getrlimit(Resource::Nofile);
    setrlimit(Resource::Nofile, Rlimit { current: limit.maximum, ..limit }).expect("raised");
    let provider = Provider::start();
    let (old, new) = (KeyPair::generate(2048), KeyPair::generate(2048));
    let config = |key: &KeyPair| {
        let limits = "limits = { in_flight = 2000 }\ntimeouts = { total = \"2m\" }";
        text(UNASKED_OFF, &ConfigBuilder::with_key(&provider.base_url(), key).account(limits))
    };
    let sidecar = start(&config(&old));
    let released = Arc::new(AtomicBool::new(false));
    provider.will(Action::Held(released.clone()));
    let request = render("POST", "/shop/payout_status", &[JSON], STATUS.as_bytes());
    let mut callers = Vec::new();
    while callers.len() < CALLS {
        for _ in 0..AT_ONCE {
            let mut stream = connect(sidecar.app);
            std::io::Write::write_all(&mut stream, &request).expect("written");
            callers.push(stream);
        }
        let sent = callers.len();
        wait_until_within(60, "the calls", || provider.received().len() == sent);
    }
    sidecar.configure(&config(&new));
    let answer = reload(&sidecar);
    assert_eq!((answer.status, &answer.json()["result"]), (200, &"success".into()));
    let metrics = sidecar.metrics();
    let in_flight = format!("countersign_requests_in_flight{{account=\"shop\"}} {CALLS}\n");
    assert!(metrics.contains(&in_flight), "all of them are still in progress");
    released.store(true, Ordering::SeqCst);
    for caller in &mut callers {
        let answer = read_answer(caller).expect("an answer");
        assert_eq!(answer.header("countersign-outcome"), Some("accepted"), "{}", answer.text());
    }
    assert!(signs(&sidecar, &provider, &new), "the new key signs later calls");
    let first = provider.received().remove(0);
    assert!(is_signed_by(&first, &old));
}

#[test]
fn a_removed_account_finishes_its_calls_and_accepts_no_new_ones() {
    let provider = Provider::start();
    let config = ConfigBuilder::new(&provider.base_url());
    let sidecar = start(&text(UNASKED_OFF, &config));
    let released = Arc::new(AtomicBool::new(false));
    provider.will(Action::Held(released.clone()));
    let app = sidecar.app;
    let caller = std::thread::spawn(move || post(app, "/shop/payout_status", STATUS));
    wait_until("the call", || !provider.received().is_empty());

    sidecar.configure(&text(UNASKED_OFF, &config).replace("\"shop\"", "\"other\""));
    let said = reload(&sidecar).json();
    assert_eq!(said["changes"]["accounts_added"], serde_json::json!(["other"]), "{said:#}");
    assert_eq!(said["changes"]["accounts_removed"], serde_json::json!(["shop"]), "{said:#}");
    post(sidecar.app, "/shop/payout_status", STATUS).problem("not-found", 404);
    let metrics = sidecar.metrics();
    assert!(metrics.contains("requests_in_flight{account=\"other\"} 0"), "{metrics}");
    released.store(true, Ordering::SeqCst);
    let answer = caller.join().expect("the caller");
    assert_eq!(answer.header("countersign-outcome"), Some("accepted"), "{}", answer.text());
    assert_eq!(post(sidecar.app, "/other/payout_status", STATUS).status, 200);

    sidecar.configure(&text(UNASKED_OFF, &config));
    assert_eq!(reload(&sidecar).status, 200);
    call(&sidecar);
}

#[test]
fn the_next_key_is_shown_before_it_signs_and_the_old_one_is_removed_with_its_series() {
    let provider = Provider::start();
    let (old, new) = (KeyPair::generate(2048), KeyPair::generate(2048));
    let key = |id: &str, key: &KeyPair, dates: &str| {
        let file = key.private();
        format!(
            "[[account.signing_key]]\nid = \"{id}\"\nprivate_key = {{ file = {file:?} }}\n{dates}\n"
        )
    };
    let with = |keys: String| {
        text(UNASKED_OFF, &ConfigBuilder::new(&provider.base_url()).only_signing_key(&keys))
    };
    let sidecar = start(&with(key("old", &old, "")));
    let next = key("new", &new, "not_before = 2099-01-01T00:00:00Z");
    sidecar.configure(&with(next + &key("old", &old, "")));
    assert_eq!(reload(&sidecar).status, 200);
    assert!(signs(&sidecar, &provider, &old), "the next key is not valid yet");
    let used = |id: &str| {
        sidecar.metric(&format!(
            "countersign_key_last_used_timestamp_seconds{{account=\"shop\",key_id=\"{id}\"}}"
        ))
    };
    assert!(used("old") > Some(0.0), "{:?}", used("old"));
    assert_eq!(used("new"), Some(0.0), "it is shown, but was never used");

    sidecar.configure(&with(key("new", &new, "") + &key("old", &old, "")));
    assert_eq!(reload(&sidecar).status, 200);
    assert!(signs(&sidecar, &provider, &new));
    assert!(used("new") > Some(0.0));
    sidecar.configure(&with(key("new", &new, "")));
    let said = reload(&sidecar).json();
    assert_eq!(said["changes"]["keys"][0]["key_id"], "old", "{said:#}");
    assert!(signs(&sidecar, &provider, &new));
}
