//! Every fault for notifications does what its name says.

use serde_json::{Value, json};

use super::bench::{Bench, authorization};
use super::receiver::{KEY, NEXT_KEY, Receiver, bench, end_of, paid};
use crate::sandbox::engine::notify::row::NotificationState;

/// A payout that settled under `rule`.
async fn under(rule: Value) -> (Bench, Receiver) {
    let (bench, receiver) = (bench().await, Receiver::start().await);
    bench.fault(rule);
    paid(&bench, &receiver.url, "order1").await;
    (bench, receiver)
}

fn reported(reference: &str, status: &str) -> (String, String) {
    (reference.to_string(), status.to_string())
}

#[tokio::test]
async fn a_duplicate_comes_although_the_first_was_acknowledged() {
    let (bench, receiver) = under(json!({"kind": "duplicate_notification", "times": 2})).await;
    let first = receiver.acknowledged().await;
    for _ in 0..2 {
        assert_eq!(receiver.acknowledged().await.body, first.body, "exactly the same bytes");
    }
    assert_eq!(first.param_signed_by(KEY), bench.running.notifications()[2].param);
    assert_eq!(bench.running.notifications().len(), 3);
    assert_eq!(bench.running.notifications()[0].fault, Some("duplicate_notification"));
}

#[tokio::test]
async fn a_late_one_lets_others_pass() {
    let (bench, receiver) = under(json!({"kind": "late_notification", "delay_ms": 600_000})).await;
    paid(&bench, &receiver.url, "order2").await;
    assert_eq!(receiver.acknowledged().await.reported(), reported("order2", "COMPLETED"));
    let row = &bench.running.notifications()[0];
    assert_eq!((row.state, row.attempts), (NotificationState::Waiting, 0));

    let (_bench, receiver) = under(json!({"kind": "late_notification", "delay_ms": 1})).await;
    assert_eq!(receiver.acknowledged().await.reported(), reported("order1", "COMPLETED"));
}

#[tokio::test]
async fn the_end_can_come_before_the_beginning() {
    let (_bench, receiver) = under(json!({"kind": "out_of_order_notifications"})).await;
    assert_eq!(receiver.answered(503, "").await.reported(), reported("order1", "COMPLETED"));
    assert_eq!(receiver.acknowledged().await.reported(), reported("order1", "COMPLETED"));
    let pending = receiver.acknowledged().await;
    assert_eq!(pending.reported(), reported("order1", "PENDING"));
    assert!(pending.is_signed_by(KEY));
}

#[tokio::test]
async fn an_authorization_has_no_beginning_to_report() {
    let (bench, receiver) = (bench().await, Receiver::start().await);
    bench.fault(json!({"kind": "out_of_order_notifications"}));
    let mut parameters = authorization("u1", "req1");
    parameters["notifyUrl"] = receiver.url.as_str().into();
    bench.accepted("authorization_create", parameters).await;
    bench.settle();
    let rows = bench.running.notifications();
    assert_eq!(rows.len(), 1);
    assert!(rows[0].note.is_some(), "it should say so: {:?}", rows[0]);
    assert!(receiver.acknowledged().await.is_signed_by(KEY));
}

#[tokio::test]
async fn two_references_can_change_places() {
    let rule = json!({"kind": "out_of_order_notifications", "order": "after_next"});
    let (bench, receiver) = under(rule).await;
    paid(&bench, &receiver.url, "order2").await;
    assert_eq!(receiver.acknowledged().await.reported().0, "order2");
    assert_eq!(receiver.acknowledged().await.reported().0, "order1");
    assert_eq!(end_of(&bench, 1).await, NotificationState::Acknowledged);
}

#[tokio::test]
async fn a_wrong_signature_is_of_no_known_key() {
    let (bench, receiver) = under(json!({"kind": "wrong_signature"})).await;
    let received = receiver.acknowledged().await;
    assert!(!received.is_signed_by(KEY) && !received.is_signed_by(NEXT_KEY));
    let length = |body: &Value| body["sign"].as_str().map(str::len);
    bench.running.notify(&json!({"reference": "order1"})).expect("requested");
    let honest = receiver.acknowledged().await;
    assert_eq!(length(&received.body), length(&honest.body), "only the value should be wrong");
    assert_eq!(received.param(), honest.param_signed_by(KEY));
}

#[tokio::test]
async fn a_tampered_one_was_signed_for_another_text() {
    let (bench, receiver) = under(json!({"kind": "tampered_notification"})).await;
    let received = receiver.acknowledged().await;
    assert!(!received.is_signed_by(KEY));
    assert!(received.param().starts_with(r#"{"amount":950020,"#), "{}", received.param());
    assert!(bench.running.notifications()[0].param.starts_with(r#"{"amount":50020,"#));
}

#[tokio::test]
async fn a_withheld_one_never_comes() {
    let (bench, receiver) = under(json!({"kind": "no_notification"})).await;
    paid(&bench, &receiver.url, "order2").await;
    assert_eq!(receiver.acknowledged().await.reported().0, "order2");
    let row = &bench.running.notifications()[0];
    assert_eq!((row.state, row.attempts), (NotificationState::Withheld, 0));
}

#[tokio::test]
async fn after_a_key_roll_the_other_key_signs() {
    let (bench, receiver) = (bench().await, Receiver::start().await);
    paid(&bench, &receiver.url, "order1").await;
    assert!(receiver.acknowledged().await.is_signed_by(KEY));
    bench.fault(json!({"kind": "key_roll"}));
    for reference in ["order2", "order3"] {
        paid(&bench, &receiver.url, reference).await;
        assert!(receiver.acknowledged().await.is_signed_by(NEXT_KEY), "{reference}");
    }
    let about = bench.page("GET", "/_sandbox", "").await.json();
    assert_eq!(about["provider_public_key"], NEXT_KEY.trim());
    assert_eq!(about["provider_public_keys"], json!([KEY.trim(), NEXT_KEY.trim()]));
    bench.fault(json!({"kind": "key_roll"}));
    paid(&bench, &receiver.url, "order4").await;
    assert!(receiver.acknowledged().await.is_signed_by(KEY), "a second roll goes back");
}

#[tokio::test]
async fn a_key_cannot_be_rolled_without_a_second_one() {
    let bench = Bench::start().await;
    let refused = bench.page("POST", "/_sandbox/faults", r#"{"kind":"key_roll"}"#).await;
    assert_eq!(refused.status, 400);
    assert!(refused.json()["detail"].to_string().contains("second provider key"));
}

#[tokio::test]
async fn a_misnamed_param_is_still_signed() {
    let (bench, receiver) = under(json!({"kind": "misnamed_param"})).await;
    let mut received = receiver.acknowledged().await;
    assert_eq!(received.body.get("param"), None);
    received.body["param"] = received.body["params"].take();
    assert_eq!(received.param_signed_by(KEY), bench.running.notifications()[0].param);
}

#[tokio::test]
async fn a_rule_for_one_operation_leaves_other_notifications_alone() {
    let (bench, receiver) =
        under(json!([{"kind": "no_notification", "operation": "qr_create"}, {"kind": "stall", "operation": "balance"}])).await;
    assert!(receiver.acknowledged().await.is_signed_by(KEY));
    assert_eq!(bench.running.faults()[0]["hits"], 0);
}
