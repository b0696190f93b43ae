//! Broken configurations with the exact list of mistakes for each.

use super::{ACCOUNT, mistakes};

/// Name of the case, text before the account, text added to the account.
const CASES: &[(&str, &str, &str)] = &[
    (
        "unknown keys, with the one that was meant",
        "lisen = 1\n[log]\nlevle = \"info\"\n[listen]\n\"a b\" = 1",
        "frobnicate = 1\nlimits = { rat = \"50/s\" }\ntimeouts = { \"to\\ntal\" = \"1s\" }",
    ),
    (
        "wrong types everywhere",
        "store = 5\n[listen]\napp = true\nnotify = [\"x\"]\n[log]\nformat = 1\nlevel = { a = 1 }",
        "answer = 1\ntimezone = 7\napp = { tokens = \"abc\", uids = [\"me\", -1, 1.5] }\nlimits = []\n\
         retry = { attempts = \"3\" }\noperation = { payment_void = \"/x\", qr_cancel = { confirmed = \"no\" } }\n\
         provider_key = { id = \"a\" }",
    ),
    (
        "values outside what is allowed",
        "[log]\nformat = \"xml\"\nlevel = \"verbose\"\n[store]\nurl = \"mysql://db\"\n\
         [listen]\napp = \"localhost:8600\"\nadmin = \"unix:x\"",
        "environment = \"prod\"\ncurrency = \"BHT\"\ntimezone = \"Asia/Bangkok\"\nanswer = \"raw\"\n\
         notify_url = \"http://pay.example.com\"\n\
         limits = { rate = \"50/d\", burst = 0, on_excess = \"drop\", max_wait = \"2\", in_flight = 1000000 }\n\
         timeouts = { connect = 2, send = \"0s\", total = \"1w\" }\n\
         retry = { attempts = 0, resolve_for = \"2 m\" }\n\
         delivery = { url = \"app:9000\", format = \"xml\", retry_for = \"1y\" }",
    ),
    ("a phase longer than the whole", "", "timeouts = { connect = \"6s\", total = \"5s\" }"),
    ("a delivery without its address", "", "delivery = { format = \"plain\" }"),
    (
        "references that lead nowhere",
        "",
        "currency = { env = \"NOT_SET\" }\ntimezone = { env = \"not a name\" }\n\
         answer = { file = \"no/such/file\" }\nnotify_url = { file = \"config\" }\n\
         environment = { env = \"A\", file = \"b\" }\nlimits = { rate = { path = \"x\" } }",
    ),
    (
        "keys that are no keys, and the other half",
        "",
        "provider_key = [\n\
           { id = \"a\", public_key = { file = \"config/demo/app-token\" } },\n\
           { id = \"b\", public_key = { file = \"config/demo/merchant.pem\" } },\n\
           { id = \"b\", public_key = \"AAAA\" },\n\
           { id = \"not an id\" },\n\
         ]",
    ),
    (
        "certificates without keys, keys without certificates, neither readable",
        "[listen]\nnotify = { address = \"0.0.0.0:8601\", cert = { file = \"config/demo/merchant.pub\" } }\n\
         admin = { key = \"x\", port = 1 }",
        "tls = { ca = \"none\", client_key = { file = \"config/demo/merchant.pub\" } }",
    ),
    (
        "a key that is not the certificate's, on a unix socket",
        "[listen]\napp = { address = \"unix:/run/a.sock\", cert = { file = \"tests/data/config/tls.pem\" }, \
         key = { file = \"config/demo/merchant.pem\" } }",
        "",
    ),
    (
        "listeners in each other's way",
        "[listen]\napp = \"127.0.0.1:8600\"\nnotify = \"0.0.0.0:8600\"\nadmin = \"127.0.0.1:8600\"",
        "",
    ),
    (
        "an open listener without tokens",
        "[listen]\napp = \"0.0.0.0:8600\"",
        "app = { uids = [1000] }",
    ),
    ("user ids on TCP alone", "", "app = { uids = [1000] }"),
    ("a short token", "", "app = { tokens = [\"short\", { file = \"config/demo/app-token\" }] }"),
    (
        "operations the profile does not have",
        "",
        "operation = { payment_viod = { path = \"void\" }, balance = { pth = \"/x\" } }",
    ),
    (
        "limits of operations the profile does not have, without a rate; money of another currency",
        "",
        "currency = \"THB\"\n\
         limits = { money_per_hour = \"5 USD\", operation = { payout_crate = { burst = 1 }, balance = { rate = 1 } } }\n\
         circuit = { failures = -1, open_for = \"1ms\" }\ncorrect_clock = \"yes\"",
    ),
    ("money that is not exact", "", "limits = { money_per_hour = \"1000.005 THB\" }"),
    (
        "a delivery secret of the wrong form",
        "",
        "delivery = { url = \"http://127.0.0.1:1\", secret = \"hush\" }",
    ),
];

