//! Accounts that conflict with each other.

use super::{loaded, mistakes};

const DEMO_KEY: &str = "config/demo/merchant.pem";
/// Another key that belongs to no account: good enough for the tests.
const OTHER_KEY: &str = "config/demo/provider.pem";

struct Entry {
    name: &'static str,
    base_url: &'static str,
    app_id: &'static str,
    key: &'static str,
    more: &'static str,
}

const DEMO: Entry = Entry {
    name: "demo",
    base_url: "http://127.0.0.1:8700",
    app_id: "app-a",
    key: DEMO_KEY,
    more: "",
};

fn text(entries: &[Entry]) -> String {
    let account = |entry: &Entry| {
        let Entry { name, base_url, app_id, key, more } = entry;
        format!(
            "[[account]]\nname = \"{name}\"\nprovider = \"bluepay\"\nbase_url = \"{base_url}\"\n\
             app_id = \"{app_id}\"\nsigning_key = [{{ id = \"a\", private_key = {{ file = \"{key}\" }} }}]\n{more}\n"
        )
    };
    entries.iter().map(account).collect()
}

#[test]
fn the_same_name_or_token_twice_is_refused() {
    let more = "app = { tokens = [{ file = \"config/demo/app-token\" }] }";
    let found = mistakes(&text(&[Entry { more, ..DEMO }, Entry { more, ..DEMO }]));
    insta::assert_snapshot!(found, @r#"
account[1].name: `demo` is also `account.demo.name`, expected a name of its own
account[1].app.tokens[0]: the same token as `account.demo.app.tokens[0]`, expected one of its own
"#);
}

#[test]
fn a_former_name_leads_to_one_account() {
    let named = |name, more| Entry { name, more, ..DEMO };
    let fits = loaded(&text(&[DEMO, named("shop-th", "formerly = [\"shop\", \"old\"]")]));
    let account = |name: &str| fits.snapshot.account(name).map(|account| account.name.clone());
    assert_eq!(account("shop").as_deref(), Some("shop-th"));
    assert_eq!(account("demo").as_deref(), Some("demo"));
    assert_eq!(account("nobody"), None);
    let found = mistakes(&text(&[
        named("a", "formerly = [\"b\", \"a\", \"old\", \"old\", \"Old\"]"),
        named("b", "formerly = [\"old\"]"),
    ]));
    insta::assert_snapshot!(found, @r#"
account.a.formerly[4]: found `"Old"`, expected lower-case letters, digits and `-`, not beginning with `-`, at most 63 characters
account.a.formerly[0]: `b` is also `account.b.name`, expected a name that no account has and that is listed once
account.a.formerly[1]: `a` is also `account.a.name`, expected a name that no account has and that is listed once
account.a.formerly[3]: `old` is also `account.a.formerly[2]`, expected a name that no account has and that is listed once
account.b.formerly[0]: `old` is also `account.a.formerly[2]`, expected a name that no account has and that is listed once
"#);
}

#[test]
fn one_key_or_application_at_two_hosts_is_refused() {
    let other_host = Entry { name: "other", base_url: "http://localhost:8700", ..DEMO };
    insta::assert_snapshot!(mistakes(&text(&[DEMO, other_host])), @r#"
account.other.app_id: the same application id as in `account.demo`, which has another provider host; expected one of its own
account.other.signing_key[0].private_key: the same key as in `account.demo`, which has another provider host; expected one of its own
"#);
}

#[test]
fn two_accounts_at_one_host_may_share() {
    loaded(&text(&[DEMO, Entry { name: "other", base_url: "http://127.0.0.1:8701", ..DEMO }]));
}

#[test]
fn live_and_test_share_nothing() {
    let test = Entry { more: "environment = \"test\"", ..DEMO };
    let live = Entry { name: "live", more: "environment = \"live\"", ..DEMO };
    insta::assert_snapshot!(mistakes(&text(&[test, live])), @r#"
account.live.base_url: a loopback host in a live account, expected the provider's https address
account.live.base_url: the same host as in `account.demo`, which is of another environment; expected a host of its own
account.live.app_id: the same application id as in `account.demo`, which is of another environment; expected one of its own
account.live.signing_key[0].private_key: the same key as in `account.demo`, which is of another environment; expected one of its own
"#);
}

#[test]
fn demo_keys_stay_on_loopback() {
    let more =
        "provider_key = [{ id = \"a\", public_key = { file = \"config/demo/provider.pub\" } }]";
    let real = Entry { base_url: "https://api.example.com", more, ..DEMO };
    insta::assert_snapshot!(mistakes(&text(&[real])), @r#"
account.demo.signing_key[0].private_key: the published demo key, expected a key of your own: everyone has the demo key, so it works towards loopback hosts only
account.demo.provider_key[0].public_key: the published demo key, expected a key of your own: everyone has the demo key, so it works towards loopback hosts only
"#);
}

#[test]
fn our_own_key_is_not_accepted_as_the_providers() {
    let more =
        "provider_key = [{ id = \"a\", public_key = { file = \"config/demo/merchant.pub\" } }]";
    let other = Entry { name: "other", app_id: "app-b", key: OTHER_KEY, more, ..DEMO };
    insta::assert_snapshot!(mistakes(&text(&[DEMO, other])), @r#"
account.other.provider_key[0].public_key: the public half of `account.demo.signing_key[0].private_key`, expected the key that the provider signs with
"#);
}
