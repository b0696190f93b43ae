//! The results of valid configurations: values, defaults, references and warnings.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::time::Duration;

use super::{ACCOUNT, load_with, loaded, mistakes};
use crate::config::demo;
use crate::config::{Address, AnswerMode, DeliveryFormat, LogFormat, OnExcess};

#[test]
fn an_omitted_value_gets_its_default() {
    let loaded = loaded(ACCOUNT);
    let (boot, account) = (&loaded.boot, &loaded.snapshot.accounts["shop-th"]);

    assert_eq!(boot.app.address, Address::Tcp("127.0.0.1:8600".parse().expect("an address")));
    assert_eq!(boot.admin.address, Address::Tcp("127.0.0.1:8602".parse().expect("an address")));
    assert!(boot.notify.is_none());
    assert_eq!(boot.store.to_string(), "sqlite:data/countersign.db");
    assert_eq!((boot.log.format, boot.log.level.as_str()), (LogFormat::Json, "info"));
    assert_eq!(account.answer, AnswerMode::Provider);
    assert_eq!(account.timezone.seconds(), 0);
    assert_eq!(account.timeouts.connect, Duration::from_secs(2));
    assert_eq!(account.timeouts.send, Duration::from_secs(10));
    assert_eq!(account.timeouts.total, Duration::from_secs(30));
    assert_eq!((account.limits.rate, account.limits.burst), (None, None));
    assert_eq!(account.limits.on_excess, OnExcess::Wait);
    assert_eq!(account.limits.max_wait, Duration::from_secs(2));
    assert_eq!(account.limits.in_flight, 64);
    assert!(account.limits.operations.is_empty() && account.limits.money_per_hour.is_none());
    assert_eq!((account.circuit.failures, account.circuit.open_for), (10, Duration::from_secs(10)));
    assert!(!account.correct_clock);
    assert_eq!(account.retry.attempts, 3);
    assert_eq!(account.retry.resolve_for, Duration::from_secs(120));
    assert!(account.delivery.is_none());
    assert!(account.app.tokens.is_empty() && account.app.uids.is_empty());
}

#[test]
fn limits_of_operations_and_money_are_read() {
    let text = format!(
        "{ACCOUNT}\ncurrency = \"THB\"\n[account.limits]\nmoney_per_hour = \"1000.50 THB\"\n\
         [account.limits.operation.payout_create]\nrate = \"10/s\"\nburst = 20\n\
         [account.circuit]\nfailures = 0\n"
    );
    let account = loaded(&text).snapshot.accounts["shop-th"].clone();
    let payouts = account.limits.operations["payout_create"];
    assert_eq!((payouts.rate.count, payouts.burst), (10, Some(20)));
    let money = account.limits.money_per_hour.clone().expect("a budget");
    assert_eq!((money.minor, money.currency.as_str()), (100_050, "THB"));
    assert_eq!(account.circuit.failures, 0);
}

#[test]
fn phases_shrink_with_a_short_total_that_was_set() {
    let text = format!("{ACCOUNT}\ntimeouts = {{ total = \"1s\" }}");
    let timeouts = loaded(&text).snapshot.accounts["shop-th"].timeouts;
    assert_eq!((timeouts.connect, timeouts.send), (timeouts.total, timeouts.total));
}

