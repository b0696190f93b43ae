//! The money that an account may move within an hour.

use super::*;
use crate::support::Sidecar;
use crate::support::http::request;

fn with_budget(provider: &Provider) -> ConfigBuilder {
    impatient(provider).section("[account.limits]\nmoney_per_hour = \"250.00 THB\"")
}

#[test]
fn money_sent_before_a_restart_counts_and_money_not_sent_does_not() {
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
    assert_eq!(outcome(&create(sidecar.app, "PAID0001")), "accepted", "no money is moved again");
    let small = payout("SMALL001").replace("10000", "5000");
    let answer = post(sidecar.app, "/shop/payout_create", &small);
    assert_eq!(outcome(&answer), "accepted", "50.00 were left: {}", answer.text());
}

#[test]
fn a_repeated_answer_spends_nothing() {
    let provider = Provider::start();
    let sidecar = Sidecar::start(&with_budget(&provider));
    for _ in 0..4 {
        assert_eq!(outcome(&create(sidecar.app, "ONCE0001")), "accepted");
    }
    let other = payout("ONCE0001").replace("10000", "10001");
    post(sidecar.app, "/shop/payout_create", &other).problem("reference-reused", 422);
    assert_eq!(outcome(&create(sidecar.app, "ONCE0002")), "accepted", "150.00 were left");
    create(sidecar.app, "ONCE0003").problem("rate-limited", 429);
}

#[test]
fn a_budget_set_by_a_reload_counts_money_sent_before_the_process_began() {
    let provider = Provider::start();
    let without = impatient(&provider).text();
    let with = with_budget(&provider).text().replace("250.00", "150.00");
    let mut sidecar = Sidecar::start(&impatient(&provider));
    assert_eq!(outcome(&create(sidecar.app, "BEFORE0001")), "accepted");
    sidecar.kill();
    sidecar.restart();
    sidecar.configure(&with);
    assert_eq!(request(sidecar.admin, "POST", "/reload", &[], b"").status, 200);
    create(sidecar.app, "OVER0001").problem("rate-limited", 429);

    sidecar.kill();
    sidecar.configure(&without.replace("\"shop\"", "\"other\""));
    sidecar.restart();
    sidecar.configure(&with);
    assert_eq!(request(sidecar.admin, "POST", "/reload", &[], b"").status, 200);
    create(sidecar.app, "OVER0002").problem("rate-limited", 429);
}
