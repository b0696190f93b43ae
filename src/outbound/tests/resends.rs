//! A resend says nothing about the attempt before it.

use serde_json::Value;

use super::world::{Act, FAST, World, code, not_found, outcome, wait_until};
use crate::clock::instant;

const POLLED: &str = "timeouts = { connect = \"1s\", total = \"5s\" }\n\
    retry = { attempts = 3, resolve_for = \"20s\" }\ncircuit = { failures = 0 }";

#[tokio::test(start_paused = true)]
async fn a_resend_that_does_not_leave_keeps_the_outcome_unknown() {
    let world = World::with(POLLED);
    world.providers.shop.creates([Act::Loses, Act::Refuses]);
    world.providers.shop.queries([not_found()]);
    let reply = world.pay("shop", "FIRSTLOST1").await;
    let problem: Value = serde_json::from_slice(&reply.body).expect("JSON");
    assert_eq!(outcome(&reply), "unknown", "the first attempt may have landed: {problem:#}");
    assert_eq!(problem["code"], "outcome-unknown");
    assert_eq!(problem["safe_to_retry"], false);
    assert_eq!(world.providers.shop.created(), 2, "it was sent again, in vain");
    assert_eq!(world.state("shop", "FIRSTLOST1").await, "unknown");
}

#[tokio::test(start_paused = true)]
async fn a_frozen_account_sends_nothing_again_and_the_outcome_stays_unknown() {
    let world = World::with(POLLED);
    world.providers.shop.creates([Act::Loses, code(10000)]);
    world.providers.shop.queries([Act::Stalls, not_found()]);
    let call = world.paying("shop", "FROZEN0001");
    wait_until("a query", async || world.providers.shop.asked() > 0).await;
    world.store.freeze("shop", "fraud?", 0).await.expect("frozen");
    assert_eq!(outcome(&call.await.expect("no panic")), "unknown");
    assert_eq!(world.providers.shop.created(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_call_in_doubt_is_not_called_unsent_because_the_journal_cannot_be_written() {
    let world = World::with(FAST);
    world.providers.shop.creates([code(10000)]);
    world.providers.shop.queries([code(21000)]);
    world.pay("shop", "TAKEN00001").await;
    world.lose("shop", "INDOUBT001").await;
    world.break_journal();
    let reply = world.pay("shop", "INDOUBT001").await;
    assert_eq!(outcome(&reply), "unknown", "its caller would pay again: {reply:?}");
    let problem: Value = serde_json::from_slice(&reply.body).expect("JSON");
    assert_eq!(problem["code"], "in-progress");
    assert_eq!(problem["safe_to_retry"], false);
    let reply = world.pay("shop", "TAKEN00001").await;
    assert_eq!(outcome(&reply), "accepted", "its answer is kept: {reply:?}");
    let reply = world.pay("shop", "NEWCOMER01").await;
    assert_eq!(outcome(&reply), "not_sent", "nothing is known of it: {reply:?}");
    assert_eq!(world.providers.shop.created(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_payment_whose_call_no_longer_polls_is_due_at_once() {
    let attempts = POLLED.replace("attempts = 3", "attempts = 1").replace("20s", "600s");
    let world = World::with(&attempts);
    world.providers.shop.creates([Act::Loses]);
    world.providers.shop.queries([not_found()]);
    assert_eq!(outcome(&world.pay("shop", "HANDEDOVER").await), "unknown");
    let before = world.payment("shop", "HANDEDOVER").await.row.next_query_at_ms;
    let now_ms = world.store.time_ms();
    assert!(before.is_none_or(|at| at <= now_ms + 120_000), "in ten minutes: {before:?}");
    wait_until("a resend", async || world.providers.shop.created() > 1).await;
}

#[tokio::test(start_paused = true)]
async fn a_resend_in_the_background_must_fit_into_the_money_per_hour() {
    let world = World::with(&format!("{FAST}\nlimits.money_per_hour = \"600.00 THB\""));
    world.providers.shop.creates([code(10000)]);
    world.providers.shop.queries([not_found()]);
    let money = world.limits("shop").money.clone();
    let reserved = money.reserve(50_000, instant()).expect("it fits");
    // It left in an earlier hour.
    world.lose_what_left("shop", "INDOUBT001", 2 * 60 * 60 * 1000).await;
    let id = world.payment("shop", "INDOUBT001").await.row.id;
    for _ in 0..4 {
        let asked = world.providers.shop.asked();
        world.ask_again(&id).await;
        wait_until("a query", async || world.providers.shop.asked() > asked).await;
    }
    assert_eq!(world.providers.shop.created(), 0, "500.00 of 600.00 are spent");
    assert_eq!(world.state("shop", "INDOUBT001").await, "unknown");
    money.give_back(reserved);
    world
        .resolve_until("INDOUBT001", "the resend", |view| {
            view.row.payment.state.as_str() == "accepted"
        })
        .await;
    assert!(money.reserve(50_000, instant()).is_err(), "its money counts from now on");
}
