//! Notifications from the provider: verified, stored, acknowledged; and the resulting deliveries to the application.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use serde_json::{Value, json};

use crate::support::http::{Answer, post_with, request};
use crate::support::notification::{Signer, envelope};
use crate::support::openssl::KeyPair;
use crate::support::{Action, ConfigBuilder, Provider, Sidecar, wait_until};

const JSON: (&str, &str) = ("Content-Type", "application/json");
/// `whsec_` and the base64 of 32 bytes.
const SECRET: &str = "whsec_MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=";

/// A sidecar that accepts notifications for `shop` and delivers to `application`.
fn config(application: &Provider) -> ConfigBuilder {
    ConfigBuilder::new("http://127.0.0.1:9")
        .account("currency = \"THB\"\ntimezone = \"+07:00\"")
        .notified_by(KeyPair::provider().public())
        .section(&format!(
            "[account.delivery]\nurl = \"{}/payments\"\nsecret = \"{SECRET}\"",
            application.base_url()
        ))
}

fn notify(sidecar: &Sidecar, body: &str) -> Answer {
    post_with(sidecar.notify, "/shop", &[JSON], body.as_bytes())
}

fn payout(reference: &str, status: &str, event: &str) -> String {
    format!(
        r#"{{"amount":10000,"createTime":"2023-03-02 09:25:12","eventName":"disbursement.{event}","mchOrderId":"{reference}","remark":"remark","returnTime":"2023-03-02 09:25:12","transactionId":"T-{reference}", "transactionStatus":"{status}"}}"#
    )
}

