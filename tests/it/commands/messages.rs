//! Commands about one message: `sign`, `verify`, `explain`. openssl is the second opinion.

use std::path::{Path, PathBuf};
use std::process::Command;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use super::{json, run, run_with};
use crate::support::http::post;
use crate::support::openssl::KeyPair;
use crate::support::{ConfigBuilder, Provider, Sidecar};

const PAYOUT: &str = r#"{"mchOrderId":"INV\u002d1", "amount":50020,"payMethodCode":"PROMPTPAY","promptpayAccountType":"MSISDN","accountNo":"0812345678","extra":1.50}"#;

fn text(path: &Path) -> &str {
    path.to_str().expect("a plain name")
}

fn member<'a>(value: &'a Value, name: &str) -> &'a str {
    value[name].as_str().unwrap_or_else(|| panic!("`{name}` should be text: {value:#}"))
}

/// `param` signed and posted as a provider would, by openssl.
fn notification(key: &str, param: &str) -> String {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("param");
    std::fs::write(&file, param).expect("written");
    let arguments = ["dgst", "-sha256", "-sign", key, text(&file)];
    let signed = Command::new("openssl").args(arguments).output().expect("openssl runs");
    assert!(signed.status.success(), "{signed:?}");
    json!({ "sign": STANDARD.encode(signed.stdout), "param": param }).to_string()
}

#[test]
fn openssl_verifies_what_sign_signs() {
    let pair = KeyPair::merchant();
    let key = pair.private();
    let arguments = ["sign", "--key", text(&key), "--app-id", "app-1"];
    let parameters = r#"{"b": 1.10,"a":"ก\u0e01\/"}"#;
    let envelope = json(&run_with(&arguments, &format!(" {parameters}\n")).done());
    assert_eq!(member(&envelope, "appId"), "app-1");
    assert_eq!(member(&envelope, "param"), parameters, "byte for byte, blanks around it apart");
    assert!(pair.verifies("sha256", parameters.as_bytes(), member(&envelope, "sign")));

    let report = run_with(&[&arguments[..], &["--json"]].concat(), parameters).json();
    assert_eq!(json(member(&report, "envelope")), envelope, "PKCS#1 v1.5 has no randomness");
    assert_eq!((member(&report, "text"), &report["bytes"]), (parameters, &json!(parameters.len())));
    assert_eq!((member(&report, "hash"), &report["url"]), ("sha256", &Value::Null));
    let shown = run(&["keys", "show", text(&key), "--json"]).json();
    assert_eq!(report["key"], shown["fingerprint"]);

    let raw = json(&run_with(&[&arguments[..], &["--raw"]].concat(), "{}\n").done());
    assert_eq!(member(&raw, "param"), "{}\n");
}

#[test]
fn an_operation_is_signed_in_the_same_way_as_by_the_sidecar() {
    let provider = Provider::start();
    let config = ConfigBuilder::new(&provider.base_url());
    let sidecar = Sidecar::start(&config);
    let folder = tempfile::tempdir().expect("a folder");
    let (file, input) = (folder.path().join("mine.toml"), folder.path().join("payout.json"));
    std::fs::write(&file, config.text()).expect("written");
    std::fs::write(&input, PAYOUT).expect("written");

    assert_eq!(post(sidecar.app, "/shop/payout_create", PAYOUT).status, 200);
    let (app_id, _, param) = provider.last().envelope();
    let at = ["sign", "--config", text(&file), "--account", "shop", "--file", text(&input)];
    for name in ["payout_create", "/open-api/disbursement/transfer"] {
        let report = run(&[&at[..], &["--json", "--operation", name]].concat()).json();
        let envelope = json(member(&report, "envelope"));
        assert_eq!(member(&envelope, "appId"), app_id);
        assert_eq!(
            without_timestamp(member(&envelope, "param")),
            without_timestamp(&param),
            "the same members in the same order, byte for byte"
        );
        let url = format!("{}/open-api/disbursement/transfer", provider.base_url());
        assert_eq!(member(&report, "url"), url);
    }
    let ran = run(&[&at[..], &["--operation", "payout_create"]].concat());
    assert_eq!(ran.code, 0, "{ran:#?}");
    assert_eq!(ran.stdout.lines().count(), 1, "the envelope alone: {}", ran.stdout);
    assert!(ran.stderr.contains("/open-api/disbursement/transfer"), "and its destination");
}

/// `param` with the digits of its timestamp masked; the timestamp must be current.
fn without_timestamp(param: &str) -> String {
    let timestamp = json(param)["timestamp"].as_i64().expect("a number").to_string();
    assert_eq!(timestamp.len(), 13, "milliseconds: {timestamp}");
    param.replace(&timestamp, "0")
}

