//! A stop answers the callers that wait, sends nothing more, and cuts off nothing that may have left.

use std::time::Duration;

use serde_json::Value;

use super::world::{Act, FAST, World, code, found, outcome, wait_until};
use crate::wire::Reply;

/// Longer than a test may take.
const POLLED: &str = "timeouts = { connect = \"1s\", total = \"600s\" }\n\
    retry = { attempts = 3, resolve_for = \"600s\" }\ncircuit = { failures = 0 }";

fn problem(reply: &Reply) -> Value {
    serde_json::from_slice(&reply.body).expect("JSON")
}

#[tokio::test(start_paused = true)]
async fn a_caller_whose_payment_is_being_queried_gets_unknown_and_the_next_process_continues() {
    let world = World::with(POLLED);
    world.providers.shop.creates([Act::Loses]);
    world.providers.shop.queries([Act::Stalls]);
    let call = world.paying("shop", "STOPPED001");
    wait_until("a query", async || world.providers.shop.asked() > 0).await;
    world.begin_stop();
    let reply = tokio::time::timeout(Duration::from_secs(15), call).await;
    let reply = reply.expect("long before its time is up").expect("no panic");
    assert_eq!((reply.status.as_u16(), outcome(&reply)), (504, "unknown"), "{reply:?}");
    let row = world.payment("shop", "STOPPED001").await.row;
    assert_eq!(row.payment.state.as_str(), "unknown");
    let now_ms = world.store.time_ms();
    assert!(
        row.next_query_at_ms.is_some_and(|at| at <= now_ms),
        "the next process queries at once"
    );
    let world = world.after_a_restart_with(POLLED, |providers| {
        providers.shop.queries([found("STOPPED001", "COMPLETED")]);
    });
    let world = world.await;
    assert_eq!(world.event("STOPPED001").await["type"], "countersign.payout.succeeded");
}

#[tokio::test(start_paused = true)]
async fn a_caller_that_waits_for_the_same_call_learns_that_it_is_in_progress() {
    let world = World::with(POLLED);
    let accepted = r#"{"code":10000,"message":"m","data":null}"#.to_owned();
    world.providers.shop.creates([Act::SaysAfter(Duration::from_secs(3), accepted)]);
    let call = world.paying("shop", "TWICE00001");
    wait_until("the create", async || world.providers.shop.created() > 0).await;
    let begun = world.journal_waits();
    let second = world.paying("shop", "TWICE00001");
    wait_until("the second call to be begun", async || world.journal_waits() > begun).await;
    // Between that and waiting there is one read of the journal.
    tokio::time::sleep(Duration::from_millis(200)).await;
    assert!(!second.is_finished(), "it should wait for the first one");
    world.begin_stop();
    let second = second.await.expect("no panic");
    assert_eq!(problem(&second)["code"], "in-progress", "{second:?}");
    let reply = call.await.expect("no panic");
    assert_eq!(outcome(&reply), "accepted", "a call that may have left is waited for");
    assert_eq!(world.providers.shop.created(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_call_that_comes_after_the_stop_began_is_not_made() {
    let world = World::with(FAST);
    world.providers.shop.creates([code(10000)]);
    world.begin_stop();
    wait_until("the stop", async || world.outbound.egress.stopping.has_begun()).await;
    let reply = world.pay("shop", "TOOLATE001").await;
    assert_eq!(problem(&reply)["code"], "shutting-down");
    assert_eq!(outcome(&reply), "not_sent");
    assert_eq!(world.providers.shop.created(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_call_that_is_in_doubt_is_not_called_unsent_because_of_the_stop() {
    let world = World::with(FAST);
    world.providers.shop.creates([code(10000)]);
    world.providers.shop.queries([code(21000)]);
    world.pay("shop", "TAKEN00001").await;
    world.lose("shop", "INDOUBT001").await;
    world.stop().await;
    let reply = world.pay("shop", "INDOUBT001").await;
    assert_eq!(problem(&reply)["code"], "in-progress", "its caller would pay again: {reply:?}");
    assert_eq!(problem(&reply)["safe_to_retry"], false);
    let reply = world.pay("shop", "TAKEN00001").await;
    assert_eq!(outcome(&reply), "accepted", "its answer is kept: {reply:?}");
    assert_eq!(world.providers.shop.created(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_call_that_did_not_leave_is_not_tried_again() {
    let world = World::with(POLLED);
    world.providers.shop.creates([Act::Refuses]);
    let call = world.paying("shop", "REFUSED001");
    wait_until("an attempt", async || world.providers.shop.created() > 0).await;
    world.begin_stop();
    let reply = call.await.expect("no panic");
    assert_eq!(outcome(&reply), "not_sent");
    assert_eq!(world.state("shop", "REFUSED001").await, "not_sent", "its reference is free");
}

#[tokio::test(start_paused = true)]
async fn queries_in_the_background_do_not_delay_the_stop() {
    let world = World::with(
        "timeouts = { connect = \"1s\", total = \"600s\" }\nretry = { resolve_for = \"0s\" }",
    );
    world.providers.shop.queries([Act::Stalls]);
    world.lose("shop", "ASKED00001").await;
    wait_until("a query", async || world.providers.shop.asked() > 0).await;
    world.stop().await;
    let row = world.payment("shop", "ASKED00001").await.row;
    assert_eq!(row.queries, 0, "a dropped query does not count");
    assert!(row.next_query_at_ms.is_some_and(|at| at <= world.store.time_ms()));
}
