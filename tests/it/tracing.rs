//! Traces: the application's trace is continued, hidden from the provider, and exported to a collector.

use serde_json::{Value, json};

use crate::support::http::{post, post_with};
use crate::support::notification::Signer;
use crate::support::openssl::KeyPair;
use crate::support::{Action, ConfigBuilder, Provider, Sidecar, wait_until};

const TRACE: &str = "0af7651916cd43dd8448eb211c80319c";
const PARENT: &str = "b7ad6b7169203331";
const PAYOUT: &str = r#"{"mchOrderId":"TRACE01","amount":10000,"payMethodCode":"PROMPTPAY","promptpayAccountType":"MSISDN","accountNo":"0812345678"}"#;

/// A sidecar with its own application, exporting to `collector`.
fn config(provider: &Provider, application: &Provider, collector: &Provider) -> ConfigBuilder {
    ConfigBuilder::new(&provider.base_url())
        .account("currency = \"THB\"\ntimezone = \"+07:00\"")
        .notified_by(KeyPair::provider().public())
        .section(&format!("[account.delivery]\nurl = \"{}/events\"", application.base_url()))
        .section(&format!(
            "[tracing]\notlp = {{ endpoint = \"{}\", service = \"pay\" }}",
            collector.base_url()
        ))
}

fn pay(sidecar: &Sidecar, sampled: bool, body: &str) -> u16 {
    let parent = format!("00-{TRACE}-{PARENT}-0{}", u8::from(sampled));
    let headers = [
        ("Content-Type", "application/json"),
        ("traceparent", parent.as_str()),
        ("tracestate", "vendor=canary-state"),
    ];
    post_with(sidecar.app, "/shop/payout_create", &headers, body.as_bytes()).status
}

/// Everything exported so far.
fn spans(collector: &Provider) -> Vec<Value> {
    let received = collector.received();
    let bodies = received.iter().map(|request| {
        assert_eq!(request.path(), "/v1/traces");
        serde_json::from_slice::<Value>(&request.body).expect("JSON")
    });
    bodies
        .flat_map(|body| {
            let resource = &body["resourceSpans"][0];
            let service = json!({ "key": "service.name", "value": { "stringValue": "pay" } });
            assert_eq!(resource["resource"]["attributes"][0], service);
            resource["scopeSpans"][0]["spans"].as_array().expect("a list").clone()
        })
        .collect()
}

#[track_caller]
fn wait_for(collector: &Provider, name: &str) -> Value {
    wait_until(name, || spans(collector).iter().any(|span| span["name"] == name));
    spans(collector).into_iter().find(|span| span["name"] == name).expect("the test waited for it")
}

fn attribute<'s>(span: &'s Value, name: &str) -> &'s Value {
    let attributes = span["attributes"].as_array().expect("a list");
    let key = format!("countersign.{name}");
    let found = attributes.iter().find(|attribute| attribute["key"] == key.as_str());
    found.map_or(&Value::Null, |attribute| &attribute["value"]["stringValue"])
}

