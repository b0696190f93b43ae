//! Every change to a payment in doubt is reported by exactly one event.

use std::time::Duration;

use serde_json::{Value, json};

use super::world::{Act, FAST, World, code, found, found_with, not_found, outcome, wait_until};

fn flags(event: &Value) -> &Value {
    &event["data"]["flags"]
}

#[tokio::test(start_paused = true)]
async fn a_resend_that_is_accepted_in_the_background_becomes_a_pending_event() {
    let world = World::with(FAST);
    world.providers.shop.creates([code(10000)]);
    world.providers.shop.queries([not_found()]);
    world.lose("shop", "RESENT0001").await;
    world.resolve_until("RESENT0001", "the end", |view| view.row.end().is_some()).await;
    let event = world.event("RESENT0001").await;
    assert_eq!(event["type"], "countersign.payout.pending", "accepted is not paid: {event:#}");
    assert_eq!(flags(&event), &json!(["synthesised"]));
    assert_eq!(event["data"]["amount"]["minor"], 50020);
    assert_eq!(world.providers.shop.created(), 1, "sent again");
    assert_eq!(world.resolved("accepted"), 1);
}

#[tokio::test(start_paused = true)]
async fn an_outcome_in_doubt_that_ends_as_refused_becomes_a_failed_event() {
    let world = World::with(FAST);
    world.providers.shop.creates([code(21014)]);
    world.providers.shop.queries([not_found()]);
    world.lose("shop", "REFUSED001").await;
    world.resolve_until("REFUSED001", "the end", |view| view.row.end().is_some()).await;
    assert_eq!(world.state("shop", "REFUSED001").await, "rejected");
    let event = world.event("REFUSED001").await;
    assert_eq!(event["type"], "countersign.payout.failed", "{event:#}");
    assert_eq!(event["subject"], "REFUSED001");
    assert_eq!(flags(&event), &json!(["synthesised"]));
    assert_eq!(event["data"]["failure"]["code"], "21014", "{event:#}");
    assert_eq!(
        event["data"]["amount"],
        json!({"minor": 50020, "value": "500.20", "currency": "THB"})
    );
    assert_eq!(world.resolved("rejected"), 1);
}

#[tokio::test(start_paused = true)]
async fn a_payment_sent_ten_times_in_vain_is_called_off_with_an_event() {
    let world = World::with(FAST);
    world.providers.shop.creates([Act::Refuses]);
    world.providers.shop.queries([not_found()]);
    world.lose("shop", "VAIN000001").await;
    world.resolve_until("VAIN000001", "the end", |view| view.row.end().is_some()).await;
    assert_eq!(world.state("shop", "VAIN000001").await, "not_sent");
    assert_eq!(world.providers.shop.created(), 9, "with the first one, as often as allowed");
    let event = world.event("VAIN000001").await;
    assert_eq!(event["type"], "countersign.payout.failed", "{event:#}");
    assert_eq!(event["data"]["failure"]["code"], Value::Null);
    assert_eq!(event["data"]["failure"]["message"], "10 attempts did not reach the provider");
    assert_eq!(world.resolved("not_sent"), 1);
}

#[tokio::test(start_paused = true)]
async fn an_answer_too_large_to_be_stored_still_becomes_an_event() {
    let world = World::with(FAST);
    let large = json!({ "transactionStatus": "COMPLETED", "more": "x".repeat(300 * 1024) });
    world.providers.shop.queries([found_with("LARGE00001", large)]);
    world.lose("shop", "LARGE00001").await;
    world.resolve_until("LARGE00001", "the end", |view| view.row.end().is_some()).await;
    let event = world.event("LARGE00001").await;
    assert_eq!(event["type"], "countersign.payout.succeeded");
    assert_eq!(world.payment("shop", "LARGE00001").await.answer, None, "it is not stored");
}

#[tokio::test(start_paused = true)]
async fn every_change_of_the_status_becomes_one_event_in_order() {
    let world = World::with(FAST);
    let statuses = ["PENDING", "PENDING", "COMPLETED"];
    world.providers.shop.queries(statuses.map(|status| found("STEPS00001", status)));
    world.lose("shop", "STEPS00001").await;
    world.resolve_until("STEPS00001", "the answer", |view| view.row.end().is_some()).await;
    let id = world.payment("shop", "STEPS00001").await.row.id;
    for asked in [2, 3] {
        // Accepted, and queried until it is over: made due by hand, because the pauses are long.
        world.ask_again(&id).await;
        wait_until("a query", async || world.providers.shop.asked() >= asked).await;
    }
    wait_until("both events", async || world.events("STEPS00001").await.len() == 2).await;
    let events = world.events("STEPS00001").await;
    let types: Vec<_> = events.iter().map(|event| event["type"].as_str()).collect();
    let expected = [Some("countersign.payout.pending"), Some("countersign.payout.succeeded")];
    assert_eq!(types, expected, "one for each status");
    assert_eq!(world.resolved("accepted"), 1, "it was in doubt only once");
}

