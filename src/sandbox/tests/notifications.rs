//! What the provider reports by itself: the right text to the right place, again and again until it is acknowledged.

use std::time::Duration;

use serde_json::{Value, json};

use super::bench::{APP, Bench, authorization, debit, payout, qr, refund, void, webpay};
use super::receiver::{ACK, KEY, Receiver, bench, end_of, paid, with_keys};
use crate::clock::Clock;
use crate::sandbox::Sandbox;
use crate::sandbox::engine::notify::row::NotificationState;

const CREATED: &str = "2023-11-15 05:13:20";
const SETTLED: &str = "2023-11-15 05:13:21";

/// `parameters` that ask for notifications at `url`.
fn notifying(mut parameters: Value, url: &str) -> Value {
    let refund = parameters.get("refundCallbackUrl").is_some();
    parameters[if refund { "refundCallbackUrl" } else { "notifyUrl" }] = url.into();
    parameters
}

/// Settles everything and takes the next notification's verified text.
async fn settled(bench: &Bench, receiver: &Receiver) -> String {
    bench.settle();
    bench.running.transactions();
    receiver.acknowledged().await.param_signed_by(KEY)
}

fn id_of(bench: &Bench) -> String {
    bench.running.transactions().last().expect("a transaction").transaction_id.clone()
}

#[tokio::test]
async fn nothing_is_posted_away_from_this_machine() {
    let bench = bench().await;
    bench.fault(json!({"kind": "no_notification"}));
    for url in ["http://192.0.2.1/n", "https://127.0.0.1/n", "http://example.com/", "nonsense"] {
        paid(&bench, url, &format!("order{}", bench.running.transactions().len())).await;
    }
    let rows = bench.running.notifications();
    assert_eq!(rows.len(), 4);
    for row in rows {
        assert_eq!((row.state, row.attempts), (NotificationState::Refused, 0), "{row:?}");
        assert!(row.note.is_some() && row.body.is_none(), "{row:?}");
    }
    assert_eq!(
        bench.running.faults()[0]["left"],
        1,
        "a notification that is not posted uses up no rule"
    );
}

#[tokio::test]
async fn a_payout_without_a_configured_address_is_not_reported() {
    let bench = bench().await;
    bench.accepted("payout_create", payout("order1")).await;
    bench.settle();
    let row = &bench.page("GET", "/_sandbox/notifications", "").await.json()[0];
    assert_eq!((&row["state"], &row["attempts"]), (&json!("refused"), &json!(0)));
    assert!(row["note"].as_str().is_some_and(|note| note.contains("notify URL")), "{row}");
}

#[tokio::test]
async fn a_pending_cancelled_or_void_transaction_is_not_reported() {
    let bench = bench().await;
    let mut waits = qr("order1");
    waits["remark"] = "sandbox:pending".into();
    bench.accepted("qr_create", waits).await;
    bench.accepted("qr_cancel", json!({"mchOrderId": "order1"})).await;
    bench.accepted("webpay_create", webpay("order2")).await;
    bench.settle();
    let reported = bench.running.notifications().len();
    bench.accepted("payment_void", void("void1", &json!(id_of(&bench)))).await;
    bench.settle();
    assert_eq!((reported, bench.running.notifications().len()), (1, 1), "only the web payment");
}

#[tokio::test]
async fn a_payout_is_reported_to_the_configured_address() {
    let (bench, receiver) = (bench().await, Receiver::start().await);
    bench.running.set_payout_notify_url(APP, &receiver.url).expect("a known merchant");
    let mut parameters = payout("order1");
    parameters["remark"] = "salary".into();
    bench.accepted("payout_create", parameters).await;
    bench.settle();
    bench.running.transactions();
    let received = receiver.acknowledged().await;
    assert!(received.head.starts_with("POST /shop-th HTTP/1.1\r\n"), "{}", received.head);
    assert!(received.head.contains("Content-Type: application/json\r\n"), "{}", received.head);
    let members: Vec<_> = received.body.as_object().expect("an object").keys().collect();
    assert_eq!(members, ["sign", "param"]);
    let id = id_of(&bench);
    assert_eq!(
        received.param_signed_by(KEY),
        format!(
            r#"{{"amount":50020,"createTime":"{CREATED}","eventName":"disbursement.success","mchOrderId":"order1","remark":"salary","returnTime":"{SETTLED}","transactionId":"{id}", "transactionStatus":"COMPLETED"}}"#
        )
    );
}

