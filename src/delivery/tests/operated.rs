//! What the application receives, what a replay looks like, and what operators see.

use super::world::{START_MS, Say, World};
use crate::delivery::housekeeping;
use crate::store::{EventState, Inbox, Selection};

#[tokio::test(start_paused = true)]
async fn an_event_is_posted_as_a_signed_structured_cloud_event() {
    let mut world = World::start("secret = { file = \"config/demo/delivery-secret\" }");
    let event = world.receive("R", &[]).await;
    let posted = world.posted().await;
    assert_eq!(posted.header("content-type"), Some("application/cloudevents+json"));
    assert_eq!(&posted.body[..], b"{ \"an\": \"event\" }", "byte for byte as it was stored");
    assert_eq!(posted.path, "/events?a=b");
    assert_eq!(posted.header("webhook-id"), Some(event.as_str()));
    assert_eq!(posted.header("webhook-timestamp"), Some((START_MS / 1000).to_string().as_str()));
    assert!(posted.header("webhook-signature").is_some_and(|it| it.starts_with("v1,")));
    assert_eq!(posted.header("countersign-replay"), None, "it was not replayed");
}

#[tokio::test(start_paused = true)]
async fn every_attempt_is_signed_with_the_time_at_which_it_is_made() {
    let mut world = World::start("secret = { file = \"config/demo/delivery-secret\" }");
    let event = world.receive("R", &[Say::Status(500)]).await;
    let first = world.posted().await;
    world.until(&event, EventState::Retrying).await;
    world.pass(60);
    let second = world.posted().await;
    assert_eq!(first.id, second.id, "the id stays the same");
    let later = (START_MS / 1000 + 60).to_string();
    assert_eq!(second.header("webhook-timestamp"), Some(later.as_str()));
    assert_ne!(first.header("webhook-signature"), second.header("webhook-signature"));
}

#[tokio::test(start_paused = true)]
async fn the_plain_format_is_the_provider_s_text_verbatim() {
    let mut world = World::start("format = \"plain\"");
    world.receive_as("one", "R", None, &[]).await;
    let posted = world.posted().await;
    assert_eq!(posted.header("content-type"), Some("application/json"));
    assert_eq!(&posted.body[..], b"{ \"amount\": 1.50 }");
}

#[tokio::test(start_paused = true)]
async fn a_notification_that_could_not_be_understood_stays_a_dead_letter() {
    let mut world = World::start("");
    let event = world.receive_as("one", "R", None, &[]).await;
    let event = world.until(&event, EventState::Dead).await;
    assert!(event.row.last_error.is_some_and(|error| error.contains("could not be understood")));
    world.expect_nothing().await;
}

#[tokio::test(start_paused = true)]
async fn a_replay_keeps_the_id_and_says_that_it_is_one() {
    let mut world = World::start("");
    let event = world.receive("R", &[]).await;
    world.expect(&[&event]).await;
    world.until(&event, EventState::Delivered).await;
    for replays in ["1", "2"] {
        world.pass(1000);
        let selection = Selection::Ids(vec![event.clone()]);
        let tally = world.inbox.replay(&selection).await.expect("a replay");
        assert_eq!(tally.changed, 1);
        let posted = world.posted().await;
        assert_eq!(posted.id, event.as_str());
        assert_eq!(posted.header("countersign-replay"), Some(replays));
        world.until(&event, EventState::Delivered).await;
    }
    let lags = world.metric("countersign_delivery_lag_seconds_count{account=\"one\"}");
    assert_eq!(lags, 1.0, "a replay says nothing about how long deliveries take");
}

#[tokio::test(start_paused = true)]
async fn the_figures_of_the_inbox_are_shown_for_every_account() {
    let mut world = World::stopped("");
    world.receive("R", &[]).await;
    world.receive("S", &[]).await;
    world.pass(90);
    housekeeping::show_figures(&world.parts()).await.expect("a readable store");
    assert_eq!(world.metric("countersign_inbox_events{account=\"one\",state=\"pending\"}"), 2.0);
    assert_eq!(world.metric("countersign_inbox_oldest_age_seconds{account=\"one\"}"), 90.0);
    assert_eq!(world.metric("countersign_inbox_events{account=\"two\",state=\"dead\"}"), 0.0);
}

#[tokio::test(start_paused = true)]
async fn delivered_events_are_removed_after_the_configured_time() {
    let mut world = World::start("");
    let event = world.receive("R", &[]).await;
    world.expect(&[&event]).await;
    world.until(&event, EventState::Delivered).await;
    world.stop().await;
    let open = world.receive("R", &[]).await;
    let days = |days: i64| days * 24 * 3600;
    for (passed, is_kept) in [(days(29), true), (days(2), false)] {
        world.pass(passed);
        housekeeping::sweep(&world.parts()).await.expect("a writable store");
        let found = world.inbox.show(&event).await.expect("a readable store");
        assert_eq!(found.is_some(), is_kept);
    }
    assert!(world.inbox.show(&open).await.expect("a readable store").is_some(), "never delivered");
}
