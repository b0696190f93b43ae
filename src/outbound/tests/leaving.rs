//! What happens between an attempt's announcement and its first byte.

use std::time::Duration;

use serde_json::Value;

use super::world::{World, code, found, notified, outcome, wait_until};
use crate::payment::Rules;
use crate::provider::{CodeMeaning, Flag};
use crate::store::{Conclusion, PaymentFilter, QueryAnswer, QueryTimes, Step, StoredAnswer};

/// One payout leaves at once, the next one waits a second for the rate.
const QUEUED: &str = "timeouts = { connect = \"1s\", total = \"10s\" }\n\
    retry = { attempts = 1, resolve_for = \"0s\" }\n\
    limits = { rate = \"1/s\", burst = 1, max_wait = \"10s\" }\ncircuit = { failures = 0 }";

/// A world in which `WAITING001` was announced and waits for the rate.
async fn waiting() -> (World, tokio::task::JoinHandle<crate::wire::Reply>) {
    let world = World::with(QUEUED);
    world.providers.shop.creates([code(10000)]);
    world.providers.shop.queries([code(21000)]);
    assert_eq!(outcome(&world.pay("shop", "AHEAD00001").await), "accepted");
    let call = world.paying("shop", "WAITING001");
    wait_until("the announcement", async || {
        let found = world.store.find_payment("shop", "payout_create", "WAITING001").await;
        found.expect("a read").is_some_and(|view| view.row.payment.state.as_str() == "sending")
    })
    .await;
    (world, call)
}

#[tokio::test(start_paused = true)]
async fn a_freeze_stops_an_attempt_that_was_announced_before_it_and_still_waits() {
    let (world, call) = waiting().await;
    world.store.freeze("shop", "fraud?", 0).await.expect("frozen");
    let reply = call.await.expect("no panic");
    let problem: Value = serde_json::from_slice(&reply.body).expect("JSON");
    assert_eq!(world.providers.shop.created(), 1, "it left after the freeze: {problem:#}");
    assert_eq!((outcome(&reply), &problem["code"]), ("not_sent", &Value::from("frozen")));
    assert_eq!(world.state("shop", "WAITING001").await, "not_sent", "its reference is free");
}

#[tokio::test(start_paused = true)]
async fn a_payment_settled_by_a_notification_meanwhile_does_not_leave() {
    let (world, call) = waiting().await;
    let (notice, event) = notified("WAITING001", "D7");
    world.store.receive_notification(notice, event).await.expect("stored");
    let reply = call.await.expect("no panic");
    assert_eq!(world.providers.shop.created(), 1, "it was paid already: {reply:?}");
    assert_eq!(outcome(&reply), "accepted", "its caller learns it: {reply:?}");
}

/// The provider has a payment under its reference: another one that left now would be the second.
#[tokio::test(start_paused = true)]
async fn a_payment_with_another_amount_under_its_reference_keeps_it_from_leaving() {
    let (world, call) = waiting().await;
    let (mut notice, event) = notified("WAITING001", "D7");
    notice.amount_minor = Some(30_000);
    world.store.receive_notification(notice, event).await.expect("stored");
    let reply = call.await.expect("no panic");
    assert_eq!(world.providers.shop.created(), 1, "it left: {reply:?}");
    assert_eq!(outcome(&reply), "unknown", "{reply:?}");
}

/// It was refused once and posted again; now the provider reports that the first one was made.
#[tokio::test(start_paused = true)]
async fn a_refusal_that_is_contradicted_meanwhile_keeps_the_next_call_from_leaving() {
    let world = World::with(QUEUED);
    world.providers.shop.creates([code(21014)]);
    world.providers.shop.queries([found("WAITING001", "COMPLETED")]);
    assert_eq!(outcome(&world.pay("shop", "WAITING001").await), "rejected");
    let call = world.paying("shop", "WAITING001");
    wait_until("the announcement", async || {
        world.payment("shop", "WAITING001").await.row.generation == 2
    })
    .await;
    let first = world.store.list_payments(&PaymentFilter::default(), None, 10).await;
    let first = first.expect("a read").payments.pop().expect("the first");
    let (mut notice, event) = notified("WAITING001", "D9");
    // By the clocks of a test both calls began at once; the transaction's id distinguishes them.
    let conclusion = Conclusion::Answered {
        code: 21014,
        meaning: CodeMeaning::Refused,
        provider_reference: Some("D9".into()),
        answer: StoredAnswer { status: 200, body: "{}".into() },
    };
    let landed =
        Step::Conclude { attempt: 1, conclusion, query_after_ms: 0, event: None, now_ms: 0 };
    world.store.step(&first.id, landed).await.expect("written");
    notice.created_at_ms = None;
    let (_, noticed) = world.store.receive_notification(notice, event).await.expect("stored");
    assert_eq!(noticed.flags, [Flag::Contradicted]);
    let reply = call.await.expect("no panic");
    assert_eq!(world.providers.shop.created(), 1, "it left: {reply:?}");
    assert_ne!(outcome(&reply), "not_sent", "the caller would pay again: {reply:?}");
    let again = world.pay("shop", "WAITING001").await;
    assert_eq!(outcome(&again), "accepted", "the first one was made: {again:?}");
    assert_eq!(world.providers.shop.created(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_payment_taken_over_by_another_process_meanwhile_does_not_leave() {
    let (world, call) = waiting().await;
    let id = world.payment("shop", "WAITING001").await.row.id;
    // Another process finds that its lease has run out, queries, and sends it.
    world.clocks().pass(24 * 60 * 60 * 1000);
    let now_ms = world.outbound.egress.clock.unix_ms();
    world.store.recover(now_ms).await.expect("taken over");
    let here = world.outbound.live.load().accounts["shop"].places["payout_create"];
    let rules = Rules::new(0, 2).at(here);
    for _ in 0..2 {
        world.clocks().pass(1);
        let queried_at_ms = world.store.time_ms();
        let times = QueryTimes { queried_at_ms, query_after_ms: None, now_ms };
        let answer = QueryAnswer::NotFound;
        let asked = Step::Queried { answer, rules, times, event: None };
        world.store.step(&id, asked).await.expect("written");
    }
    let sent = world.store.step(&id, Step::AboutToSend { rules, now_ms }).await.expect("written");
    assert_eq!(sent.row.payment.attempts, 2);
    let reply = call.await.expect("no panic");
    assert_eq!(world.providers.shop.created(), 1, "the other one may have sent it: {reply:?}");
    assert_eq!(outcome(&reply), "unknown", "{reply:?}");
    assert_eq!(world.state("shop", "WAITING001").await, "sending", "attempt 2 is the other one's");
}

#[tokio::test(start_paused = true)]
async fn an_attempt_that_waited_and_may_leave_leaves() {
    let (world, call) = waiting().await;
    let reply = tokio::time::timeout(Duration::from_secs(20), call).await.expect("in time");
    assert_eq!(outcome(&reply.expect("no panic")), "accepted");
    assert_eq!(world.providers.shop.created(), 2);
}
