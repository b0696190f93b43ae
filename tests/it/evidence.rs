//! Reports of the provider that contradict what was sent: shown to the application, the operator and Prometheus.

use serde_json::Value;

use crate::support::http::{Answer, post, post_with};
use crate::support::notification::Signer;
use crate::support::openssl::KeyPair;
use crate::support::{Action, ConfigBuilder, Provider, Sidecar, wait_until};

/// `whsec_` and the base64 of 32 bytes.
const SECRET: &str = "whsec_MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=";
const SETTINGS: &str = "currency = \"THB\"\nretry = { resolve_for = \"0s\" }";

/// `shop` and `shop-2`, which pay at `provider` and have the same provider key.
fn two_accounts(provider: &Provider, application: &Provider) -> ConfigBuilder {
    let (base_url, application) = (provider.base_url(), application.base_url());
    let delivery =
        format!("[account.delivery]\nurl = \"{application}/payments\"\nsecret = \"{SECRET}\"");
    ConfigBuilder::new(&base_url)
        .account(SETTINGS)
        .notified_by(KeyPair::provider().public())
        .section(&format!(
            "{delivery}\n[[account]]\nname = \"shop-2\"\nprovider = \"bluepay\"\n\
             base_url = \"{base_url}\"\napp_id = \"second\"\n{SETTINGS}\n\
             [[account.signing_key]]\nid = \"k2\"\nprivate_key = {{ file = {:?} }}\n\
             [[account.provider_key]]\nid = \"p\"\npublic_key = {{ file = {:?} }}\n{delivery}",
            KeyPair::merchant().private(),
            KeyPair::provider().public(),
        ))
}

fn notify(sidecar: &Sidecar, path: &str, param: &str) {
    let body = Signer::provider().body(param);
    let answer: Answer =
        post_with(sidecar.notify, path, &[("Content-Type", "application/json")], body.as_bytes());
    assert_eq!(answer.status, 200, "it is acknowledged: {}", answer.text());
}

fn told(reference: &str) -> String {
    format!(
        r#"{{"amount":10000,"createTime":"2023-03-02 09:25:12","eventName":"disbursement.success","mchOrderId":"{reference}","remark":"remark","returnTime":"2023-03-02 09:25:12","transactionId":"T-{reference}","transactionStatus":"COMPLETED"}}"#
    )
}

fn wait_for_events(application: &Provider, count: usize) -> Vec<Value> {
    wait_until(&format!("{count} deliveries"), || application.received().len() >= count);
    let received = application.received();
    received.iter().map(|it| serde_json::from_slice(&it.body).expect("an event")).collect()
}

fn payout_of(reference: &str) -> String {
    format!(
        r#"{{"mchOrderId":"{reference}","amount":10000,"payMethodCode":"PROMPTPAY","promptpayAccountType":"MSISDN","accountNo":"0812345678"}}"#
    )
}

fn flags(event: &Value) -> Vec<&str> {
    let flags = event["data"]["flags"].as_array().expect("flags");
    flags.iter().filter_map(Value::as_str).collect()
}

#[test]
fn a_second_transaction_under_one_reference_is_visible_everywhere() {
    let (provider, application) = (Provider::start(), Provider::start());
    let sidecar = Sidecar::start(&two_accounts(&provider, &application));
    let named = r#"{"code":10000,"message":"m","data":{"transactionId":"T-TWICE00001"}}"#;
    provider.will(Action::Answer(named.to_owned()));
    assert_eq!(post(sidecar.app, "/shop/payout_create", &payout_of("TWICE00001")).status, 200);
    let first = told("TWICE00001");
    let second = first.replace("T-TWICE00001", "T-OTHER").replace("COMPLETED", "FAILED");
    let unreadable = first.replace("10000", "\"100.00\"").replace("T-TWICE", "T-THIRD");
    for text in [&first, &second, &unreadable] {
        notify(&sidecar, "/shop", text);
    }
    let events = wait_for_events(&application, 3);
    assert_eq!(flags(&events[0]), [] as [&str; 0]);
    assert!(flags(&events[1]).contains(&"conflicting-reference"), "{:#}", events[1]);
    assert!(flags(&events[2]).contains(&"amount-unreadable"), "{:#}", events[2]);
    let list = ["payments", "list", "--conflicting", "--json"];
    let row = sidecar.run_json(&list)["payments"][0].clone();
    assert_eq!(row["provider_reference"], "T-TWICE00001", "{row:#}");
    assert_eq!(row["status"], "succeeded", "{row:#}");
    assert!(row["conflicting_reference"].is_string(), "{row:#}");
    let text = sidecar.run(&["payments", "list", "--config", "countersign.toml"]).stdout;
    let text = String::from_utf8_lossy(&text).into_owned();
    assert!(text.contains("TWICE00001  conflicting-reference"), "{text}");
    let counted = |conflict: &str| {
        let series = format!(
            "countersign_payment_conflicts_total{{account=\"shop\",conflict=\"{conflict}\"}}"
        );
        sidecar.metric(&series)
    };
    assert_eq!(counted("conflicting-reference"), Some(2.0));
    assert_eq!(counted("amount-unreadable"), Some(1.0));
    wait_until("the log", || {
        sidecar.log().iter().any(|line| line.contains(r#""conflict":"conflicting-reference""#))
    });
}

#[test]
fn a_notification_for_another_account_settles_nothing_here() {
    let (provider, application) = (Provider::start(), Provider::start());
    provider.will(Action::Answer(r#"{"code":21000,"message":"m","data":null}"#.to_owned()));
    let sidecar = Sidecar::start(&two_accounts(&provider, &application));
    // Both have a payment in doubt under the same reference, and nothing in the text shows which one is meant.
    for path in ["/shop/payout_create", "/shop-2/payout_create"] {
        let answer = post(sidecar.app, path, &payout_of("BOTH000001"));
        assert_eq!(answer.header("countersign-outcome"), Some("unknown"), "{}", answer.text());
    }
    notify(&sidecar, "/shop-2", &told("BOTH000001"));
    let event = wait_for_events(&application, 1).remove(0);
    assert_eq!(flags(&event), ["other-account"], "{event:#}");
    let list = ["payments", "list", "--reference", "BOTH000001", "--json"];
    for row in sidecar.run_json(&list)["payments"].as_array().expect("payments") {
        assert_eq!(row["state"], "unknown", "{row:#}");
    }
    let series =
        "countersign_payment_conflicts_total{account=\"shop-2\",conflict=\"other-account\"}";
    assert_eq!(sidecar.metric(series), Some(1.0));
}
