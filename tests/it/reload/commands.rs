//! Commands that use a running sidecar: what a configuration would change, and the state of the keys.

use std::fs;

use serde_json::{Value, json};

use super::{UNASKED_OFF, call, reload, text};
use crate::support::openssl::KeyPair;
use crate::support::sidecar::command;
use crate::support::{ConfigBuilder, Provider, Sidecar};

const TOKEN: &str = "canary-token-of-the-application";

/// A sidecar whose key and token are files in its folder.
fn start(provider: &Provider, key: &KeyPair) -> Sidecar {
    let folder = tempfile::tempdir().expect("a folder");
    fs::copy(key.private(), folder.path().join("key")).expect("copied");
    fs::write(folder.path().join("token"), TOKEN).expect("written");
    fs::write(folder.path().join("countersign.toml"), config(provider)).expect("written");
    Sidecar::start_in(folder)
}

fn config(provider: &Provider) -> String {
    let key = "[[account.signing_key]]\nid = \"k1\"\nprivate_key = { file = \"key\" }";
    let builder = ConfigBuilder::new(&provider.base_url()).only_signing_key(key);
    text(UNASKED_OFF, &builder.section("[account.app]\ntokens = [{ file = \"token\" }]"))
}

/// Runs `diff` and returns its exit code and what it prints.
fn diff(sidecar: &Sidecar, arguments: &[&str]) -> (Option<i32>, String) {
    let output = command(&["diff", "--config", "countersign.toml"])
        .args(arguments)
        .current_dir(sidecar.file(""))
        .output()
        .expect("the program runs");
    let said = [output.stdout, output.stderr].concat();
    (output.status.code(), String::from_utf8_lossy(&said).into_owned())
}

#[test]
fn a_difference_is_shown_without_secrets_before_it_is_applied() {
    let provider = Provider::start();
    let key = KeyPair::generate(2048);
    let sidecar = start(&provider, &key);
    let admin = sidecar.admin.to_string();
    let (code, said) = diff(&sidecar, &["--against", &admin]);
    assert_eq!((code, said.contains("nothing changes")), (Some(0), true), "{said}");

    fs::copy(sidecar.file("countersign.toml"), sidecar.file("old.toml")).expect("copied");
    fs::write(sidecar.file("token"), "another-canary-token").expect("written");
    let other = config(&provider).replace("app-4711", "app-4712")
        + "[account.limits]\nrate = \"5/s\"\n"
        + &format!(
            "[[account]]\nname = \"new\"\nprovider = \"bluepay\"\napp_id = \"n\"\n\
             base_url = \"http://127.0.0.1:9\"\n\
             signing_key = [{{ id = \"n\", private_key = {{ file = {:?} }} }}]\n",
            KeyPair::provider().private()
        );
    sidecar.configure(&other);
    let (code, said) = diff(&sidecar, &["--against", &admin]);
    assert_eq!(code, Some(0), "{said}");
    for line in [
        "+ account new\n",
        "~ account.shop.app.tokens[0]: changed\n",
        "~ account.shop.app_id = \"app-4711\" -> \"app-4712\"\n",
        "+ account.shop.limits.rate = \"5/s\"\n",
    ] {
        assert!(said.contains(line), "`{line}` is missing from:\n{said}");
    }
    assert!(!said.contains("canary"), "{said}");
    let shown = crate::support::http::get(sidecar.admin, "/config").text();
    assert!(!shown.contains("canary"), "{shown}");

    let report = sidecar.run_json(&["diff", "--against", "old.toml", "--json"]);
    assert_eq!(report["accounts_added"], json!(["new"]), "{report:#}");
    assert_eq!(report["accounts_changed"], json!(["shop"]), "{report:#}");
    assert_eq!(reload(&sidecar).status, 200);
    let (_, said) = diff(&sidecar, &["--against", &admin]);
    assert!(said.contains("nothing changes"), "it is applied now: {said}");
}