#[test]
fn any_value_may_come_from_the_environment_or_a_file() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("rate");
    fs::write(&file, "3000/m\n").expect("written");
    let text = format!(
        "listen.app = {{ env = \"LISTEN\" }}\n{}\n\
         app_id = {{ env = \"APP_ID\" }}\nretry = {{ attempts = {{ env = \"ATTEMPTS\" }} }}\n\
         limits = {{ rate = {{ file = \"{}\" }} }}\noperation.balance.confirmed = {{ env = \"YES\" }}\n",
        ACCOUNT.replace("app_id = \"countersign-demo-app\"\n", ""),
        file.display(),
    );
    let environment =
        [("LISTEN", "[::1]:0"), ("APP_ID", "from-env"), ("ATTEMPTS", "5"), ("YES", "true")];
    let loaded = match load_with(&text, &environment) {
        Ok(loaded) => loaded,
        Err(mistakes) => panic!("should load: {mistakes:?}"),
    };
    let account = &loaded.snapshot.accounts["shop-th"];
    assert_eq!(account.app_id, "from-env");
    assert_eq!(account.retry.attempts, 5);
    assert_eq!(account.limits.rate.expect("a rate").count, 3000);
    assert!(account.provider.operation("balance").expect("a balance query").confirmed);
    assert_eq!(loaded.boot.app.address, Address::Tcp("[::1]:0".parse().expect("an address")));
}

#[test]
fn a_delivery_is_read_with_its_secret_decoded() {
    let text = format!(
        "{ACCOUNT}\ntimezone = \"+07:00\"\n[account.delivery]\nurl = \"http://127.0.0.1:9000/payments\"\n\
         format = \"plain\"\nsecret = {{ file = \"config/demo/delivery-secret\" }}"
    );
    let loaded = loaded(&text);
    let delivery = loaded.snapshot.accounts["shop-th"].delivery.clone().expect("a delivery");
    assert_eq!(delivery.format, DeliveryFormat::Plain);
    assert_eq!(delivery.retry_for, Duration::from_secs(72 * 3600));
    assert_eq!((delivery.timeouts.total, delivery.concurrency), (Duration::from_secs(15), 8));
    assert!(delivery.secrets[0].expose().starts_with(b"demo-only"), "base64 should be decoded");
}

#[test]
fn an_application_may_be_anywhere_and_have_its_own_root() {
    let text = format!(
        "{ACCOUNT}\n[account.delivery]\nurl = \"https://[fd00::1]:9443/payments?shop=1\"\n\
         timeout = \"2s\"\nconcurrency = 3\ntls = {{ ca = {{ file = \"tests/data/config/tls.pem\" }} }}"
    );
    let loaded = loaded(&text);
    let delivery = loaded.snapshot.accounts["shop-th"].delivery.as_ref().expect("a delivery");
    let target = &delivery.target;
    assert_eq!((target.host.as_str(), target.port), ("fd00::1", 9443));
    assert_eq!((target.base_path.as_str(), delivery.path.as_str()), ("", "/payments?shop=1"));
    assert!(target.tls.as_ref().expect("TLS").ca_pem.is_some());
    assert_eq!((delivery.timeouts.total, delivery.concurrency), (Duration::from_secs(2), 3));
    assert_eq!(delivery.timeouts.connect, delivery.timeouts.total, "connecting is part of it");
}

#[test]
fn the_store_deletes_after_the_configured_times() {
    let days = |days: u64| Duration::from_secs(days * 24 * 3600);
    let retention = loaded(ACCOUNT).snapshot.retention;
    assert_eq!((retention.delivered, retention.dead_letters), (days(30), days(90)));
    assert_eq!(retention.duplicates, days(365));
    let text = format!("[store]\nretention = \"1d\"\n{ACCOUNT}");
    assert_eq!(loaded(&text).snapshot.retention.delivered, days(1));
}

#[test]
fn a_listener_and_a_provider_take_certificates() {
    let text = format!(
        "listen.app = {{ address = \"127.0.0.1:8600\", cert = {{ file = \"tests/data/config/tls.pem\" }}, \
         key = {{ file = \"tests/data/config/tls.key\" }} }}\n{}\n\
         base_url = \"https://127.0.0.1:8700/v1\"\n\
         tls = {{ ca = {{ file = \"tests/data/config/tls.pem\" }}, \
         client_cert = {{ file = \"tests/data/config/tls.pem\" }}, client_key = {{ file = \"tests/data/config/tls.key\" }} }}",
        ACCOUNT.replace("base_url = \"http://127.0.0.1:8700\"\n", ""),
    );
    let loaded = loaded(&text);
    assert!(loaded.boot.app.tls.is_some());
    let target = &loaded.snapshot.accounts["shop-th"].target;
    let tls = target.tls.as_ref().expect("TLS");
    assert!(tls.ca_pem.is_some() && tls.client.is_some());
    assert_eq!((target.host.as_str(), target.base_path.as_str()), ("127.0.0.1", "/v1"));
}