#[tokio::test(start_paused = true)]
async fn an_outcome_that_the_caller_waits_for_becomes_no_event() {
    let world = World::with(
        "timeouts = { connect = \"1s\", total = \"30s\" }\nretry = { resolve_for = \"30s\" }",
    );
    world.providers.shop.creates([Act::Loses]);
    world.providers.shop.queries([found("INCALL0001", "COMPLETED")]);
    let reply = world.pay("shop", "INCALL0001").await;
    assert_eq!(outcome(&reply), "accepted");
    assert_eq!(world.resolved("accepted"), 1, "it was in doubt for a moment");
    assert_eq!(world.events("INCALL0001").await, Vec::<Value>::new());
}

#[tokio::test(start_paused = true)]
async fn an_outcome_found_after_the_callers_time_out_becomes_an_event_too() {
    let world = World::with(
        "timeouts = { connect = \"1s\", total = \"1s\" }\nretry = { resolve_for = \"30s\" }",
    );
    world.providers.shop.creates([Act::Stalls]);
    world.providers.shop.queries([found("LATE000001", "COMPLETED")]);
    let reply = world.pay("shop", "LATE000001").await;
    assert_eq!(outcome(&reply), "accepted");
    assert_eq!(world.event("LATE000001").await["type"], "countersign.payout.succeeded");
}

#[tokio::test(start_paused = true)]
async fn a_query_answered_only_after_the_callers_time_out_becomes_an_event() {
    let world = World::with(
        "timeouts = { connect = \"1s\", total = \"3s\" }\nretry = { resolve_for = \"30s\" }",
    );
    let Act::Says(completed) = found("ACROSS0001", "COMPLETED") else { panic!("an answer") };
    world.providers.shop.creates([Act::Loses]);
    // The first query comes a tenth of a second after the create at the earliest.
    world.providers.shop.queries([Act::SaysAfter(Duration::from_millis(2950), completed)]);
    let reply = world.pay("shop", "ACROSS0001").await;
    assert_eq!(outcome(&reply), "accepted");
    assert_eq!(world.event("ACROSS0001").await["type"], "countersign.payout.succeeded");
}

#[tokio::test(start_paused = true)]
async fn an_accepted_payment_without_a_notification_is_queried_and_becomes_an_event() {
    let world = World::with("retry = { notice_within = \"1s\" }");
    world.providers.shop.creates([code(10000)]);
    world.providers.shop.queries([found("SILENT0001", "FAILED")]);
    assert_eq!(outcome(&world.pay("shop", "SILENT0001").await), "accepted");
    let event = world.event("SILENT0001").await;
    assert_eq!(event["type"], "countersign.payout.failed", "{event:#}");
    assert_eq!(world.resolved("accepted"), 0, "it was never in doubt");
}

#[tokio::test(start_paused = true)]
async fn an_end_that_only_the_caller_learned_becomes_an_event_when_no_notification_comes() {
    let world = World::with("retry = { notice_within = \"1s\" }");
    world.providers.shop.creates([Act::Loses]);
    world.providers.shop.queries([
        found("HEARD00001", "COMPLETED"),
        found("HEARD00001", "COMPLETED"),
        found("HEARD00001", "COMPLETED"),
    ]);
    assert_eq!(outcome(&world.pay("shop", "HEARD00001").await), "accepted");
    assert!(world.events("HEARD00001").await.is_empty(), "its caller was answered");
    let event = world.event("HEARD00001").await;
    assert_eq!(event["type"], "countersign.payout.succeeded", "{event:#}");
    assert_eq!(event["data"]["flags"], json!(["synthesised"]));
}

#[tokio::test(start_paused = true)]
async fn a_lost_call_that_moves_no_money_stays_unknown_and_names_its_reference() {
    let world = World::with(FAST);
    world.providers.shop.creates([Act::Loses]);
    let body = r#"{"mchOrderId":"QR00000001","channelCode":"THAI_DYNAMIC_QR","amount":100,"notifyUrl":"https://shop.example/n"}"#;
    let reply = world.posting("shop", "qr_create", body.to_owned()).await.expect("no panic");
    let problem: Value = serde_json::from_slice(&reply.body).expect("JSON");
    assert_eq!((reply.status.as_u16(), &problem["code"]), (504, &json!("outcome-unknown")));
    assert_eq!(problem["reference"], "QR00000001", "{problem:#}");
    assert_eq!(problem["safe_to_retry"], false);
    assert_eq!(world.providers.shop.created(), 1);
}