#[test]
fn a_trace_covers_application_and_notification_and_never_reaches_the_provider() {
    let (provider, application) = (Provider::start(), Provider::start());
    let collector = Provider::start();
    let sidecar = Sidecar::start(&config(&provider, &application, &collector));
    assert_eq!(pay(&sidecar, true, PAYOUT), 200);
    for call in provider.received() {
        let head = call.head.to_lowercase();
        assert!(!head.contains("trace") && !head.contains(PARENT), "{head}");
        let body = String::from_utf8_lossy(&call.body);
        assert!(!body.contains(TRACE) && !body.contains("canary-state"), "{body}");
    }

    let request = wait_for(&collector, "request");
    assert_eq!((&request["traceId"], &request["parentSpanId"]), (&json!(TRACE), &json!(PARENT)));
    assert_eq!(
        (&request["kind"], &request["traceState"]),
        (&json!(2), &json!("vendor=canary-state"))
    );
    assert_eq!(attribute(&request, "account"), "shop");
    assert_eq!(attribute(&request, "reference"), "TRACE01");
    assert_eq!(attribute(&request, "outcome"), "accepted");
    let attempt = wait_for(&collector, "attempt");
    assert_eq!(attempt["parentSpanId"], request["spanId"]);
    for (name, within) in
        [("journal", &request), ("wait", &attempt), ("sign", &attempt), ("upstream", &attempt)]
    {
        let span = wait_for(&collector, name);
        assert_eq!(span["traceId"], TRACE, "{name}");
        assert_eq!(span["parentSpanId"], within["spanId"], "{name}");
    }

    let param = r#"{"amount":10000,"createTime":"2023-03-02 09:25:12","eventName":"disbursement.success","mchOrderId":"TRACE01","returnTime":"2023-03-02 09:25:12","transactionId":"D1","transactionStatus":"COMPLETED"}"#;
    let body = Signer::provider().body(param);
    let headers = [
        ("Content-Type", "application/json"),
        ("traceparent", "00-11111111111111111111111111111111-2222222222222222-01"),
    ];
    assert_eq!(post_with(sidecar.notify, "/shop", &headers, body.as_bytes()).status, 200);
    for name in ["notification", "delivery"] {
        let span = wait_for(&collector, name);
        assert_ne!(span["traceId"], TRACE, "{name} has a trace of its own");
        assert_ne!(span["traceId"], "1".repeat(32), "the provider's traces are not ours");
        let link = &span["links"][0];
        assert_eq!(
            (&link["traceId"], &link["spanId"]),
            (&json!(TRACE), &request["spanId"]),
            "{name}"
        );
    }
    let delivery = wait_for(&collector, "delivery");
    let posted = application.last();
    let place = [&delivery["traceId"], &delivery["spanId"]].map(|id| id.as_str().expect("an id"));
    assert_eq!(
        posted.header("traceparent"),
        Some(format!("00-{}-{}-01", place[0], place[1]).as_str())
    );
    let event: Value = serde_json::from_slice(&posted.body).expect("an event");
    let made_at = request["spanId"].as_str().expect("an id");
    assert_eq!(event["traceparent"], format!("00-{TRACE}-{made_at}-01"));
}

#[test]
fn a_trace_that_the_application_does_not_export_is_only_logged() {
    let (provider, application) = (Provider::start(), Provider::start());
    let collector = Provider::start();
    let sidecar = Sidecar::start(&config(&provider, &application, &collector));
    assert_eq!(pay(&sidecar, false, PAYOUT), 200);
    // A later trace that begins here is exported: by then the other one would have been exported, too.
    assert_eq!(post(sidecar.app, "/shop/payout_status", r#"{"mchOrderId":"TRACE02"}"#).status, 200);
    let later = wait_for(&collector, "request");
    assert_eq!(attribute(&later, "reference"), "TRACE02");
    assert_eq!(attribute(&later, "request_id"), later["traceId"].as_str().expect("an id"));
    assert!(spans(&collector).iter().all(|span| span["traceId"] != TRACE));
    wait_until("the line", || {
        sidecar.log().iter().any(|line| {
            let line: Value = serde_json::from_str(line).unwrap_or_default();
            line["trace_id"] == TRACE && line["reference"] == "TRACE01"
        })
    });
}

#[test]
fn a_missing_collector_is_logged_once_and_delays_nothing() {
    let (provider, application) = (Provider::start(), Provider::start());
    let collector = Provider::start();
    collector.will(Action::Status(503, String::new()));
    let mut sidecar = Sidecar::start(&config(&provider, &application, &collector));
    for _ in 0..20 {
        let answer = post(sidecar.app, "/shop/payout_status", r#"{"mchOrderId":"TRACE03"}"#);
        assert_eq!(answer.status, 200);
    }
    let mentions = |sidecar: &Sidecar| {
        let log = sidecar.log();
        log.iter().filter(|line| line.contains("traces cannot be exported")).count()
    };
    wait_until("the line", || mentions(&sidecar) > 0);
    assert!(sidecar.terminate().success());
    assert_eq!(mentions(&sidecar), 1);
}

#[test]
fn without_a_collector_nothing_is_added_to_a_delivery() {
    let (provider, application) = (Provider::start(), Provider::start());
    let text = config(&provider, &application, &provider).text();
    let text = text.split("[tracing]").next().expect("the sections before");
    let sidecar = Sidecar::start_text(text);
    assert_eq!(pay(&sidecar, true, PAYOUT), 200);
    let param = r#"{"amount":10000,"eventName":"disbursement.success","mchOrderId":"TRACE01","transactionId":"D1","transactionStatus":"COMPLETED"}"#;
    assert_eq!(post(sidecar.notify, "/shop", &Signer::provider().body(param)).status, 200);
    wait_until("a delivery", || !application.received().is_empty());
    let posted = application.last();
    assert_eq!(posted.header("traceparent"), None);
    assert!(!String::from_utf8_lossy(&posted.body).contains("traceparent"));
}
