//! The ways in which a change is noticed, and the messages about a refused one.

use std::fs;

use rustix::process::Signal;

use super::{UNASKED_OFF, last_was_successful, reload, reloads, signs, start, text};
use crate::support::http;
use crate::support::openssl::KeyPair;
use crate::support::{ConfigBuilder, Provider, wait_until};

const WATCH_ONLY: &str = "[reload]\npoll = \"off\"\n";
const POLL_ONLY: &str = "[reload]\nwatch = false\npoll = \"200ms\"\n";

/// A configuration whose key is the file `keys/key` in the sidecar's folder.
fn config(provider: &Provider) -> ConfigBuilder {
    let key = "[[account.signing_key]]\nid = \"k\"\nprivate_key = { file = \"keys/key\" }";
    ConfigBuilder::new(&provider.base_url()).only_signing_key(key)
}

/// A sidecar with that configuration and `key`.
fn start_with(reload: &str, provider: &Provider, key: &KeyPair) -> crate::support::Sidecar {
    let folder = tempfile::tempdir().expect("a folder");
    fs::create_dir(folder.path().join("keys")).expect("made");
    fs::copy(key.private(), folder.path().join("keys/key")).expect("copied");
    fs::write(folder.path().join("countersign.toml"), text(reload, &config(provider)))
        .expect("written");
    crate::support::Sidecar::start_in(folder)
}

#[test]
fn writes_renames_and_recreated_folders_are_noticed_by_watching_alone() {
    let provider = Provider::start();
    let keys = [(); 3].map(|()| KeyPair::generate(2048));
    let sidecar = start_with(WATCH_ONLY, &provider, &keys[0]);
    let file = sidecar.file("keys/key");

    fs::copy(keys[1].private(), &file).expect("written in place");
    wait_until("the key that was written in place", || signs(&sidecar, &provider, &keys[1]));

    fs::copy(keys[2].private(), sidecar.file("keys/new")).expect("copied");
    fs::rename(sidecar.file("keys/new"), &file).expect("renamed");
    wait_until("the key that was renamed", || signs(&sidecar, &provider, &keys[2]));

    let failures = reloads(&sidecar, "failure");
    fs::remove_dir_all(sidecar.file("keys")).expect("removed");
    wait_until("a failure", || reloads(&sidecar, "failure") > failures);
    assert!(signs(&sidecar, &provider, &keys[2]), "the previous key stays in use");
    fs::create_dir(sidecar.file("keys")).expect("made");
    fs::copy(keys[0].private(), &file).expect("copied");
    wait_until("the key in the new folder", || signs(&sidecar, &provider, &keys[0]));

    fs::copy(keys[1].private(), &file).expect("written in place");
    wait_until("a change in the new folder", || signs(&sidecar, &provider, &keys[1]));
}