#[track_caller]
fn assert_acknowledged(answer: &Answer) {
    assert_eq!(
        (answer.status, answer.text().as_str()),
        (200, r#"{"code":10000,"message":"Success"}"#),
        "the provider accepts only one acknowledgement"
    );
}

/// The events posted to `application`, in order.
fn events(application: &Provider) -> Vec<Value> {
    let received = application.received();
    received
        .iter()
        .map(|request| serde_json::from_slice(&request.body).expect("a JSON event"))
        .collect()
}

#[track_caller]
fn wait_for_events(application: &Provider, count: usize) -> Vec<Value> {
    wait_until(&format!("{count} deliveries"), || application.received().len() >= count);
    events(application)
}

#[test]
fn the_documented_payout_notification_becomes_the_documented_event() {
    let application = Provider::start();
    let sidecar = Sidecar::start(&config(&application));
    let param = r#"{"amount":10000,"createTime":"2023-03-02 09:25:12","eventName":"disbursement.success","mchOrderId":"TestMchOrderIdD0001","remark":"remark","returnTime":"2023-03-02 09:25:12","transactionId":"D1631118424367169536", "transactionStatus":"COMPLETED"}"#;
    assert_acknowledged(&notify(&sidecar, &Signer::provider().body(param)));
    let event = wait_for_events(&application, 1).remove(0);
    assert_eq!(event["specversion"], "1.0");
    assert_eq!(event["source"], "/countersign/shop");
    assert_eq!(event["type"], "countersign.payout.succeeded");
    assert_eq!(event["subject"], "TestMchOrderIdD0001");
    assert_eq!(event["time"], "2023-03-02T09:25:12+07:00");
    let data = &event["data"];
    assert_eq!(data["amount"], json!({ "minor": 10000, "value": "100.00", "currency": "THB" }));
    assert_eq!(data["provider_reference"], "D1631118424367169536");
    assert_eq!(data["flags"], json!(["unexpected"]), "no such payout was made here");
    assert_eq!(data["notification"]["param"], param, "the signed text is passed on verbatim");
    let delivery = application.last();
    assert_eq!(delivery.path(), "/payments");
    assert!(
        delivery
            .header("content-type")
            .is_some_and(|value| value.starts_with("application/cloudevents+json"))
    );
    assert_eq!(delivery.header("webhook-id"), event["id"].as_str());
    assert_verifies(&delivery);
}

/// The published Standard Webhooks library accepts the delivery.
#[track_caller]
fn assert_verifies(delivery: &crate::support::provider::Received) {
    let mut headers = http::HeaderMap::new();
    for name in ["webhook-id", "webhook-timestamp", "webhook-signature"] {
        let value = delivery.header(name).unwrap_or_else(|| panic!("`{name}` is missing"));
        headers.insert(name, value.parse().expect("a header value"));
    }
    let webhook = standardwebhooks::Webhook::new(SECRET).expect("a secret");
    webhook.verify(&delivery.body, &headers).expect("the published library verifies it");
}

#[test]
fn every_kind_of_notification_is_delivered_as_its_type() {
    let application = Provider::start();
    let sidecar = Sidecar::start(&config(&application));
    let cases = [
        (payout("P1", "FAILED", "failed"), "countersign.payout.failed", "P1"),
        (
            r#"{"eventName":"qrcode.payment.success","mchOrderId":"Q1","channelCode":"THAI_DYNAMIC_QR","transactionId":"QR1","amount":2300,"transactionStatus":"COMPLETED","createTime":"2022-11-28 22:10:10","returnTime":"2022-11-28 22:11:00","remark":"example"}"#.to_owned(),
            "countersign.collection.succeeded",
            "Q1",
        ),
        (
            r#"{"eventName":"order.payment.success","mchOrderId":"W1","channelCode":"WECHAT_URL","transactionId":"C1","amount":2300,"transactionStatus":"COMPLETED","createTime":"2022-11-28 22:10:10","returnTime":"2022-11-28 22:11:00","remark":"example"}"#.to_owned(),
            "countersign.collection.succeeded",
            "W1",
        ),
        (
            r#"{"eventName":"payment.refund.success","mchRefundOrderId":"R1","originalTransactionId":"CU1","refundAmount":10000,"feeRefunded":1000,"refundCreateTime":"2024-07-31 11:38:54","refundReturnTime":"2024-07-31 11:38:55","refundStatus":"COMPLETE","refundTransactionId":"18"}"#.to_owned(),
            "countersign.refund.succeeded",
            "R1",
        ),
        (
            r#"{"channelCode":"BLUEPAY_DIRECT_DEBIT","eventName":"token.create.success","expiresTime":"2034-09-18 18:10:35","paytoken":"TK1","requestId":"A1","tokenStatus":"ACTIVED","userId":"u1"}"#.to_owned(),
            "countersign.authorization.active",
            "A1",
        ),
        (
            r#"{"eventName":"direct.debit.success","amount":50000,"channelCode":"BLUEPAY_DIRECT_DEBIT","mchOrderId":"D1","createTime":"2024-07-09T15:37:52+08:00","remark":"x","returnTime":"2024-07-09T16:20:23+08:00","transactionId":"CU4","transactionStatus":"COMPLETED"}"#.to_owned(),
            "countersign.debit.succeeded",
            "D1",
        ),
    ];
    for (count, (param, event_type, reference)) in cases.into_iter().enumerate() {
        assert_acknowledged(&notify(&sidecar, &Signer::provider().body(&param)));
        let event = wait_for_events(&application, count + 1).remove(count);
        assert_eq!(
            (&event["type"], &event["subject"]),
            (&json!(event_type), &json!(reference)),
            "{event:#}"
        );
    }
    let unknown = r#"{"eventName":"something.new","x":1}"#;
    assert_acknowledged(&notify(&sidecar, &Signer::provider().body(unknown)));
    let event = wait_for_events(&application, 7).remove(6);
    assert_eq!(event["type"], "countersign.unrecognised", "an unknown event is kept and delivered");
    assert_eq!(event["data"]["notification"]["param"], unknown);
}

#[test]
fn a_forged_notification_is_refused_and_nothing_is_stored() {
    let application = Provider::start();
    let sidecar = Sidecar::start(&config(&application));
    let param = payout("P1", "COMPLETED", "success");
    let (good, other) = (Signer::provider(), Signer::merchant());
    let sign = good.sign(&param);
    let forged = [
        envelope(&param.replace("10000", "90000"), &sign),
        envelope(&format!("{param}\n"), &sign),
        envelope(&param.replace(", \"transactionStatus", ",\"transactionStatus"), &sign),
        envelope(&param, &other.sign(&param)),
        envelope(&param, ""),
        envelope(&param, "abcdef"),
        envelope(&param, &"A".repeat(400_000)),
        envelope(&param, &sign.trim_end_matches('=').replace('+', "-")),
        envelope(&param, &sign[..sign.len() - 4]),
        format!("{{\"param\":{}}}", json!(param)),
        format!("{{\"param\":{},\"sign\":null}}", json!(param)),
        format!("{{\"param\":{},\"sign\":7}}", json!(param)),
    ];
    for (case, body) in forged.iter().enumerate() {
        let answer = notify(&sidecar, body);
        let problem = answer.problem("unauthorized", 401);
        assert_eq!(
            problem["detail"], "the signature does not verify",
            "case {case}: the reason is not revealed"
        );
    }
    assert!(sidecar.inbox(&["list", "--json"])["events"].as_array().expect("a list").is_empty());
    assert_acknowledged(&notify(&sidecar, &envelope(&param, &sign)));
    assert_eq!(wait_for_events(&application, 1).len(), 1);
}

#[test]
fn a_body_that_is_not_a_notification_is_refused() {
    let application = Provider::start();
    let sidecar = Sidecar::start(&config(&application));
    for body in [
        "",
        "[]",
        "{",
        "{\"sign\":\"x\"}",
        "{\"sign\":\"x\",\"param\":{}}",
        "{\"sign\":\"x\",\"param\":null}",
        "{\"sign\":\"x\",\"param\":\"a\",\"params\":\"a\"}",
    ] {
        assert_eq!(notify(&sidecar, body).status, 400, "`{body}`");
    }
    let body = Signer::provider().body("{}");
    assert_eq!(post_with(sidecar.notify, "/other", &[JSON], body.as_bytes()).status, 404);
    assert_eq!(request(sidecar.notify, "GET", "/shop", &[], b"").status, 405);
    let large = format!("{{\"sign\":\"x\",\"param\":\"{}\"}}", "x".repeat(1024 * 1024));
    assert_eq!(notify(&sidecar, &large).status, 413);
}

#[test]
fn a_path_below_the_account_and_the_misspelt_member_are_accepted() {
    let application = Provider::start();
    let sidecar = Sidecar::start(&config(&application));
    let body = Signer::provider().body(&payout("P1", "COMPLETED", "success"));
    let answer = post_with(sidecar.notify, "/shop/payouts/v1", &[], body.as_bytes());
    assert_acknowledged(&answer);
    let body = Signer::provider()
        .body(&payout("P2", "COMPLETED", "success"))
        .replace("\"param\":", "\"params\":");
    assert_acknowledged(&notify(&sidecar, &body));
    wait_for_events(&application, 2);
}

#[test]
fn a_repeated_notification_is_acknowledged_and_delivered_once() {
    let application = Provider::start();
    let sidecar = Sidecar::start(&config(&application));
    let body = Signer::provider().body(&payout("P1", "COMPLETED", "success"));
    for _ in 0..5 {
        assert_acknowledged(&notify(&sidecar, &body));
    }
    assert_acknowledged(&notify(
        &sidecar,
        &Signer::provider().body(&payout("P2", "COMPLETED", "success")),
    ));
    let events = wait_for_events(&application, 2);
    assert_eq!((&events[0]["subject"], &events[1]["subject"]), (&json!("P1"), &json!("P2")));
    let metrics = sidecar.metrics();
    assert!(metrics.contains(r#"countersign_notifications_total{account="shop",event="disbursement.success",result="duplicate"} 4"#), "{metrics}");
}

#[test]
fn a_duplicate_is_logged_with_the_id_of_the_original_event() {
    let application = Provider::start();
    let sidecar = Sidecar::start(&config(&application));
    let body = Signer::provider().body(&payout("P1", "COMPLETED", "success"));
    assert_acknowledged(&notify(&sidecar, &body));
    assert_acknowledged(&notify(&sidecar, &body));
    let id = sidecar.inbox(&["list", "--json"])["events"][0]["id"].clone();
    let logged = || -> Vec<Value> {
        let lines = sidecar.log();
        let entries = lines.iter().filter_map(|line| serde_json::from_str::<Value>(line).ok());
        entries.filter(|entry| entry["result"] == "duplicate").collect()
    };
    wait_until("the log line", || !logged().is_empty());
    assert_eq!(logged()[0]["event_id"], id, "`inbox show` must find what the log names");
}

#[test]
fn a_param_that_is_not_json_is_acknowledged_and_kept() {
    let application = Provider::start();
    let sidecar = Sidecar::start(&config(&application));
    assert_acknowledged(&notify(&sidecar, &Signer::provider().body("not json")));
    let listed = sidecar.inbox(&["list", "--state", "dead", "--json"]);
    assert_eq!(listed["events"].as_array().map(Vec::len), Some(1), "{listed:#}");
    assert!(application.received().is_empty(), "nothing readable, nothing delivered");
}

#[test]
fn an_application_that_requests_an_absurd_wait_is_tried_again_within_a_day() {
    for seconds in ["18446744073709551615", "99999999999999999999999"] {
        let application = Provider::start();
        let answer = format!(
            "HTTP/1.1 503 Busy\r\nRetry-After: {seconds}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
        );
        application.will(Action::Raw(answer.into_bytes()));
        let sidecar = Sidecar::start(&config(&application));
        let body = |reference| Signer::provider().body(&payout(reference, "COMPLETED", "success"));
        assert_acknowledged(&notify(&sidecar, &body("P1")));
        let put_off = || sidecar.inbox(&["list", "--state", "retrying", "--json"]);
        wait_until("a failed attempt", || put_off()["events"][0]["attempts"] == 1);
        let listed = put_off();
        let time = |name: &str| -> jiff::Timestamp {
            listed["events"][0][name].as_str().expect("a time").parse().expect("a time")
        };
        let pause = time("next_attempt_at").duration_since(time("received_at")).as_hours();
        assert!((23..=24).contains(&pause), "{listed:#}");
        application.will(Action::Answer(String::new()));
        assert_acknowledged(&notify(&sidecar, &body("P2")));
        wait_until("the next event", || application.received().len() == 2);
    }
}

#[test]
fn events_of_a_reference_wait_for_each_other_and_others_do_not() {
    let application = Provider::start();
    application.will(Action::Status(503, String::new()));
    let sidecar = Sidecar::start(&config(&application));
    assert_acknowledged(&notify(
        &sidecar,
        &Signer::provider().body(&payout("P1", "PENDING", "success")),
    ));
    assert_acknowledged(&notify(
        &sidecar,
        &Signer::provider().body(&payout("P1", "COMPLETED", "success")),
    ));
    assert_acknowledged(&notify(
        &sidecar,
        &Signer::provider().body(&payout("P2", "COMPLETED", "success")),
    ));
    wait_until("attempts for both references", || {
        let subjects: Vec<Value> =
            events(&application).iter().map(|event| event["subject"].clone()).collect();
        subjects.contains(&json!("P1")) && subjects.contains(&json!("P2"))
    });
    application.will(Action::Answer(String::new()));
    let refused = application.received().len();
    let delivered = wait_for_events(&application, refused + 3);
    let of_p1: Vec<&Value> = delivered
        .iter()
        .filter(|event| event["subject"] == "P1")
        .map(|event| &event["type"])
        .collect();
    let first_success =
        of_p1.iter().position(|kind| **kind == "countersign.payout.succeeded").expect("it comes");
    assert!(
        of_p1[..first_success].iter().all(|kind| **kind == "countersign.payout.pending"),
        "{of_p1:?}"
    );
    let ids: std::collections::BTreeSet<String> =
        delivered.iter().map(|event| event["id"].to_string()).collect();
    assert_eq!(ids.len(), 3, "ids stay the same on every repeat");
}

#[test]
fn an_older_state_after_a_final_one_is_marked_as_stale() {
    let application = Provider::start();
    let sidecar = Sidecar::start(&config(&application));
    for (reference, status) in
        [("P1", "PENDING"), ("P1", "COMPLETED"), ("P2", "COMPLETED"), ("P2", "PENDING")]
    {
        assert_acknowledged(&notify(
            &sidecar,
            &Signer::provider().body(&payout(reference, status, "success")),
        ));
    }
    let stale = |event: &Value| {
        event["data"]["flags"].as_array().is_some_and(|flags| flags.contains(&json!("stale")))
    };
    for event in wait_for_events(&application, 4) {
        let expected = event["subject"] == "P2" && event["data"]["status"] == "pending";
        assert_eq!(stale(&event), expected, "{event:#}");
    }
}

#[test]
fn an_operator_sees_replays_and_discards_events() {
    let application = Provider::start();
    application.will(Action::Status(410, String::new()));
    let mut sidecar = Sidecar::start(&config(&application));
    assert_acknowledged(&notify(
        &sidecar,
        &Signer::provider().body(&payout("P1", "COMPLETED", "success")),
    ));
    wait_until("a dead letter", || {
        let dead = sidecar.inbox(&["list", "--state", "dead", "--json"]);
        dead["events"].as_array().is_some_and(|events| events.len() == 1)
    });
    let listed = sidecar.inbox(&["list", "--account", "shop", "--reference", "P1", "--json"]);
    let id = listed["events"][0]["id"].as_str().expect("an id").to_owned();
    let shown = sidecar.inbox(&["show", &id, "--json"]);
    assert_eq!(shown["state"], "dead", "{shown:#}");
    assert_eq!(shown["attempt_history"][0]["http_status"], 410, "{shown:#}");
    application.will(Action::Answer(String::new()));
    assert_eq!(sidecar.inbox(&["replay", &id, "--json"])["replayed"], 1);
    let events = wait_for_events(&application, 2);
    assert_eq!(events[1]["id"], id.as_str(), "a replay keeps the id");
    assert!(application.last().header("countersign-replay").is_some(), "and says that it is one");
    sidecar.terminate();
    assert_eq!(
        sidecar.inbox(&["discard", "--state", "dead", "--reason", "test", "--json"])["discarded"],
        0
    );
    assert_eq!(
        sidecar.inbox(&["replay", &id, "--json"])["replayed"],
        1,
        "even while it is stopped"
    );
    sidecar.restart();
    wait_for_events(&application, 3);
}

#[test]
fn acknowledged_notifications_survive_kill_9() {
    let application = Provider::start();
    application.will(Action::Status(503, String::new()));
    let mut sidecar = Sidecar::start(&config(&application));
    let signer = Signer::provider();
    let bodies: Vec<(String, String)> = (0..200)
        .map(|number| {
            let (reference, status) =
                (format!("P{}", number / 2), ["PENDING", "COMPLETED"][number % 2]);
            (reference.clone(), signer.body(&payout(&reference, status, "success")))
        })
        .collect();
    let mut acknowledged = Vec::new();
    let mut left = bodies.into_iter().peekable();
    for round in 0..4 {
        let notify = sidecar.notify;
        let batch: Vec<(String, String)> = left.by_ref().take(50).collect();
        let sender = std::thread::spawn(move || send_until_it_dies(notify, batch));
        std::thread::sleep(Duration::from_millis(20 + 35 * round));
        sidecar.kill();
        acknowledged.extend(sender.join().expect("a sender"));
        sidecar.restart();
    }
    assert!(
        !acknowledged.is_empty(),
        "nothing was acknowledged before any kill: the test is too fast"
    );
    application.will(Action::Answer(String::new()));
    let refused = application.received().len();
    wait_until("every acknowledged notification", || {
        let events: Vec<Value> =
            events(&application).split_off(refused.min(application.received().len()));
        acknowledged.iter().all(|body| {
            let param = serde_json::from_str::<Value>(body).expect("JSON")["param"].clone();
            events.iter().any(|event| event["data"]["notification"]["param"] == param)
        })
    });
    let mut seen = std::collections::BTreeMap::<String, String>::new();
    for event in events(&application) {
        let (subject, kind) = (event["subject"].to_string(), event["type"].to_string());
        let before = seen.insert(subject.clone(), kind.clone()).unwrap_or_default();
        assert!(
            !(before.contains("succeeded") && kind.contains("pending")),
            "{subject}: an older state was delivered after a newer one"
        );
    }
}

/// Posts one after the other and returns those acknowledged before the connection broke.
fn send_until_it_dies(notify: SocketAddr, batch: Vec<(String, String)>) -> Vec<String> {
    use std::io::Write;
    let mut acknowledged = Vec::new();
    let Ok(mut stream) = std::net::TcpStream::connect(notify) else { return acknowledged };
    let _ = stream.set_read_timeout(Some(Duration::from_secs(10)));
    for (_, body) in batch {
        let request = crate::support::http::render("POST", "/shop", &[JSON], body.as_bytes());
        if stream.write_all(&request).is_err() {
            break;
        }
        match crate::support::http::read_answer(&mut stream) {
            Some(answer) if answer.status == 200 => acknowledged.push(body),
            _ => break,
        }
    }
    acknowledged
}

#[test]
fn a_full_disk_is_a_503_and_never_a_false_acknowledgement() {
    let application = Provider::start();
    application.will(Action::Status(503, String::new()));
    let sidecar = Sidecar::start_with_file_limit(&config(&application), 1024);
    let filler = "x".repeat(100_000);
    let mut acknowledged = 0;
    let mut refused = None;
    for number in 0..40 {
        let param = payout(&format!("P{number}"), "COMPLETED", "success")
            .replace("\"remark\":\"remark\"", &format!("\"remark\":\"{filler}\""));
        let answer = notify(&sidecar, &Signer::provider().body(&param));
        match answer.status {
            200 => acknowledged += 1,
            _ => {
                refused = Some(answer);
                break;
            }
        }
    }
    let refused = refused.expect("4 MB do not fit into files of 1 MiB");
    refused.problem("store-unavailable", 503);
    let readiness = crate::support::http::get(sidecar.admin, "/readyz");
    assert_eq!(readiness.status, 503, "a small write may still fit: {}", readiness.text());
    let listed = sidecar.inbox(&["list", "--limit", "1000", "--json"]);
    let stored = listed["events"].as_array().expect("a list").len();
    assert!(stored >= acknowledged, "{acknowledged} were acknowledged, {stored} are stored");
}

#[test]
fn a_sidecar_whose_store_cannot_be_written_is_not_ready_and_acknowledges_nothing() {
    let application = Provider::start();
    let sidecar = Sidecar::start(&config(&application));
    std::fs::remove_file(sidecar.store()).expect("removed");
    let body = Signer::provider().body(&payout("P1", "COMPLETED", "success"));
    notify(&sidecar, &body).problem("store-unavailable", 503);
    let readiness = crate::support::http::get(sidecar.admin, "/readyz");
    assert_eq!(readiness.status, 503, "{}", readiness.text());
    let store = &readiness.json()["store"];
    assert_eq!(store["ready"], false);
    let reason = store["reason"].as_str().expect("a reason");
    assert!(reason.contains("removed or replaced"), "{reason}");
}

#[test]
fn only_listed_sources_are_accepted_when_there_is_a_list() {
    let application = Provider::start();
    let elsewhere = config(&application).account("notify_from = [\"192.0.2.0/24\"]");
    let sidecar = Sidecar::start(&elsewhere);
    let body = Signer::provider().body(&payout("P1", "COMPLETED", "success"));
    notify(&sidecar, &body).problem("forbidden", 403);
    let here = config(&application).account("notify_from = [\"192.0.2.0/24\", \"127.0.0.0/8\"]");
    let sidecar = Sidecar::start(&here);
    assert_acknowledged(&notify(&sidecar, &body));
}

#[test]
fn any_of_several_provider_keys_verifies_and_the_matching_one_is_recorded() {
    let application = Provider::start();
    let second = KeyPair::generate(2048);
    let both = config(&application).notified_by(second.public());
    let sidecar = Sidecar::start(&both);
    assert_acknowledged(&notify(
        &sidecar,
        &Signer::with(&second).body(&payout("P1", "COMPLETED", "success")),
    ));
    let listed = sidecar.inbox(&["list", "--json"]);
    assert_eq!(listed["events"][0]["verified_by"], "p2", "{listed:#}");
}

#[test]
fn a_full_write_ahead_log_is_copied_into_the_database_and_starts_over() {
    const POSTS: usize = 160;
    let application = Provider::start();
    // Under a constant load the log would otherwise grow far beyond this.
    let sidecar = Sidecar::start_with_file_limit(&config(&application), 6 * 1024);
    let (next, filler) = (AtomicUsize::new(0), "x".repeat(8_000));
    std::thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| {
                loop {
                    let number = next.fetch_add(1, Ordering::SeqCst);
                    if number >= POSTS {
                        return;
                    }
                    let param = payout(&format!("FULL{number}"), "COMPLETED", "success")
                        .replace("\"remark\":\"remark\"", &format!("\"remark\":\"{filler}\""));
                    let body = Signer::provider().body(&param);
                    // The provider repeats it after a while, too.
                    let taken = (0..3).any(|_| notify(&sidecar, &body).status == 200);
                    assert!(taken, "notification {number} is refused again and again");
                }
            });
        }
    });
}
