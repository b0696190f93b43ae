//! Every fault does on the wire what its name says, and does the work or not as it says.

use std::io::ErrorKind;

use serde_json::{Value, json};

use super::bench::{Bench, Socket, payout, post};

/// Sends a payout under `rule`; the connection and the sandbox.
async fn faulty(rule: Value) -> (Bench, Socket) {
    let bench = Bench::start().await;
    bench.fault(rule);
    let mut socket = bench.connect().await;
    let body = bench.body(payout("order1"));
    socket.write(&post(&bench.path("payout_create"), &body)).await;
    (bench, socket)
}

fn payouts(bench: &Bench) -> usize {
    bench.running.transactions().len()
}

async fn until_paid(bench: &Bench) {
    while payouts(bench) == 0 {
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn a_reset_before_reading_leaves_nothing_behind() {
    let (bench, mut socket) = faulty(json!({"kind": "reset_before_reading"})).await;
    let (bytes, ended) = socket.rest().await;
    assert!(bytes.is_empty());
    assert_eq!(ended.expect_err("a reset").kind(), ErrorKind::ConnectionReset);
    assert_eq!(payouts(&bench), 0);
    let seen = &bench.running.requests()[0];
    assert_eq!((seen.fault, seen.body.as_deref()), (Some("reset_before_reading"), None));
}

#[tokio::test]
async fn a_reset_after_commit_has_paid() {
    let (bench, mut socket) = faulty(json!({"kind": "reset_after_commit"})).await;
    let (bytes, ended) = socket.rest().await;
    assert!(bytes.is_empty());
    assert_eq!(ended.expect_err("a reset").kind(), ErrorKind::ConnectionReset);
    assert_eq!(payouts(&bench), 1);
    assert_eq!(bench.refused("payout_create", payout("order1")).await, 21007);
}

#[tokio::test]
async fn a_close_after_commit_has_paid_and_ends_orderly() {
    let (bench, mut socket) = faulty(json!({"kind": "close_after_commit"})).await;
    let (bytes, ended) = socket.rest().await;
    assert!(bytes.is_empty() && ended.is_ok());
    assert_eq!(payouts(&bench), 1);
}

#[tokio::test]
async fn a_late_answer_has_paid_long_before_it_comes() {
    let (bench, mut socket) = faulty(json!({"kind": "late_answer", "delay_ms": 1})).await;
    assert_eq!(socket.answer().await.code(), 10000);
    let (bench_late, mut socket) =
        faulty(json!({"kind": "late_answer", "delay_ms": 600_000})).await;
    until_paid(&bench_late).await;
    drop(bench_late);
    let (bytes, _) = socket.rest().await;
    assert!(bytes.is_empty(), "the answer was not due before the sandbox went away");
    assert_eq!(payouts(&bench), 1);
}

#[tokio::test]
async fn a_stall_ends_without_an_answer() {
    for (kind, paid) in [("stall", 1), ("stall_before_commit", 0)] {
        let (bench, mut socket) = faulty(json!({"kind": kind, "delay_ms": 1})).await;
        let (bytes, ended) = socket.rest().await;
        assert!(bytes.is_empty() && ended.is_ok(), "{kind}");
        assert_eq!(payouts(&bench), paid, "{kind}");
    }
}

#[tokio::test]
async fn an_error_status_comes_with_and_without_a_body() {
    let rule = json!({"kind": "status_with_body", "status": 503, "body": "<h1>down</h1>"});
    let (bench, mut socket) = faulty(rule).await;
    let answered = socket.answer().await;
    assert_eq!((answered.status, answered.body.as_slice()), (503, &b"<h1>down</h1>"[..]));
    assert_eq!(payouts(&bench), 0);

    let (bench, mut socket) = faulty(json!({"kind": "status_without_body", "commit": true})).await;
    let answered = socket.answer().await;
    assert_eq!((answered.status, answered.body.len()), (502, 0));
    assert_eq!(payouts(&bench), 1, "a 5xx can have been carried out");
}

#[tokio::test]
async fn an_error_code_travels_with_status_200() {
    for (commit, paid) in [(false, 0), (true, 1)] {
        let rule = json!({"kind": "error_code", "code": 21011, "message": "m", "commit": commit});
        let (bench, mut socket) = faulty(rule).await;
        let answered = socket.answer().await;
        assert_eq!(answered.status, 200);
        assert_eq!(answered.json(), json!({"code": 21011, "message": "m", "data": null}));
        assert_eq!(payouts(&bench), paid);
    }
}

#[tokio::test]
async fn garbage_is_not_the_envelope() {
    let (bench, mut socket) = faulty(json!({"kind": "garbage"})).await;
    let answered = socket.answer().await;
    assert_eq!(answered.status, 200);
    assert!(serde_json::from_slice::<Value>(&answered.body).is_err());
    assert_eq!(payouts(&bench), 1);
}

#[tokio::test]
async fn a_truncated_answer_is_shorter_than_it_says() {
    let (bench, mut socket) = faulty(json!({"kind": "truncated"})).await;
    let (bytes, ended) = socket.rest().await;
    let text = String::from_utf8(bytes).expect("text");
    let (head, body) = text.split_once("\r\n\r\n").expect("a whole head");
    let announced = head.lines().find_map(|line| line.strip_prefix("content-length: "));
    let announced: usize = announced.and_then(|it| it.parse().ok()).expect("a length");
    assert!(ended.is_ok() && !body.is_empty() && body.len() < announced);
    assert_eq!(payouts(&bench), 1);
}

#[tokio::test]
async fn a_slow_drip_is_whole_in_the_end() {
    let (_bench, mut socket) = faulty(json!({"kind": "slow_drip", "interval_ms": 0})).await;
    assert_eq!(socket.answer().await.code(), 10000);
    let (bench, mut socket) = faulty(json!({"kind": "slow_drip", "interval_ms": 1000})).await;
    let first = socket.read_some().await;
    assert!(b"HTTP/1.1 200 OK".starts_with(&first), "only the beginning should be there");
    assert_eq!(payouts(&bench), 1);
}

#[tokio::test]
async fn the_answer_to_a_throttled_call_says_when_to_try_again() {
    let (bench, mut socket) = faulty(json!({"kind": "throttled", "retry_after": 7})).await;
    let answered = socket.answer().await;
    assert_eq!(answered.status, 429);
    assert!(answered.head.contains("retry-after: 7\r\n"), "{}", answered.head);
    assert_eq!(payouts(&bench), 0);
    let body = bench.body(payout("order1"));
    socket.write(&post(&bench.path("payout_create"), &body)).await;
    assert_eq!(socket.answer().await.code(), 10000, "the same connection should serve on");
}

#[tokio::test]
async fn an_oversized_answer_is_as_large_as_asked() {
    let (bench, mut socket) = faulty(json!({"kind": "oversized", "bytes": 300_000})).await;
    assert_eq!(socket.answer().await.body.len(), 300_000);
    assert_eq!(payouts(&bench), 1);
}

#[tokio::test]
async fn the_not_http_fault_sends_no_http() {
    let (bench, mut socket) = faulty(json!({"kind": "not_http", "commit": false})).await;
    let (bytes, ended) = socket.rest().await;
    assert!(bytes.starts_with(b"SSH-2.0-") && ended.is_ok());
    assert_eq!(payouts(&bench), 0);
}

#[tokio::test]
async fn a_fault_for_one_operation_and_one_request_is_over_afterwards() {
    let bench = Bench::start().await;
    bench.fault(json!({"kind": "garbage", "operation": "payout_create", "count": 1}));
    bench.accepted("balance", json!({})).await;
    let body = bench.body(payout("order1"));
    let answered = bench.post(&bench.path("payout_create"), &body).await;
    assert!(answered.body.starts_with(b"<html>"));
    assert_eq!(bench.refused("payout_create", payout("order1")).await, 21007);
    assert_eq!(bench.running.faults()[0]["hits"], 1);
}