#[test]
fn a_secret_in_the_file_or_in_a_file_for_everyone_is_warned_about() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("token");
    fs::write(&file, "a-token-of-some-length").expect("written");
    let warnings = |mode: u32| {
        fs::set_permissions(&file, fs::Permissions::from_mode(mode)).expect("the mode set");
        let text = format!(
            "{ACCOUNT}\napp = {{ tokens = [\"a-literal-of-some-length\", {{ file = \"{}\" }}] }}",
            file.display()
        );
        loaded(&text).warnings.join("\n")
    };
    assert!(
        warnings(0o600).contains("account.shop-th.app.tokens[0]: a secret is written in the file")
    );
    assert!(!warnings(0o600).contains("is open to"), "only the owner can read the file");
    assert!(warnings(0o640).contains("account.shop-th.app.tokens[1]: file "));
}

#[test]
fn keys_that_end_are_warned_about() {
    let warnings = |dates: &str| {
        let text = ACCOUNT.replace("merchant.pem\" }", &format!("merchant.pem\" }}, {dates}"));
        loaded(&text).warnings.join("\n")
    };
    // The tests' now is 2026-06-01.
    let alone = warnings("not_after = 2026-06-30T00:00:00Z");
    assert!(alone.contains("key `demo` ends at 2026-06-30T00:00:00Z, in 29 days"), "{alone}");
    assert!(alone.contains("no key is usable from then on"), "{alone}");
    let followed = warnings(&format!("not_after = 2026-06-02T12:00:00Z }}, {NEXT}"));
    assert!(followed.contains("in 1 day: `next` signs from then on"), "{followed}");
    let late = warnings(&format!("not_after = 2026-06-01T12:00:00Z }}, {LATE}"));
    assert!(late.contains("in less than a day: no key is usable from then on"), "{late}");
    assert!(warnings("not_after = 2026-05-01T00:00:00Z").contains("no key is usable now"));
    assert!(warnings("not_before = 2026-07-01T00:00:00Z").contains("no key is usable now"));
    let fine = warnings("not_after = 2026-08-01T00:00:00Z");
    assert!(!fine.contains("signing_key"), "{fine}");
}

/// A key that starts in time, without the brace at its end; and one that starts too late.
const NEXT: &str = "{ id = \"next\", not_before = 2026-06-02T00:00:00Z, \
                    private_key = { file = \"config/demo/provider.pem\" }";
const LATE: &str = "{ id = \"late\", not_before = 2026-06-02T00:00:00Z, \
                    private_key = { file = \"config/demo/provider.pem\" }";

#[test]
fn a_key_that_is_not_the_one_its_fingerprint_names_is_refused() {
    let with = |fingerprint: &str| {
        let key = format!("merchant.pem\" }}, fingerprint = \"{fingerprint}\"");
        ACCOUNT.replace("merchant.pem\" }", &key)
    };
    let plain = loaded(ACCOUNT);
    let key = &plain.snapshot.accounts["shop-th"].signing_keys.keys()[0];
    let right = key.key.public().fingerprint();
    loaded(&with(&right));
    loaded(&with(&right.to_uppercase().replace("SHA256", "sha256")));
    let other = format!("sha256:{}", "0".repeat(64));
    let found = mistakes(&with(&other));
    assert!(found.contains(&format!("the key is {right}, expected {other}")), "{found}");
    for wrong in ["", "sha256:", "00", &right[7..]] {
        let found = mistakes(&with(wrong));
        assert!(found.contains("signing_key[0].fingerprint: found"), "{found}");
    }
}