#[test]
fn the_exit_code_shows_what_would_be_refused() {
    let provider = Provider::start();
    let sidecar = start(&provider, &KeyPair::generate(2048));
    let admin = sidecar.admin.to_string();
    sidecar.configure(&config(&provider).replace("level = \"trace\"", "level = \"info\""));
    let (code, said) = diff(&sidecar, &["--against", &admin]);
    assert_eq!(code, Some(1), "{said}");
    assert!(said.contains("! log.level needs a restart"), "{said}");
    sidecar.configure(&config(&provider).replace("app_id", "ap_id"));
    let (code, said) = diff(&sidecar, &["--against", &admin]);
    assert_eq!(code, Some(1));
    assert!(said.contains("account.shop.ap_id: unknown key"), "{said}");
    sidecar.configure(&config(&provider));
    let (code, said) = diff(&sidecar, &["--against", "127.0.0.1:1"]);
    assert_eq!(code, Some(1));
    assert!(said.contains("127.0.0.1:1 does not answer"), "{said}");
}

#[test]
fn a_replaced_key_is_part_of_the_difference_and_secrets_cannot_be_guessed() {
    let provider = Provider::start();
    let sidecar = start(&provider, &KeyPair::generate(2048));
    fs::copy(KeyPair::provider().private(), sidecar.file("key")).expect("copied");
    let admin = sidecar.admin.to_string();
    let report = sidecar.run_json(&["diff", "--against", &admin, "--json"]);
    let path = "account.shop.signing_key.k1.private_key";
    assert_eq!(report["changes"][0]["path"], path, "{report:#}");
    assert_eq!(report["changes"][0]["after"], json!({ "file": "key" }), "{report:#}");
    assert_eq!(report["not_compared"], json!(["account.shop.app.tokens[0]"]), "{report:#}");
}

#[test]
fn the_keys_are_listed_with_their_state_and_last_use() {
    let provider = Provider::start();
    let sidecar = start(&provider, &KeyPair::generate(2048));
    let next = KeyPair::provider().private();
    let config = config(&provider).replace(
        "[account.app]",
        &format!(
            "[[account.signing_key]]\nid = \"k2\"\nprivate_key = {{ file = {next:?} }}\n\
             not_before = 2099-01-01T00:00:00Z\n[account.app]"
        ),
    );
    // Callers need a token here, and `call` has none.
    sidecar.configure(&config.replace("tokens = [{ file = \"token\" }]", ""));
    assert_eq!(reload(&sidecar).status, 200);
    call(&sidecar);
    let admin = sidecar.admin.to_string();
    let list = || sidecar.run_json(&["keys", "--admin", &admin, "--json"]);
    let keys = list()["accounts"][0]["signing_keys"].clone();
    let states = |index: usize| -> [Value; 3] {
        ["id", "state", "signs_now"].map(|member| keys[index][member].clone())
    };
    assert_eq!(states(0), [json!("k1"), json!("usable"), json!(true)]);
    assert_eq!(states(1), [json!("k2"), json!("not_yet"), json!(false)]);
    assert!(keys[0]["last_used"].is_string(), "{keys:#}");
    assert!(keys[1]["last_used"].is_null(), "{keys:#}");

    fs::copy(&next, sidecar.file("key")).expect("another key under the same id");
    sidecar.configure(
        &config
            .replace("tokens = [{ file = \"token\" }]", "")
            .replace("not_before = 2099-01-01T00:00:00Z", "not_after = 2020-01-01T00:00:00Z"),
    );
    let refused = command(&["keys", "list", "--config", "countersign.toml", "--admin", "nowhere"])
        .current_dir(sidecar.file(""))
        .output()
        .expect("the program runs");
    assert_eq!(refused.status.code(), Some(2), "an invalid address is wrong usage");
    let keys = list()["accounts"][0]["signing_keys"].clone();
    assert!(keys[0]["last_used"].is_null(), "the key in the file was never used: {keys:#}");
    assert_eq!(keys[1]["state"], "ended");
}
