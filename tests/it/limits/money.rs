//! The money that an account may move within an hour.

use super::*;
use crate::support::Sidecar;

fn with_budget(provider: &Provider) -> ConfigBuilder {
    impatient(provider).section("[account.limits]\nmoney_per_hour = \"250.00 THB\"")
}

#[test]
fn money_that_left_before_a_restart_counts_and_money_that_did_not_leave_does_not() {
    let provider = Provider::start();
    let mut sidecar = Sidecar::start(&with_budget(&provider));
    provider.will(code(21014));
    assert_eq!(outcome(&create(sidecar.app, "REFUSED1")), "rejected");
    provider.will(Action::Close);
    assert_eq!(outcome(&create(sidecar.app, "LOST0001")), "unknown");
    provider.will(Action::Answer(ACCEPTED.to_owned()));
    assert_eq!(outcome(&create(sidecar.app, "PAID0001")), "accepted");
    sidecar.kill();
    sidecar.restart();
    let refused = create(sidecar.app, "OVER0001");
    let problem = refused.problem("rate-limited", 429);
    assert_eq!(problem["outcome"], "not_sent", "{problem:#}");
    assert!((3_000..=3_720).contains(&retry_after(&refused)), "{}", refused.text());
    assert_eq!(query(sidecar.app).status, 200, "queries move no money");
    assert_eq!(outcome(&create(sidecar.app, "PAID0001")), "accepted", "nothing is moved again");
    let small = payout("SMALL001").replace("10000", "5000");
    let answer = post(sidecar.app, "/shop/payout_create", &small);
    assert_eq!(outcome(&answer), "accepted", "50.00 were left: {}", answer.text());
}