#[test]
fn parameters_that_break_the_rules_are_not_signed() {
    let arguments = ["sign", "--account", "demo", "--operation", "payout_create"];
    let ran = run_with(&arguments, r#"{"mchOrderId":"A","amount":500.20,"accountNo":"1"}"#);
    ran.complained(1, "the parameters break the rules of `payout_create`");
    for words in ["`amount` is `500.20`", "`payMethodCode` is missing"] {
        assert!(ran.stderr.contains(words), "all at once: {}", ran.stderr);
    }
    for (input, words) in [
        ("", "empty"),
        ("[]", "a JSON object"),
        (r#"{"a":1,"a":2}"#, "member `a` appears twice"),
        (r#"{"a":1} x"#, "at byte 8"),
    ] {
        run_with(&["sign", "--account", "demo"], input).complained(1, words);
    }
    let public = ["sign", "--key", "config/demo/merchant.pub", "--app-id", "x"];
    run_with(&public, "{}").complained(1, "a public key was given, expected a private key");
    run(&["sign", "--account", "demo", "--file", "no/such.json"])
        .complained(1, "message file `no/such.json`: No such file");
}

#[test]
fn a_configuration_with_mistakes_signs_nothing() {
    let ran = run_with(&["sign", "--account", "a", "--config", "no/such.toml"], "{}");
    ran.complained(1, "configuration file `no/such.toml`");
    let folder = tempfile::tempdir().expect("a folder");
    let file: PathBuf = folder.path().join("mine.toml");
    std::fs::write(&file, "[[account]]\nname = \"a\"\n").expect("written");
    let ran = run_with(&["verify", "--account", "a", "--config", text(&file)], "{}");
    ran.complained(1, "mistakes\n  account.a.provider: ");
}

#[test]
fn an_account_verifies_its_own_requests() {
    let envelope = run_with(&["sign", "--account", "demo"], r#"{"a":1}"#).done();
    let verdict = run_with(&["verify", "--account", "demo", "--json"], &envelope).json();
    assert_eq!((&verdict["verified"], member(&verdict, "message")), (&json!(true), "request"));
    assert_eq!(member(&verdict, "key"), "signing_key.demo");
    let explained = run_with(&["explain", "--account", "demo"], &envelope).done();
    assert!(explained.starts_with("the signature verifies\n"), "{explained}");
    assert!(explained.contains("\n{\"a\":1}\n"), "the signed text is shown: {explained}");
}

#[test]
fn an_account_verifies_the_providers_notifications() {
    let param = r#"{"eventName":"disbursement.success", "mchOrderId":"A"}"#;
    let good = notification("config/demo/provider.pem", param);
    let verdict = run_with(&["verify", "--account", "demo", "--json"], &good).json();
    assert_eq!((&verdict["verified"], member(&verdict, "message")), (&json!(true), "notification"));
    assert_eq!(member(&verdict, "key"), "provider_key.demo");
    let with_file = run_with(&["verify", "--key", "config/demo/provider.pub"], &good).done();
    assert!(with_file.starts_with("signed by config/demo/provider.pub  sha256:"), "{with_file}");

    for bad in [
        good.replace("success", "failed"),
        notification("config/demo/merchant.pem", param),
        "{}".into(),
        "not JSON".into(),
        String::new(),
    ] {
        let ran = run_with(&["verify", "--account", "demo", "--json"], &bad);
        assert_eq!((ran.code, ran.stderr.as_str()), (1, ""), "{bad}");
        let verdict = json(&ran.stdout);
        assert_eq!((&verdict["verified"], &verdict["key"]), (&json!(false), &Value::Null));
    }
}

#[test]
fn explain_names_the_near_miss() {
    let own = notification("config/demo/merchant.pem", r#"{"a":1}"#);
    let ran = run_with(&["explain", "--account", "demo", "--json"], &own);
    assert_eq!((ran.code, ran.stderr.as_str()), (1, ""));
    let explanation = json(&ran.stdout);
    assert_eq!(explanation["verified"], false);
    assert_eq!(explanation["near_misses"][0]["key"], "signing_key.demo", "{explanation:#}");
    assert_eq!(explanation["near_misses"][0]["role"], "other");

    let line_end = notification("config/demo/provider.pem", "{\"a\":1}\n").replace(r"\n", "");
    let ran = run_with(&["explain", "--key", "config/demo/provider.pub"], &line_end);
    assert_eq!(ran.code, 1);
    assert!(ran.stdout.contains("a line feed followed the text"), "{}", ran.stdout);
}
