//! A caller that was asked to wait for a payment's end gets an event, and so does one that was not answered.

use std::time::Duration;

use super::world::{Act, FAST, World, code, outcome, wait_until};
use crate::store::Step;
use crate::wire::{Handler, Reply};

/// A call waits two seconds for the same call that is under way.
const SHORT: &str = "timeouts = { connect = \"1s\", total = \"2s\" }\n\
    retry = { attempts = 1, resolve_for = \"0s\" }\ncircuit = { failures = 0 }";

fn late(answer: &Act) -> Act {
    match answer {
        Act::Says(body) => Act::SaysAfter(Duration::from_secs(4), body.clone()),
        other => other.clone(),
    }
}

#[tokio::test(start_paused = true)]
async fn a_caller_asked_to_wait_for_another_s_call_gets_an_event_for_its_end() {
    for (reference, answer, end) in [
        ("WAITED0001", code(10000), "countersign.payout.pending"),
        ("WAITED0002", code(21014), "countersign.payout.failed"),
    ] {
        let world = World::with(SHORT);
        world.providers.shop.creates([late(&answer)]);
        let first = world.paying("shop", reference);
        wait_until("the create", async || world.providers.shop.created() > 0).await;
        let second = world.pay("shop", reference).await;
        assert_eq!((second.status.as_u16(), outcome(&second)), (409, "unknown"), "{second:?}");
        let _ = first.await.expect("no panic");
        assert_eq!(world.event(reference).await["type"], end);
        let row = world.payment("shop", reference).await.row;
        assert!(!row.owes_event, "and that is all");
    }
}

#[tokio::test(start_paused = true)]
async fn a_caller_that_cannot_be_answered_gets_an_event() {
    let world = World::with(FAST);
    world.providers.shop.creates([code(10000), code(21014)]);
    let heard: Reply = world.pay("shop", "ACCEPTED01").await;
    let rejected = world.pay("shop", "REJECTED01").await;
    assert_eq!((outcome(&heard), outcome(&rejected)), ("accepted", "rejected"));
    assert!(world.events("ACCEPTED01").await.is_empty(), "its caller was answered");
    for (reply, reference, end) in [
        (heard, "ACCEPTED01", "countersign.payout.pending"),
        (rejected, "REJECTED01", "countersign.payout.failed"),
    ] {
        let ticket = reply.ticket.expect("every answer about a payment has one");
        world.outbound.unheard(&ticket).await;
        let event = world.event(reference).await;
        assert_eq!(event["type"], end, "{event:#}");
    }
}

#[tokio::test(start_paused = true)]
async fn an_event_that_cannot_be_made_delays_no_other() {
    let world = World::with(FAST);
    let gone = world.new_payment("shop", "no_longer_in_the_profile", "GONE000001");
    let (id, now_ms) = (gone.id.clone(), gone.now_ms);
    world.store.begin(gone).await.expect("written");
    let reason = "no connection".to_owned();
    for step in [Step::GiveUp { reason, now_ms }, Step::NoteUnheard] {
        world.store.step(&id, step).await.expect("written");
    }
    world.providers.shop.creates([code(21014)]);
    let reply = world.pay("shop", "REJECTED01").await;
    world.outbound.unheard(&reply.ticket.expect("every answer about a payment has one")).await;
    assert_eq!(world.event("REJECTED01").await["type"], "countersign.payout.failed");
    assert!(world.events("GONE000001").await.is_empty());
}
