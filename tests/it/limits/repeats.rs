//! The budget for repeating calls.

use super::*;
use crate::support::Sidecar;

#[test]
fn queries_do_not_pay_for_repeats_of_creates() {
    let provider = Provider::start();
    let retry = "[account.retry]\nattempts = 2\nresolve_for = \"1s\"";
    let sidecar = Sidecar::start(&config(&provider).section(retry));
    provider.will(Action::Choose(|request| match is_create(request) {
        true => code(21008),
        false => Action::Answer(ACCEPTED.to_owned()),
    }));
    let attempts = |reference: &str| {
        let answer = create(sidecar.app, reference);
        answer.header("countersign-attempts").expect("the field").to_owned()
    };
    for number in 0..10 {
        assert_eq!(attempts(&format!("SAVED{number:03}")), "2", "the savings pay for it");
    }
    for _ in 0..20 {
        assert_eq!(query(sidecar.app).status, 200);
    }
    assert_eq!(attempts("SPENT001"), "1", "good queries say nothing about creates");
    provider.will(Action::Answer(ACCEPTED.to_owned()));
    for number in 0..5 {
        assert_eq!(outcome(&create(sidecar.app, &format!("GOOD{number:04}"))), "accepted");
    }
    provider.will(code(21008));
    assert_eq!(attempts("EARNED01"), "2", "five good creates pay for one repeat");
    assert_eq!(attempts("EARNED02"), "1");
}