#[test]
fn settings_that_are_likely_unintended_cause_warnings() {
    for (before, within, warning) in [
        ("listen.admin = \"0.0.0.0:8602\"", "", "listen.admin: metrics, configuration and reload"),
        ("listen.notify = \"127.0.0.1:1\"", "", "no `provider_key`"),
        ("", "limits = { burst = 5 }", "limits.burst: has no effect without `rate`"),
        ("", "tls = { ca = { file = \"tests/data/config/tls.pem\" } }", "`base_url` is not https"),
        (
            "",
            "delivery = { url = \"http://127.0.0.1:1\", tls = { ca = { file = \"tests/data/config/tls.pem\" } } }",
            "delivery.tls: has no effect: `url` is not https",
        ),
        ("", "delivery = { url = \"http://127.0.0.1:1\" }", "no `secret`"),
        ("", "delivery = { url = \"http://127.0.0.1:1\" }", "no `timezone`"),
        ("", "delivery = { url = \"http://shop.internal\" }", "plain http beyond loopback"),
        ("", "", "not confirmed by the provider's documentation"),
        (
            "",
            "app = { tokens = [{ file = \"config/demo/app-token\" }], uids = [1] }",
            "`uids` have no effect",
        ),
    ] {
        let warnings = loaded(&format!("{before}\n{ACCOUNT}\n{within}")).warnings;
        let found = warnings.iter().any(|found| found.contains(warning));
        assert!(found, "`{warning}` should be among {warnings:#?}");
    }
}

#[test]
fn an_override_changes_one_operation_of_one_account() {
    let second = ACCOUNT.replace("shop-th", "other");
    let text = format!("{ACCOUNT}\noperation.payment_void.path = \"/mine/void\"\n{second}");
    let accounts = loaded(&text).snapshot.accounts;
    let path = |name: &str| {
        accounts[name].provider.operation("payment_void").expect("the operation").path.clone()
    };
    assert_eq!(path("shop-th"), "/mine/void");
    assert_ne!(path("other"), "/mine/void");
}

#[test]
fn a_profile_may_come_from_a_file() {
    let text = ACCOUNT.replace("\"bluepay\"", "{ file = \"config/providers/bluepay.toml\" }");
    assert_eq!(loaded(&text).snapshot.accounts["shop-th"].provider.name, "bluepay");
}

#[test]
fn demo_keys_belong_together() {
    use crate::sign::{PrivateKey, PublicKey};
    for (private, public) in [
        (demo::MERCHANT_PRIVATE_KEY, demo::MERCHANT_PUBLIC_KEY),
        (demo::PROVIDER_PRIVATE_KEY, demo::PROVIDER_PUBLIC_KEY),
        (demo::NEXT_PROVIDER_PRIVATE_KEY, demo::NEXT_PROVIDER_PUBLIC_KEY),
    ] {
        let secret = crate::secret::Secret::new(private.into());
        let private = PrivateKey::from_text(&secret).expect("a private key");
        let public = PublicKey::from_text(public.as_bytes()).expect("a public key");
        assert_eq!(private.public().fingerprint(), public.fingerprint());
        assert!(demo::is_demo_key(&public.to_base64()), "the key should be recognised");
    }
}

#[test]
fn notifications_without_a_receiver_cause_a_warning() {
    let listen = "listen.notify = \"127.0.0.1:0\"";
    let delivery = "delivery = { url = \"http://127.0.0.1:9/\" }";
    let is_warned = |text: &str| {
        let warnings = loaded(text).warnings;
        warnings.iter().any(|warning| warning.contains("never delivered"))
    };
    assert!(is_warned(&format!("{listen}\n{ACCOUNT}")));
    assert!(!is_warned(ACCOUNT), "none come");
    assert!(!is_warned(&format!("{listen}\n{ACCOUNT}\n{delivery}")), "they are delivered");
}
