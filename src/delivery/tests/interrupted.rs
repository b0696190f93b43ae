//! Stops, crashes, and clocks that jump.

use std::sync::atomic::Ordering;

use super::world::{Say, World, snapshot};
use crate::store::{EventState, Inbox};

const HOUR: i64 = 3600;

#[tokio::test(start_paused = true)]
async fn an_event_claimed_by_a_dead_process_is_delivered_when_the_claim_expires() {
    let mut world = World::stopped("");
    let claimed = world.receive("R", &[]).await;
    let second = world.receive("R", &[]).await;
    let lost = world.inbox.claim("one", 8, 15_000).await.expect("a claim");
    assert_eq!(lost.len(), 1, "the second one of the reference has to wait");
    world.run();
    world.expect_nothing().await;
    world.pass(15);
    world.expect(&[&claimed, &second]).await;
    world.until(&second, EventState::Delivered).await;
}

#[tokio::test(start_paused = true)]
async fn a_stop_hands_back_a_hanging_delivery_and_the_next_start_makes_it_at_once() {
    let mut world = World::start("");
    let hanging = world.receive("R", &[Say::Hang]).await;
    world.expect(&[&hanging]).await;
    world.stop().await;
    world.receive("S", &[]).await;
    assert!(world.inbox.next_due("one").await.expect("readable") <= Some(world.now_ms()));
    world.run();
    world.expect(&[&hanging]).await;
    world.until(&hanging, EventState::Delivered).await;
}

#[tokio::test(start_paused = true)]
async fn a_stop_waits_for_an_attempt_that_ends_soon() {
    let mut world = World::start("");
    let event = world.receive("R", &[Say::Hang]).await;
    world.expect(&[&event]).await;
    world.let_go();
    world.stop().await;
    let event = world.until(&event, EventState::Delivered).await;
    assert_eq!(event.attempts.len(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_jump_of_the_wall_clock_changes_no_pause_and_makes_no_dead_letter() {
    let mut world = World::start("retry_for = \"1h\"");
    let event = world.receive("R", &[Say::Status(503), Say::Status(503), Say::Status(503)]).await;
    world.expect(&[&event]).await;
    for (jump, pause) in [(-24 * HOUR, 1), (100 * 24 * HOUR, 2), (-30 * 24 * HOUR, 5)] {
        world.until(&event, EventState::Retrying).await;
        world.clocks().jump(jump * 1_000);
        world.expect_nothing().await;
        world.pass(pause);
        world.expect(&[&event]).await;
    }
    world.until(&event, EventState::Delivered).await;
}

#[tokio::test(start_paused = true)]
async fn an_event_under_way_is_not_posted_twice_when_the_machine_sleeps() {
    let mut world = World::start("");
    let event = world.receive("R", &[Say::Hang]).await;
    world.expect(&[&event]).await;
    world.pass(HOUR);
    world.expect_nothing().await;
    world.let_go();
    let event = world.until(&event, EventState::Delivered).await;
    assert_eq!(event.attempts.len(), 1, "one post, and it counted under the newest claim");
}

#[tokio::test(start_paused = true)]
async fn a_delivery_that_cannot_be_recorded_for_a_moment_is_recorded_later_and_not_made_again() {
    let mut world = World::stopped("");
    world.inbox.claims.store(3, Ordering::SeqCst);
    world.inbox.settlements.store(1, Ordering::SeqCst);
    let event = world.receive("R", &[]).await;
    let next = world.receive("R", &[]).await;
    world.run();
    world.expect(&[&event]).await;
    world.pass(HOUR);
    world.expect(&[&next]).await;
    let event = world.until(&event, EventState::Delivered).await;
    assert_eq!(event.attempts.len(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_delivery_that_fails_unexpectedly_is_made_again_and_stops_no_other() {
    let mut world = World::start("");
    let event = world.receive("R", &[Say::Panic]).await;
    world.expect(&[&event]).await;
    world.expect_nothing().await;
    world.pass(15);
    world.expect(&[&event]).await;
    world.until(&event, EventState::Delivered).await;
}

#[tokio::test(start_paused = true)]
async fn deliveries_begin_and_end_with_the_configuration() {
    let mut world = World::stopped("");
    world.live.swap(snapshot(""));
    world.run();
    let event = world.receive("R", &[]).await;
    let configured = "url = \"http://127.0.0.1:9/later\"";
    world.live.swap(snapshot(configured));
    let posted = world.posted().await;
    assert_eq!((posted.id.as_str(), posted.path.as_str()), (event.as_str(), "/later"));
    world.until(&event, EventState::Delivered).await;
    world.live.swap(snapshot("url = \"http://127.0.0.1:9/elsewhere\""));
    world.receive("R", &[]).await;
    assert_eq!(
        world.posted().await.path,
        "/elsewhere",
        "a change takes effect with the next event"
    );
}
