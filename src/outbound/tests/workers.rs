//! No account waits for another account's provider.

use super::world::{ASKED, Act, World, found, wait_until};

const SLOW: &str = "timeouts = { connect = \"1s\", total = \"600s\" }\n\
    retry = { resolve_for = \"0s\" }\ncircuit = { failures = 0 }";

#[tokio::test(start_paused = true)]
async fn a_provider_that_stalls_delays_no_other_account() {
    let world = World::with(SLOW);
    world.providers.slow.queries([Act::Stalls]);
    world.providers.shop.queries([found("PAYOUT0001", "COMPLETED")]);
    world.lose("slow", "PAYOUT0001").await;
    wait_until("the slow query", async || world.providers.slow.asked() == 1).await;
    world.lose("shop", "PAYOUT0001").await;
    wait_until("the end", async || world.state("shop", "PAYOUT0001").await == "accepted").await;
    let slow = world.payment("slow", "PAYOUT0001").await.row;
    assert_eq!(slow.queries, 0, "the slow provider has not answered yet");
}

#[tokio::test(start_paused = true)]
async fn a_query_that_stalls_delays_no_other_payment_of_its_account() {
    let world = World::with(SLOW);
    world.providers.shop.queries([Act::Stalls, found(ASKED, "COMPLETED")]);
    let references: Vec<String> = (0..30).map(|number| format!("MANY{number:06}")).collect();
    for reference in &references {
        world.lose("shop", reference).await;
    }
    wait_until("all but one", async || world.resolved("accepted") == 29).await;
    let mut unasked = 0;
    for reference in &references {
        unasked += usize::from(world.payment("shop", reference).await.row.queries == 0);
    }
    assert_eq!(unasked, 1, "the query that stalls is still under way");
}
