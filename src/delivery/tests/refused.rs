//! Applications that do not accept their events: repeated in order, with pauses, until given up.

use super::world::{Say, World};
use crate::store::EventState;

#[tokio::test(start_paused = true)]
async fn events_of_one_reference_stay_in_order_and_delay_no_other_reference() {
    let mut world = World::start("");
    let first = world.receive("R", &[Say::Status(503), Say::NoAnswer]).await;
    world.expect(&[&first]).await;
    world.until(&first, EventState::Retrying).await;
    let second = world.receive("R", &[]).await;
    let third = world.receive("R", &[]).await;
    let other = world.receive("S", &[]).await;
    world.expect(&[&other]).await;
    for pause in [1, 2] {
        world.expect_nothing().await;
        world.pass(pause);
        world.expect(&[&first]).await;
    }
    world.expect(&[&second, &third]).await;
    let first = world.until(&first, EventState::Delivered).await;
    let heard: Vec<_> = first.attempts.iter().map(|tried| tried.error.as_deref()).collect();
    assert_eq!(
        heard,
        [Some("HTTP 503"), Some("no whole answer within the total time-out"), None],
        "every attempt is on record"
    );
}

#[tokio::test(start_paused = true)]
async fn an_event_does_not_come_back_before_the_application_wants_it() {
    let mut world = World::start("");
    let event = world.receive("R", &[Say::After(429, "120")]).await;
    world.expect(&[&event]).await;
    world.until(&event, EventState::Retrying).await;
    world.pass(119);
    world.expect_nothing().await;
    world.pass(1);
    world.expect(&[&event]).await;
    world.until(&event, EventState::Delivered).await;
}

#[tokio::test(start_paused = true)]
async fn an_event_that_is_not_wanted_becomes_a_dead_letter_and_lets_the_next_one_pass() {
    let mut world = World::start("");
    let unwanted = world.receive("R", &[Say::Status(410)]).await;
    let next = world.receive("R", &[]).await;
    world.expect(&[&unwanted, &next]).await;
    let unwanted = world.until(&unwanted, EventState::Dead).await;
    assert_eq!(unwanted.attempts[0].attempt.http_status, Some(410));
    world.until(&next, EventState::Delivered).await;
    assert_eq!(world.metric("countersign_deliveries_total{account=\"one\",result=\"gone\"}"), 1.0);
}

#[tokio::test(start_paused = true)]
async fn an_event_that_is_not_accepted_in_time_becomes_a_dead_letter_and_lets_the_next_one_pass() {
    let mut world = World::start("retry_for = \"3s\"");
    let refused = world.receive("R", &vec![Say::Status(500); 9]).await;
    let next = world.receive("R", &[]).await;
    world.expect(&[&refused]).await;
    world.until(&refused, EventState::Retrying).await;
    world.pass(1);
    world.expect(&[&refused]).await;
    world.until(&refused, EventState::Retrying).await;
    world.pass(2);
    // The third attempt is made exactly at the end.
    world.expect(&[&refused, &next]).await;
    let refused = world.until(&refused, EventState::Dead).await;
    assert_eq!((refused.attempts.len(), refused.row.last_error.as_deref()), (3, Some("HTTP 500")));
    let exhausted = "countersign_deliveries_total{account=\"one\",result=\"exhausted\"}";
    assert_eq!(world.metric(exhausted), 1.0);
    let failed = "countersign_deliveries_total{account=\"one\",result=\"failed\"}";
    assert_eq!(world.metric(failed), 2.0);
}

#[tokio::test(start_paused = true)]
async fn a_redirect_is_not_followed() {
    let mut world = World::start("");
    let event = world.receive("R", &[Say::Status(302)]).await;
    world.expect(&[&event]).await;
    let event = world.until(&event, EventState::Retrying).await;
    assert_eq!(event.row.last_error.as_deref(), Some("HTTP 302: redirects are not followed"));
    world.expect_nothing().await;
}

#[tokio::test(start_paused = true)]
async fn an_application_that_hangs_delays_neither_other_accounts_nor_notifications() {
    let mut world = World::start("concurrency = 2");
    let hanging = [world.receive("R", &[Say::Hang]).await, world.receive("S", &[Say::Hang]).await];
    world.expect(&[&hanging[0], &hanging[1]]).await;
    let waiting = world.receive("T", &[]).await;
    let other = world.receive_for("two", "R", &[]).await;
    world.expect(&[&other]).await;
    assert!(
        world.until(&waiting, EventState::Pending).await.attempts.is_empty(),
        "two deliveries are under way, which is all that is allowed"
    );
    world.let_go();
    world.expect(&[&waiting]).await;
    for event in &hanging {
        let event = world.until(event, EventState::Delivered).await;
        assert_eq!(event.attempts.len(), 1, "a claim is valid for as long as its attempt takes");
    }
}
