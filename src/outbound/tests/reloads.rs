//! A call under way ends with the configuration and the limits that it began with.

use super::world::{Act, World, code, not_found, outcome, wait_until};
use crate::limits::Urgency;

const POLLED: &str = "timeouts = { connect = \"1s\", total = \"5s\" }\n\
    retry = { attempts = 3, resolve_for = \"20s\" }\ncircuit = { failures = 0 }";

/// Its status queries and its resend come after the reload, and fit into none of the new limits.
#[tokio::test(start_paused = true)]
async fn a_call_keeps_the_limits_that_it_began_with() {
    let world = World::with(POLLED);
    world.providers.shop.creates([Act::Loses, code(10000)]);
    world.providers.shop.queries([not_found()]);
    let call = world.paying("shop", "UNDERWAY01");
    wait_until("the create", async || world.providers.shop.created() == 1).await;
    world.reload(&format!(
        "{POLLED}\nlimits = {{ rate = \"1/h\", on_excess = \"reject\", money_per_hour = \"1.00 THB\" }}"
    ));
    let rate = world.limits("shop").rate.clone();
    while rate.admit(Urgency::Last, "payout_create").await.is_ok() {}
    assert_eq!(outcome(&world.pay("shop", "AFTERWARDS").await), "not_sent", "the limits are new");
    let reply = call.await.expect("no panic");
    assert_eq!(outcome(&reply), "accepted", "{reply:?}");
    assert_eq!(world.providers.shop.created(), 2, "it was sent again");
}
