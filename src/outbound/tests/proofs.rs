//! What the provider says counts as a proof only where it is one.

use serde_json::json;

use super::world::{
    Act, FAST, World, code, found, found_with, not_found, notified, outcome, wait_until,
};

/// Lets the resolver query without its pauses until it has queried `times` times.
async fn asked(world: &World, reference: &str, times: u32) {
    let id = world.payment("shop", reference).await.row.id;
    wait_until("the queries", async || {
        world.ask_again(&id).await;
        world.payment("shop", reference).await.row.queries >= times
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn an_answer_about_something_else_settles_nothing() {
    let bare =
        |data: &str| Act::Says(format!(r#"{{"code":10000,"message":"Success","data":{data}}}"#));
    for (number, answer) in [
        found("ANOTHER001", "COMPLETED"),
        found_with("ANOTHER001", json!({ "mchOrderId": null })),
        bare("{}"),
        bare("null"),
        bare(r#"{"transactionStatus":"COMPLETED","amount":50020}"#),
    ]
    .into_iter()
    .enumerate()
    {
        let world = World::with(FAST);
        let reference = format!("PROOF{number:05}");
        world.providers.shop.queries([answer.clone()]);
        world.lose("shop", &reference).await;
        asked(&world, &reference, 3).await;
        assert_eq!(world.state("shop", &reference).await, "unknown", "{answer:?}");
        assert_eq!(world.providers.shop.created(), 0, "{answer:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn another_amount_than_was_sent_leaves_it_in_doubt_and_is_counted() {
    for (reference, amount, conflict) in [
        ("AMOUNT0001", json!(30000), "amount-mismatch"),
        ("AMOUNT0002", json!("500.20"), "amount-unreadable"),
        ("AMOUNT0003", json!([50020]), "amount-unreadable"),
    ] {
        let world = World::with(FAST);
        world.providers.shop.creates([code(21007)]);
        world.providers.shop.queries([found_with(reference, json!({ "amount": amount }))]);
        let reply = world.pay("shop", reference).await;
        assert_eq!(outcome(&reply), "unknown");
        asked(&world, reference, 2).await;
        assert_eq!(world.state("shop", reference).await, "unknown");
        assert!(world.conflicts(conflict) >= 2, "each time");
        assert!(world.events(reference).await.is_empty());
        assert_eq!(world.providers.shop.created(), 1);
    }
}

#[tokio::test(start_paused = true)]
async fn an_answer_without_an_amount_contradicts_nothing() {
    let world = World::with(FAST);
    let bare = json!({ "transactionStatus": "COMPLETED", "amount": null });
    world.providers.shop.queries([found_with("AMOUNT0004", bare)]);
    world.lose("shop", "AMOUNT0004").await;
    wait_until("the end", async || world.state("shop", "AMOUNT0004").await == "accepted").await;
}

/// A load balancer repeats the POST: the first copy is executed, and only the answer to the second arrives.
#[tokio::test(start_paused = true)]
async fn a_duplicate_that_is_not_found_is_never_called_rejected() {
    let world = World::with(FAST);
    world.providers.shop.creates([code(21007)]);
    world.providers.shop.queries([not_found()]);
    assert_eq!(outcome(&world.pay("shop", "TWICE00001").await), "unknown");
    asked(&world, "TWICE00001", 5).await;
    assert_eq!(world.state("shop", "TWICE00001").await, "unknown");
    assert_eq!(outcome(&world.pay("shop", "TWICE00001").await), "unknown", "nor to a repeat");
    assert_eq!(world.providers.shop.created(), 1);
}

/// The provider refused a payment, and reports that it was made after all while the next one under its reference waits
/// for a connection.
#[tokio::test(start_paused = true)]
async fn a_caller_that_pays_again_gets_the_first_payment_if_that_was_made() {
    let world = World::with("retry = { attempts = 9, resolve_for = \"0s\" }");
    world.providers.shop.creates([code(21014), Act::Refuses]);
    world.providers.shop.queries([found("ANEW000001", "COMPLETED")]);
    assert_eq!(outcome(&world.pay("shop", "ANEW000001").await), "rejected");
    let anew = world.paying("shop", "ANEW000001");
    // Between two attempts nothing of it is on its way.
    let told = async || {
        let view = world.payment("shop", "ANEW000001").await;
        let waits = view.row.generation == 2 && view.row.payment.state.as_str() == "ready";
        if waits {
            let noticed = notify(&world, "ANEW000001").await;
            assert!(noticed.contains(&"contradicted"), "{noticed:?}");
        }
        waits
    };
    wait_until("a moment between two attempts", told).await;
    assert_eq!(outcome(&anew.await.expect("no panic")), "accepted", "the first one was made");
    let standing = world.payment("shop", "ANEW000001").await.row;
    assert_eq!((standing.generation, standing.contradicted), (1, true));
    assert_eq!(outcome(&world.pay("shop", "ANEW000001").await), "accepted");
}

/// The flags of a notification that reports the payout.
async fn notify(world: &World, reference: &str) -> Vec<&'static str> {
    let (notice, event) = notified(reference, "D9");
    let (_, noticed) = world.store.receive_notification(notice, event).await.expect("stored");
    noticed.flags.iter().map(|flag| flag.word()).collect()
}

#[tokio::test(start_paused = true)]
async fn an_answer_about_another_call_says_nothing_of_ours() {
    for (asked, told) in [(found("CROSSED001", "COMPLETED"), "accepted"), (not_found(), "unknown")]
    {
        let world = World::with(FAST);
        world.providers.shop.creates([found("SOMEBODY01", "PENDING")]);
        world.providers.shop.queries([asked.clone()]);
        let reply = world.pay("shop", "CROSSED001").await;
        assert_eq!(outcome(&reply), told, "the query decides: {reply:?}");
        assert_eq!(world.state("shop", "CROSSED001").await, told);
        assert!(world.providers.shop.asked() > 0);
    }
}

#[tokio::test(start_paused = true)]
async fn the_transaction_that_the_answer_names_is_the_payment_s() {
    let world = World::with(FAST);
    world.providers.shop.creates([found("NAMED00001", "PENDING")]);
    assert_eq!(outcome(&world.pay("shop", "NAMED00001").await), "accepted");
    let row = world.payment("shop", "NAMED00001").await.row;
    assert_eq!(row.provider_reference.as_deref(), Some("D9"), "another one is a second execution");
}