#[test]
fn a_poll_alone_notices_changes_and_counts_nothing_otherwise() {
    let provider = Provider::start();
    let keys = [(); 2].map(|()| KeyPair::generate(2048));
    let sidecar = start_with(POLL_ONLY, &provider, &keys[0]);
    fs::copy(keys[1].private(), sidecar.file("keys/key")).expect("written in place");
    wait_until("the other key", || signs(&sidecar, &provider, &keys[1]));
    let logged = |text: &str| sidecar.log().join("\n").contains(text);
    wait_until("the line about it", || logged(r#""trigger":"poll""#));
    std::thread::sleep(std::time::Duration::from_secs(1));
    assert_eq!((reloads(&sidecar, "success"), reloads(&sidecar, "unchanged")), (1, 0));
}

#[test]
fn a_hangup_reloads_and_says_so_in_the_log() {
    let provider = Provider::start();
    let keys = [(); 2].map(|()| KeyPair::generate(2048));
    let sidecar = start_with(UNASKED_OFF, &provider, &keys[0]);
    sidecar.signal(Signal::HUP);
    wait_until("an unchanged reload", || reloads(&sidecar, "unchanged") == 1);
    fs::copy(keys[1].private(), sidecar.file("keys/key")).expect("written in place");
    assert!(signs(&sidecar, &provider, &keys[0]), "no reload was requested");
    sidecar.signal(Signal::HUP);
    wait_until("the other key", || signs(&sidecar, &provider, &keys[1]));
    let logged = |text: &str| sidecar.log().join("\n").contains(text);
    wait_until("the line about it", || logged(r#""trigger":"signal""#));
    wait_until("the line about the key", || logged("another key under the same id"));
}

#[test]
fn a_request_reloads_and_answers_with_the_result() {
    let provider = Provider::start();
    let sidecar = start(&text(UNASKED_OFF, &ConfigBuilder::new(&provider.base_url())));
    assert_eq!(reload(&sidecar).json()["result"], "unchanged");
    let before = http::get(sidecar.admin, "/config").json();

    let two_mistakes = ConfigBuilder::new("ftp://nowhere").account("frob = 1");
    sidecar.configure(&text(UNASKED_OFF, &two_mistakes));
    let refused = reload(&sidecar);
    assert_eq!(refused.status, 422, "{}", refused.text());
    let said = refused.json();
    assert_eq!((&said["result"], &said["trigger"]), (&"failure".into(), &"request".into()));
    let paths: Vec<_> = said["mistakes"]
        .as_array()
        .expect("a list")
        .iter()
        .map(|mistake| mistake["path"].as_str().expect("a path"))
        .collect();
    assert_eq!(paths, ["account.shop.frob", "account.shop.base_url"], "{said:#}");
    let after = http::get(sidecar.admin, "/config").json();
    assert_eq!(after["hash"], before["hash"]);
    assert_eq!(after["last_reload"]["mistakes"], said["mistakes"]);
    let ready = http::get(sidecar.admin, "/readyz");
    assert_eq!(ready.status, 200);
    assert_eq!(ready.json()["reload"]["mistakes"], said["mistakes"]);
    assert!(!last_was_successful(&sidecar));

    let more = ConfigBuilder::new(&provider.base_url()).account("currency = \"THB\"");
    sidecar.configure(&text(UNASKED_OFF, &more));
    let taken = reload(&sidecar);
    assert_eq!((taken.status, &taken.json()["result"]), (200, &"success".into()));
    assert!(last_was_successful(&sidecar));
    let origin = [("Origin", "https://evil.example")];
    http::post_with(sidecar.admin, "/reload", &origin, b"").problem("unauthorized", 401);
    let answer = http::get(sidecar.admin, "/reload");
    assert_eq!((answer.status, answer.header("allow")), (405, Some("POST")));
}

#[test]
fn changes_that_need_a_restart_are_named_and_nothing_is_applied() {
    let provider = Provider::start();
    let config = ConfigBuilder::new(&provider.base_url());
    let sidecar = start(&text(UNASKED_OFF, &config));
    let other = text(UNASKED_OFF, &config)
        .replace("name = \"shop\"", "name = \"other\"")
        .replace("level = \"trace\"", "level = \"info\"")
        .replace("[log]", "[store]\nurl = \"sqlite:other.db\"\n[log]");
    sidecar.configure(&other);
    let refused = reload(&sidecar);
    assert_eq!(refused.status, 422);
    let said = refused.json();
    let paths: Vec<_> = said["mistakes"].as_array().expect("a list").iter().collect();
    assert_eq!(
        paths.iter().map(|it| it["path"].as_str().expect("a path")).collect::<Vec<_>>(),
        ["log.level", "store.url"]
    );
    assert!(paths[1]["problem"].as_str().expect("text").contains("needs a restart"), "{said:#}");
    super::call(&sidecar);
}

#[test]
fn a_key_is_not_used_without_the_configuration_that_names_its_fingerprint() {
    let provider = Provider::start();
    let keys = [(); 2].map(|()| KeyPair::generate(2048));
    let fingerprint = |key: &KeyPair| {
        let shown = crate::support::sidecar::command(&["keys", "show", "--json"])
            .arg(key.private())
            .output()
            .expect("the program runs");
        let shown: serde_json::Value = serde_json::from_slice(&shown.stdout).expect("JSON");
        shown["fingerprint"].as_str().expect("text").to_owned()
    };
    let pinned = |key: &KeyPair| {
        let lines = format!(
            "[[account.signing_key]]\nid = \"k\"\nprivate_key = {{ file = \"keys/key\" }}\n\
             fingerprint = \"{}\"",
            fingerprint(key)
        );
        let config = ConfigBuilder::new(&provider.base_url()).only_signing_key(&lines);
        text(UNASKED_OFF, &config)
    };
    let folder = tempfile::tempdir().expect("a folder");
    fs::create_dir(folder.path().join("keys")).expect("made");
    fs::copy(keys[0].private(), folder.path().join("keys/key")).expect("copied");
    fs::write(folder.path().join("countersign.toml"), pinned(&keys[0])).expect("written");
    let sidecar = crate::support::Sidecar::start_in(folder);

    fs::copy(keys[1].private(), sidecar.file("keys/key")).expect("the key comes first");
    assert_eq!(reload(&sidecar).status, 422);
    assert!(signs(&sidecar, &provider, &keys[0]));
    sidecar.configure(&pinned(&keys[1]));
    assert_eq!(reload(&sidecar).status, 200);
    assert!(signs(&sidecar, &provider, &keys[1]));
}