#[tokio::test]
async fn payments_and_refunds_are_reported_where_their_requests_ask() {
    let (bench, receiver) = (bench().await, Receiver::start().await);
    bench.accepted("qr_create", notifying(qr("qr1"), &receiver.url)).await;
    let text = settled(&bench, &receiver).await;
    let id = id_of(&bench);
    assert_eq!(
        text,
        format!(
            r#"{{"eventName":"qrcode.payment.success","mchOrderId":"qr1","channelCode":"THAI_DYNAMIC_QR","transactionId":"{id}","amount":1000,"transactionStatus":"COMPLETED","createTime":"{CREATED}","returnTime":"{SETTLED}","remark":""}}"#
        )
    );
    let mut fails = notifying(webpay("web1"), &receiver.url);
    fails["remark"] = "sandbox:fail".into();
    bench.accepted("webpay_create", fails).await;
    let text = settled(&bench, &receiver).await;
    assert!(text.contains(r#""eventName":"order.payment.failed""#), "{text}");
    assert!(text.contains(r#""transactionStatus":"FAILED""#), "{text}");

    bench.accepted("refund_create", notifying(refund("re1", &json!(id), 10), &receiver.url)).await;
    let text = settled(&bench, &receiver).await;
    assert!(text.starts_with(r#"{"eventName":"payment.refund.success","mchRefundOrderId":"re1""#));
    assert!(text.contains(r#""refundStatus":"COMPLETE""#), "{text}");
}

#[tokio::test]
async fn a_token_and_its_debit_are_reported() {
    let (bench, receiver) = (bench().await, Receiver::start().await);
    let parameters = notifying(authorization("u1", "req1"), &receiver.url);
    bench.accepted("authorization_create", parameters).await;
    let text = settled(&bench, &receiver).await;
    let token = json!(id_of(&bench));
    assert!(text.contains(r#""eventName":"token.create.success""#), "{text}");
    assert!(text.contains(&format!(r#""paytoken":{token}"#)), "{text}");

    bench.accepted("debit_create", notifying(debit("debit1", &token), &receiver.url)).await;
    let text = settled(&bench, &receiver).await;
    assert!(text.starts_with(r#"{"eventName":"direct.debit.success","amount":700"#), "{text}");
    assert!(text.contains(r#""returnTime":"2023-11-15T05:13:22+07:00""#), "{text}");

    bench.accepted("authorization_cancel", json!({"payToken": token})).await;
    let text = receiver.acknowledged().await.param_signed_by(KEY);
    assert!(text.contains(r#""eventName":"token.cancel.success""#), "{text}");
    assert!(text.contains(r#""inactiveType":"MCH_CANCEL""#), "{text}");
}

#[tokio::test]
async fn it_is_posted_again_until_it_is_acknowledged() {
    let (bench, receiver) = (bench().await, Receiver::start().await);
    paid(&bench, &receiver.url, "order1").await;
    let first = receiver.answered(503, ACK).await;
    let second = receiver.answered(200, r#"{"code":21000}"#).await;
    let third = receiver.acknowledged().await;
    assert_eq!((&first.body, &second.body), (&second.body, &third.body), "each the same bytes");
    assert_eq!(end_of(&bench, 1).await, NotificationState::Acknowledged);
    let rows = bench.page("GET", "/_sandbox/notifications", "").await.json();
    let row = &rows[0];
    assert_eq!((&row["attempts"], &row["last_status"]), (&json!(3), &json!(200)));
    assert_eq!(row["acknowledged_at"], "2023-11-14T22:13:21Z");
    assert_eq!(
        (&row["reference"], &row["event"]),
        (&json!("order1"), &json!("disbursement.success"))
    );
    assert_eq!((&row["fault"], &row["status"]), (&json!(null), &json!("COMPLETED")));
}

#[tokio::test]
async fn it_is_given_up_in_the_end() {
    let (bench, receiver) = (bench().await, Receiver::start().await);
    paid(&bench, &receiver.url, "order1").await;
    receiver.hung_up_on().await;
    receiver.answered(401, "{}").await;
    receiver.answered(200, "thanks").await;
    assert_eq!(end_of(&bench, 1).await, NotificationState::GivenUp);
    let row = &bench.running.notifications()[0];
    assert_eq!(
        (row.attempts, row.last_status, row.acknowledged_at.as_deref()),
        (3, Some(200), None)
    );
    drop(receiver);
    bench.running.notify(&json!({"reference": "order1"})).expect("requested");
    assert_eq!(end_of(&bench, 2).await, NotificationState::GivenUp);
    let row = &bench.running.notifications()[1];
    assert_eq!(row.last_status, None);
    assert!(row.last_error.is_some(), "the receiver is gone: {row:?}");
}

#[tokio::test]
async fn it_is_posted_without_any_request() {
    let bench = Bench::start_with(|sandbox| Sandbox {
        clock: Clock::System,
        settle_after: Duration::from_millis(1),
        timestamp_window: Duration::MAX,
        ..with_keys(sandbox)
    });
    let (bench, receiver) = (bench.await, Receiver::start().await);
    bench.accepted("qr_create", notifying(qr("qr1"), &receiver.url)).await;
    assert_eq!(receiver.acknowledged().await.reported(), ("qr1".into(), "COMPLETED".into()));
}

#[tokio::test]
async fn a_reset_forgets_what_was_to_be_posted() {
    let (bench, receiver) = (bench().await, Receiver::start().await);
    bench.fault(json!({"kind": "key_roll"}));
    paid(&bench, &receiver.url, "order1").await;
    bench.running.reset();
    assert!(bench.running.notifications().is_empty());
    assert_eq!(bench.running.provider_public_key().as_deref(), Some(KEY.trim()));
    paid(&bench, &receiver.url, "order2").await;
    let mut reported = receiver.answered(500, "").await.reported();
    // The attempt that was under way at the reset may still come; it belongs to no notification any more.
    while reported.0 == "order1" {
        reported = receiver.answered(500, "").await.reported();
    }
    assert_eq!(reported.0, "order2");
    assert_eq!(bench.running.notifications().len(), 1);
}

#[tokio::test]
async fn dropping_the_sandbox_ends_its_notifications() {
    let (bench, receiver) = (bench().await, Receiver::start().await);
    bench.fault(json!({"kind": "late_notification"}));
    paid(&bench, &receiver.url, "order1").await;
    let shared = bench.running.watch();
    drop(bench);
    while shared.strong_count() > 0 {
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn any_notification_can_be_requested() {
    let (bench, receiver) = (bench().await, Receiver::start().await);
    bench.accepted("qr_create", notifying(qr("qr1"), &receiver.url)).await;
    let ask = async |request: Value| {
        let answered = bench.page("POST", "/_sandbox/notifications", &request.to_string()).await;
        assert_eq!(answered.status, 201, "{request}: {answered:?}");
        receiver.acknowledged().await
    };
    let pending = ask(json!({"reference": "qr1"})).await;
    assert_eq!(pending.reported(), ("qr1".into(), "PENDING".into()));
    let failed = ask(json!({"reference": "qr1", "status": "FAILED"})).await.param_signed_by(KEY);
    assert!(failed.contains(r#""eventName":"qrcode.payment.failed""#), "{failed}");
    let mismatch = json!({"reference": "qr1", "app_id": APP, "operation": "qr_create",
                          "status": "FAILED", "event": "qrcode.payment.success"});
    let mismatch = ask(mismatch).await.param_signed_by(KEY);
    assert!(mismatch.contains(r#""eventName":"qrcode.payment.success""#), "{mismatch}");
    let settled = ask(json!({"reference": "qr1", "event": "settle.payment.success"})).await;
    assert!(settled.param_signed_by(KEY).contains(r#""settledReturnTime":"#));
    let ticket = ask(json!({"reference": "qr1", "event": "ticket.status.closed"})).await;
    assert!(ticket.param_signed_by(KEY).contains(r#""ticketStatus":"Closed""#));

    let text = "not JSON \u{1f600}\n\"";
    let raw = ask(json!({"url": receiver.url, "param": text})).await;
    assert_eq!(raw.param_signed_by(KEY), text);
    let signed = json!({"url": receiver.url, "param": "{}", "sign": "abcdef", "member": "params"});
    assert_eq!(ask(signed).await.body, json!({"sign": "abcdef", "params": "{}"}));
    let unsigned = json!({"url": receiver.url, "param": "{}", "signed_by": "nobody"});
    assert_eq!(ask(unsigned).await.body, json!({"param": "{}"}));
    let stranger = json!({"url": receiver.url, "param": "{}", "signed_by": "stranger"});
    assert!(!ask(stranger).await.is_signed_by(KEY));
    let body = json!({"url": receiver.url, "body": "no envelope at all"});
    assert_eq!(ask(body).await.body, json!("no envelope at all"));
}

#[tokio::test]
async fn a_requested_notification_with_a_mistake_is_refused() {
    let bench = bench().await;
    bench.accepted("qr_create", qr("qr1")).await;
    for (request, reported) in [
        ("", "not JSON"),
        ("{}", "`reference`"),
        (r#"{"param":"{}"}"#, "`url`"),
        (r#"{"reference":"nothing"}"#, "no transaction"),
        (r#"{"reference":"qr1","app_id":"app-b"}"#, "no transaction"),
        (r#"{"reference":"qr1","evnt":"x"}"#, "`event`"),
        (r#"{"reference":"qr1","signed_by":"me"}"#, "`stranger`"),
        (r#"{"reference":"qr1","delay_ms":600001}"#, "`delay_ms`"),
    ] {
        let refused = bench.page("POST", "/_sandbox/notifications", request).await;
        assert_eq!(refused.status, 400, "{request}");
        let detail = refused.json()["detail"].to_string();
        assert!(detail.contains(reported), "{request}: {detail}");
    }
    assert!(bench.running.notifications().is_empty());
}

#[tokio::test]
async fn the_address_for_payouts_can_be_set_while_it_runs() {
    let (bench, receiver) = (bench().await, Receiver::start().await);
    let page = "/_sandbox/payout_notify_url";
    for body in ["", "{}", r#"{"app_id":"nobody","url":"http://127.0.0.1/"}"#] {
        assert_eq!(bench.page("POST", page, body).await.status, 400, "{body}");
    }
    let body = json!({"app_id": APP, "url": receiver.url}).to_string();
    assert_eq!(bench.page("POST", page, &body).await.status, 204);
    bench.accepted("payout_create", payout("order1")).await;
    bench.settle();
    bench.running.transactions();
    assert_eq!(receiver.acknowledged().await.reported().0, "order1");
}