#[test]
fn every_mistake_is_reported_at_once_with_its_path_and_what_is_allowed() {
    let mut report = String::new();
    for (name, before, within) in CASES {
        let found = mistakes(&format!("{before}\n{ACCOUNT}\n{within}"));
        report += &format!("## {name}\n{found}\n");
    }
    insta::assert_snapshot!(report);
}

#[test]
fn an_empty_file_lacks_an_account_and_an_empty_account_lacks_what_it_needs() {
    insta::assert_snapshot!(mistakes(""), @r#"
account: nothing found, expected at least one `[[account]]`
"#);
    insta::assert_snapshot!(mistakes("[account]\nname = \"shop-th\""), @r#"
account: found a table, expected a list: write `[[account]]`
"#);
    insta::assert_snapshot!(mistakes("[[account]]\n[[account]]\nname = \"Shop\""), @r#"
account[0].name: nothing found, expected lower-case letters, digits and `-`, not beginning with `-`, at most 63 characters
account[0].provider: nothing found, expected a built-in profile (`bluepay`) or `{ file = "…" }`
account[0].base_url: nothing found, expected an https URL with nothing after its path, such as `https://api.provider.example`
account[0].app_id: nothing found, expected 1 to 128 visible ASCII characters
account[0].signing_key: nothing found, expected at least one key that signs
account[1].name: found `"Shop"`, expected lower-case letters, digits and `-`, not beginning with `-`, at most 63 characters
account[1].provider: nothing found, expected a built-in profile (`bluepay`) or `{ file = "…" }`
account[1].base_url: nothing found, expected an https URL with nothing after its path, such as `https://api.provider.example`
account[1].app_id: nothing found, expected 1 to 128 visible ASCII characters
account[1].signing_key: nothing found, expected at least one key that signs
"#);
}

#[test]
fn base_urls_and_providers_are_checked() {
    let text = r#"
[[account]]
name = "plain-http"
provider = "blupay"
base_url = "http://api.example.com"
app_id = ""
signing_key = []
[[account]]
name = "own-profile"
provider = { file = "config/demo/README.md" }
base_url = "https://user:canary@api.example.com"
app_id = "two words"
signing_key = [{ id = "a", private_key = { file = "config/demo/merchant.pub" } }]
"#;
    insta::assert_snapshot!(mistakes(text), @r#"
account.plain-http.provider: found `"blupay"`, expected a built-in profile (`bluepay`) or `{ file = "…" }`
account.plain-http.base_url: found `"http://api.example.com"`, expected https; plain http is allowed only towards a loopback host
account.plain-http.app_id: found `""`, expected 1 to 128 visible ASCII characters
account.plain-http.signing_key: nothing found, expected at least one key that signs
account.own-profile.provider: line 3, column 12: key with no value, expected `=`
account.own-profile.base_url: found a URL with an `@`, expected a URL without user name and password
account.own-profile.app_id: found `"two words"`, expected 1 to 128 visible ASCII characters
account.own-profile.signing_key[0].private_key: file `config/demo/merchant.pub`: a public key was given, expected a private key
"#);
}

#[test]
fn key_sets_are_checked() {
    let text = format!(
        "{}\nsigning_key = [{}, {}, {}]",
        ACCOUNT.split("signing_key").next().expect("the account's first keys"),
        "{ id = \"a\", private_key = { file = \"config/demo/merchant.pem\" }, \
         not_before = 2026-01-01T00:00:00Z, not_after = 2025-01-01T00:00:00Z }",
        "{ id = \"a\", private_key = { file = \"config/demo/merchant.pem\" }, not_before = 2026-01-01 }",
        "{ id = \"b\", not_after = \"tomorrow\" }",
    );
    insta::assert_snapshot!(mistakes(&text), @r#"
account.shop-th.signing_key[0].not_after: `2025-01-01T00:00:00Z` is not after `not_before`, expected a later time
account.shop-th.signing_key[1].id: the same id as `account.shop-th.signing_key[0].id`, expected one of its own
account.shop-th.signing_key[1].not_before: found `"2026-01-01"`, expected a date and time with its zone, such as `2026-01-01T00:00:00Z`
account.shop-th.signing_key[2].private_key: nothing found, expected an RSA private key as PEM (PKCS#8 or PKCS#1) or as one line of base64
account.shop-th.signing_key[2].not_after: found `"tomorrow"`, expected a date and time with its zone, such as `2026-01-01T00:00:00Z`
"#);
}
