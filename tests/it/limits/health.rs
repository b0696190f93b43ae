//! Circuits: a provider that fails is left alone, tested now and then, and queries continue.

use super::*;
use crate::support::Sidecar;

const CREATE_CIRCUIT: &str = "countersign_circuit_state{account=\"shop\",class=\"create\"}";
const QUERY_CIRCUIT: &str = "countersign_circuit_state{account=\"shop\",class=\"query\"}";

fn with_circuit(provider: &Provider, open_for: &str) -> ConfigBuilder {
    impatient(provider)
        .section(&format!("[account.circuit]\nfailures = 3\nopen_for = \"{open_for}\""))
}

/// Creates are lost, and the provider has none of them.
fn lost(request: &Received) -> Action {
    match is_create(request) {
        true => Action::Close,
        false => code(21006),
    }
}

#[test]
fn refusals_open_no_circuit() {
    let provider = Provider::start();
    let sidecar = Sidecar::start(&with_circuit(&provider, "1h"));
    provider.will(code(21014));
    for number in 0..25 {
        let answer = create(sidecar.app, &format!("POOR{number:04}"));
        assert_eq!(outcome(&answer), "rejected", "{}", answer.text());
    }
    assert_eq!(metric(sidecar.admin, CREATE_CIRCUIT), Some(0.0));
}

#[test]
fn an_open_circuit_for_creates_refuses_them_and_lets_queries_through() {
    let provider = Provider::start();
    let sidecar = Sidecar::start(&with_circuit(&provider, "1h"));
    provider.will(Action::Choose(|request| match is_create(request) {
        true => Action::Status(500, "oops".to_owned()),
        false => code(21006),
    }));
    for number in 0..3 {
        assert_eq!(outcome(&create(sidecar.app, &format!("OUT{number:05}"))), "unknown");
    }
    let creates = provider.received().iter().filter(|request| is_create(request)).count();
    let refused = create(sidecar.app, "OUT00003");
    let problem = refused.problem("circuit-open", 503);
    assert_eq!(
        (&problem["outcome"], &problem["safe_to_retry"]),
        (&"not_sent".into(), &true.into())
    );
    assert!((3_500..=3_600).contains(&retry_after(&refused)));
    let after = provider.received().iter().filter(|request| is_create(request)).count();
    assert_eq!(after, creates, "nothing was sent");
    assert_eq!(metric(sidecar.admin, CREATE_CIRCUIT), Some(2.0));
    assert_eq!(query(sidecar.app).status, 200, "queries find out the outcome of the lost ones");
    assert_eq!(metric(sidecar.admin, QUERY_CIRCUIT), Some(0.0));
}

#[test]
fn after_its_pause_one_call_tests_and_closes_the_circuit() {
    let provider = Provider::start();
    let sidecar = Sidecar::start(&with_circuit(&provider, "1s"));
    provider.will(Action::Choose(lost));
    for number in 0..3 {
        create(sidecar.app, &format!("TRY{number:05}"));
    }
    assert_eq!(metric(sidecar.admin, CREATE_CIRCUIT), Some(2.0));
    let probe = || create(sidecar.app, "TRYAGAIN");
    wait_until("a failed test", || outcome(&probe()) == "unknown");
    assert_eq!(metric(sidecar.admin, CREATE_CIRCUIT), Some(2.0), "it opened again");
    provider.will(Action::Answer(ACCEPTED.to_owned()));
    wait_until("a successful test", || outcome(&create(sidecar.app, "TRYWELL1")) == "accepted");
    assert_eq!(metric(sidecar.admin, CREATE_CIRCUIT), Some(0.0));
    assert_eq!(outcome(&create(sidecar.app, "TRYWELL2")), "accepted");
}

#[test]
fn calls_that_the_circuit_refuses_use_none_of_the_rate() {
    let provider = Provider::start();
    let limits = "[account.limits]\non_excess = \"reject\"\n\
                  [account.limits.operation.payout_create]\nrate = \"4/h\"";
    let sidecar = Sidecar::start(&with_circuit(&provider, "5s").section(limits));
    provider.will(Action::Choose(lost));
    for number in 0..3 {
        assert_eq!(outcome(&create(sidecar.app, &format!("TOKEN{number:03}"))), "unknown");
    }
    for number in 0..5 {
        create(sidecar.app, &format!("TOKEN{number:03}X")).problem("circuit-open", 503);
    }
    provider.will(Action::Answer(ACCEPTED.to_owned()));
    wait_until("the fourth call of this hour", || {
        let answer = create(sidecar.app, "TOKENEND");
        assert_ne!(answer.status, 429, "refused calls used up the rate: {}", answer.text());
        outcome(&answer) == "accepted"
    });
}

#[test]
fn a_test_that_the_rate_refuses_makes_room_for_the_next() {
    let provider = Provider::start();
    let limits = "[account.limits]\non_excess = \"reject\"\n\
                  [account.limits.operation.payout_create]\nrate = \"3/h\"";
    let sidecar = Sidecar::start(&with_circuit(&provider, "1s").section(limits));
    provider.will(Action::Choose(lost));
    for number in 0..3 {
        create(sidecar.app, &format!("LEAK{number:04}"));
    }
    wait_until("the circuit lets a call through", || create(sidecar.app, "LEAKNEXT").status == 429);
    let next = create(sidecar.app, "LEAKNEXT");
    next.problem("rate-limited", 429);
}
