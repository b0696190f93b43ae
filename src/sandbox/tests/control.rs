//! The sandbox's own pages: what a test can query and change.

use serde_json::{Value, json};

use super::bench::{APP, Bench, payout, post};

#[tokio::test]
async fn transactions_can_be_counted() {
    let bench = Bench::start().await;
    for reference in ["order1", "order2", "order1"] {
        bench.call("payout_create", payout(reference)).await;
    }
    bench.settle();
    let rows = bench.page("GET", "/_sandbox/transactions", "").await.json();
    let rows = rows.as_array().expect("a list");
    assert_eq!(rows.len(), 2);
    let first = &rows[0];
    assert_eq!(
        first,
        &json!({"app_id": APP, "operation": "payout_create", "reference": "order1",
                "idempotency_id": "idemorder1", "transaction_id": first["transaction_id"],
                "original_transaction_id": null, "amount": 50020, "status": "COMPLETED",
                "failed_code": null, "created_at": "2023-11-14T22:13:20Z", "seen": 2,
                "history": [{"status": "PENDING", "at": "2023-11-14T22:13:20Z"},
                            {"status": "COMPLETED", "at": "2023-11-14T22:13:21Z"}]})
    );
}

#[tokio::test]
async fn requests_are_shown_as_received() {
    let bench = Bench::start().await;
    let body = bench.body(payout("order1"));
    bench.post(&bench.path("payout_create"), &body).await;
    bench.post("/open-api/nothing", "text").await;
    let rows = bench.page("GET", "/_sandbox/requests", "").await.json();
    assert_eq!(rows[0]["body"], Value::String(body));
    assert_eq!(rows[0]["operation"], "payout_create");
    assert_eq!(rows[0]["code"], 10000);
    assert_eq!(rows[0]["headers"][1], json!(["Content-Type", "application/json"]));
    assert_eq!(rows[1]["path"], "/open-api/nothing");
    assert_eq!(rows[1]["code"], Value::Null);
    assert_eq!(bench.running.requests()[0].header("content-type"), Some("application/json"));
}

#[tokio::test]
async fn only_the_last_requests_are_kept() {
    let bench = Bench::start().await;
    let mut socket = bench.connect().await;
    for _ in 0..300 {
        socket.write(&post("/open-api/nothing", "{}")).await;
        socket.answer().await;
    }
    let requests = bench.running.requests();
    assert!(requests.len() < 300, "the log should be bounded");
    assert_eq!(requests.last().map(|request| request.number), Some(300));
}

#[tokio::test]
async fn a_reset_begins_again() {
    let bench = Bench::start().await;
    bench.accepted("payout_create", payout("order1")).await;
    bench.fault(json!({"kind": "stall"}));
    assert_eq!(bench.page("POST", "/_sandbox/reset", "").await.status, 204);
    assert!(bench.running.transactions().is_empty());
    assert!(bench.running.requests().is_empty());
    assert!(bench.running.faults().is_empty());
    bench.accepted("payout_create", payout("order1")).await;
}

#[tokio::test]
async fn faults_are_added_listed_and_cleared() {
    let bench = Bench::start().await;
    let rules = r#"[{"kind":"stall","operation":"balance"},{"kind":"garbage","probability":0.1}]"#;
    let added = bench.page("POST", "/_sandbox/faults", rules).await;
    assert_eq!(added.status, 201);
    let listed = bench.page("GET", "/_sandbox/faults", "").await.json();
    assert_eq!(listed, added.json());
    assert_eq!(listed["seed"], 1);
    assert_eq!(
        listed["rules"],
        json!([{"kind": "stall", "operation": "balance", "hits": 0, "left": 1},
               {"kind": "garbage", "probability": 0.1, "hits": 0, "left": null}])
    );
    assert_eq!(bench.page("DELETE", "/_sandbox/faults", "").await.status, 204);
    assert!(bench.running.faults().is_empty());
}

#[tokio::test]
async fn a_rule_with_a_mistake_is_refused_with_what_is_allowed() {
    let bench = Bench::start().await;
    for (rule, reported) in [
        ("", "not JSON"),
        (r#"{"kind":"wrongly_signed_notification"}"#, "`reset_after_commit`"),
        (r#"{"kind":"stall","for":"ever"}"#, "`delay_ms`"),
        (r#"{"kind":"stall","operation":"payout"}"#, "`payout_create`"),
        (r#"[{"kind":"stall"},{"kind":"nope"}]"#, "rule 1"),
    ] {
        let refused = bench.page("POST", "/_sandbox/faults", rule).await;
        assert_eq!(refused.status, 400, "{rule}");
        assert!(refused.head.contains("application/problem+json"), "{}", refused.head);
        let detail = refused.json()["detail"].to_string();
        assert!(detail.contains(reported), "{rule}: {detail}");
    }
    assert!(bench.running.faults().is_empty(), "a list with a mistake is not taken in part");
}

#[tokio::test]
async fn the_sandbox_says_what_it_is() {
    let bench = Bench::start().await;
    let about = bench.page("GET", "/_sandbox", "").await.json();
    assert_eq!(about["app_ids"], json!([APP, "app-b"]));
    assert_eq!(about["seed"], 1);
    assert_eq!(about["timezone"], "+07");
    assert_eq!(about["operations"].as_array().map(Vec::len), Some(17));
    assert_eq!(bench.page("GET", "/_sandbox/nothing", "").await.status, 404);
    assert_eq!(bench.page("GET", "/_sandboxes", "").await.status, 404);
    assert_eq!(bench.page("GET", "/_sandbox/reset", "").await.status, 405);
}
