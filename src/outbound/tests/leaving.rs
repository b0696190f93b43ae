//! What happens between an attempt's announcement and its first byte.

use std::time::Duration;

use serde_json::Value;

use super::world::{World, code, outcome, wait_until};
use crate::payment::Rules;
use crate::provider::EventStatus;
use crate::store::{AskTimes, AskedAnswer, EventId, Intake, NewEvent, Notice};

/// One payout leaves at once, the next waits a second for the rate.
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

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_freeze_holds_back_what_was_announced_before_it_and_waits() {
    let (world, call) = waiting().await;
    world.store.freeze("shop", "fraud?", 0).await.expect("frozen");
    let reply = call.await.expect("no panic");
    let problem: Value = serde_json::from_slice(&reply.body).expect("JSON");
    assert_eq!(world.providers.shop.created(), 1, "it left after the freeze: {problem:#}");
    assert_eq!((outcome(&reply), &problem["code"]), ("not_sent", &Value::from("frozen")));
    assert_eq!(world.state("shop", "WAITING001").await, "not_sent", "its reference is free");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_notification_settled_meanwhile_does_not_leave() {
    let (world, call) = waiting().await;
    let (event, notice) = notified("WAITING001");
    world.store.receive_notice(event, notice).await.expect("stored");
    let reply = call.await.expect("no panic");
    assert_eq!(world.providers.shop.created(), 1, "it was paid already: {reply:?}");
    assert_eq!(outcome(&reply), "accepted", "which its caller hears: {reply:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_another_process_took_over_meanwhile_does_not_leave() {
    let (world, call) = waiting().await;
    let id = world.payment("shop", "WAITING001").await.row.id;
    // Another process finds that its hold ran out, asks, and sends it.
    world.clocks().pass(24 * 60 * 60 * 1000);
    let now_ms = world.outbound.clock.unix_ms();
    world.store.recover(now_ms).await.expect("taken over");
    let here = world.outbound.live.load().accounts["shop"].places["payout_create"];
    let rules = Rules::new(0, 2).at(here);
    for _ in 0..2 {
        world.clocks().pass(1);
        let asked_at_ms = world.store.time_ms();
        let times = AskTimes { asked_at_ms, ask_after_ms: None, now_ms };
        world.store.asked(&id, AskedAnswer::NotFound, rules, times, None).await.expect("written");
    }
    assert_eq!(world.store.about_to_send(&id, rules, now_ms).await, Ok(2));
    let reply = call.await.expect("no panic");
    assert_eq!(world.providers.shop.created(), 1, "the other one may have sent it: {reply:?}");
    assert_eq!(outcome(&reply), "unknown", "{reply:?}");
    assert_eq!(world.state("shop", "WAITING001").await, "sending", "attempt 2 is the other one's");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_waited_and_may_leave_leaves() {
    let (world, call) = waiting().await;
    let reply = tokio::time::timeout(Duration::from_secs(20), call).await.expect("in time");
    assert_eq!(outcome(&reply.expect("no panic")), "accepted");
    assert_eq!(world.providers.shop.created(), 2);
}

fn notified(reference: &str) -> (NewEvent, Notice) {
    let id = EventId::generate(1).expect("randomness");
    let notice = Notice {
        account: "shop".into(),
        kind: "payout".into(),
        reference: Some(reference.into()),
        provider_reference: Some("D7".into()),
        status: Some(EventStatus::Succeeded),
        amount_minor: Some(50020),
        currency: Some("THB".into()),
    };
    let event = NewEvent {
        dedupe_key: format!("key of {id}"),
        id,
        account: "shop".into(),
        provider: "bluepay".into(),
        event_name: Some("disbursement.success".into()),
        kind: Some("payout".into()),
        event_type: "countersign.payout.succeeded".into(),
        status: Some("succeeded".into()),
        reference: Some(reference.into()),
        provider_reference: Some("D7".into()),
        body: "{}".into(),
        param: "{}".into(),
        event: Some("{}".into()),
        verified_by: None,
        received_at_ms: 1,
        intake: Intake::Deliver,
    };
    (event, notice)
}
