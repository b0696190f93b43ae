//! Secrets in the configuration, its environment or its files are never shown.

use std::fs;

use super::{ACCOUNT, load_with, loaded};
use crate::config::demo;

const CANARY: &str = "canary-canary-canary";
/// `whsec_` and the base64 of 26 bytes that begin with `canary`.
const CANARY_SECRET: &str = "whsec_Y2FuYXJ5Y2FuYXJ5Y2FuYXJ5Y2FuYXJ5Y2E=";

#[test]
fn no_secret_shows_in_the_redacted_configuration_or_in_debug_output() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("token");
    fs::write(&file, format!("{CANARY}-in-a-file")).expect("written");
    let text = format!(
        "{}\nsigning_key = [{{ id = \"a\", private_key = '''{}''' }}]\n\
         app = {{ tokens = [\"{CANARY}\", {{ env = \"TOKEN\" }}, {{ file = \"{}\" }}] }}\n\
         delivery = {{ url = \"http://127.0.0.1:1/\", secret = \"{CANARY_SECRET}\" }}",
        ACCOUNT.split("signing_key").next().expect("the account's first keys"),
        demo::MERCHANT_PRIVATE_KEY,
        file.display(),
    );
    let environment = [("TOKEN", "canary-canary-in-the-environment")];
    let loaded = load_with(&text, &environment).expect("a valid configuration");
    let account = &loaded.snapshot.accounts["shop-th"];
    let key = demo::MERCHANT_PRIVATE_KEY.lines().nth(3).expect("a line of the key");

    assert_eq!(account.app.tokens.len(), 3, "all tokens should have been read");
    for shown in [
        loaded.snapshot.redacted.to_string(),
        format!("{:?} {:?} {:?}", account.app, account.delivery, account.target),
        format!("{:?}", loaded.boot),
        loaded.warnings.join("\n"),
    ] {
        for secret in [CANARY, "canary-canary-in-the-environment", CANARY_SECRET, key] {
            assert!(!shown.contains(secret), "a secret shows: {shown}");
        }
    }
    let tokens = &loaded.snapshot.redacted["account"][0]["app"]["tokens"];
    let expected = serde_json::json!(["[redacted]", { "env": "TOKEN" }, { "file": file }]);
    assert_eq!(*tokens, expected, "references are shown as references, literals are not shown");
}

#[test]
fn no_secret_shows_in_a_mistake() {
    let texts = [
        format!("signing_key = [{{ id = \"a\", private_key = \"{CANARY}\" }}]"),
        format!("signing_key = [{{ id = \"a\", private_key = [\"{CANARY}\"] }}]"),
        format!("signing_key = [{{ id = \"a\", private_key = {{ file = \"-----{CANARY}\" }} }}]"),
        format!("signing_key = [{{ id = \"a\", private_key = {{ env = \"{CANARY}=\" }} }}]"),
        format!("signing_key = \"{CANARY}\"\nprivate_key = \"{CANARY}\""),
        format!("app = {{ tokens = [\"{CANARY} {CANARY}\"], tokem = \"{CANARY}\" }}"),
        format!("app = \"whsec_{CANARY}\""),
        format!(
            "delivery = {{ url = \"https://u:{CANARY}@example.com\", secret = \"whsec_{CANARY}\" }}"
        ),
        format!("delivery = {{ secret = {{ file = \"whsec_{CANARY}\" }} }}"),
        format!("provider_key = [{{ id = \"a\", public_key = \"-----BEGIN {CANARY}\" }}]"),
        format!("tls = {{ client_key = \"{CANARY}\" }}"),
        format!("base_url = \"https://u:{CANARY}@example.com\""),
        format!("app = {{ tokens = [\"{CANARY}\" \"{CANARY}\"] }}"),
        format!("app = {{ tokens = [{CANARY}] }}"),
    ];
    for text in texts {
        // The test's lines replace the account's own.
        let key = text.split(' ').next().expect("a key");
        let kept: Vec<&str> = ACCOUNT.lines().filter(|line| !line.starts_with(key)).collect();
        let refused = load_with(&format!("{}\n{text}", kept.join("\n")), &[]);
        let mistakes = refused.err().unwrap_or_else(|| panic!("should be refused: {text}"));
        for mistake in mistakes {
            let shown = mistake.to_string();
            assert!(!shown.contains(CANARY), "a secret shows for `{text}`: {shown}");
        }
    }
}

#[test]
fn a_wrong_value_behind_a_reference_is_not_shown() {
    let environment = [("WRONG", CANARY)];
    let text =
        format!("{ACCOUNT}\ncurrency = {{ env = \"WRONG\" }}\nlimits.rate = {{ env = \"WRONG\" }}");
    let mistakes = load_with(&text, &environment).err().expect("refused");
    assert_eq!(mistakes.len(), 2);
    for mistake in mistakes {
        assert!(!mistake.problem.contains(CANARY), "the value shows: {mistake}");
    }
}

#[test]
fn the_redacted_configuration_shows_what_is_not_secret() {
    let redacted = loaded(ACCOUNT).snapshot.redacted;
    insta::assert_snapshot!(format!("{redacted:#}"), @r#"
{
  "account": [
    {
      "name": "shop-th",
      "provider": "bluepay",
      "base_url": "http://127.0.0.1:8700",
      "app_id": "countersign-demo-app",
      "signing_key": [
        {
          "id": "demo",
          "private_key": {
            "file": "config/demo/merchant.pem"
          }
        }
      ]
    }
  ]
}
"#);
}
