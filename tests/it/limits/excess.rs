//! Calls over a rate: refused, or waiting in order; and a provider that closes an account.

use std::thread;

use super::*;
use crate::support::Sidecar;

#[test]
fn with_reject_a_call_over_the_rate_is_refused_and_informed_about_the_limits() {
    let provider = Provider::start();
    let limits = "[account.limits]\nrate = \"50/h\"\nburst = 2\non_excess = \"reject\"\n\
                  [account.limits.operation.payout_create]\nrate = \"1/h\"";
    let sidecar = Sidecar::start(&config(&provider).section(limits));
    assert_eq!(create(sidecar.app, "RATE0001").status, 200);
    let refused = create(sidecar.app, "RATE0002");
    let problem = refused.problem("rate-limited", 429);
    assert_eq!(
        (&problem["outcome"], &problem["safe_to_retry"]),
        (&"not_sent".into(), &true.into())
    );
    let policy = r#""account";q=50;w=3600, "payout_create";q=1;w=3600"#;
    assert_eq!(refused.header("ratelimit-policy"), Some(policy));
    let limit = refused.header("ratelimit").expect("the field");
    assert!(limit.starts_with(r#""payout_create";r=0;t="#), "{limit}");
    assert!((3_500..=3_600).contains(&retry_after(&refused)));
    assert_eq!(query(sidecar.app).status, 200, "the account has one call left");
    let refused = query(sidecar.app);
    refused.problem("rate-limited", 429);
    assert!(refused.header("ratelimit").is_some_and(|limit| limit.starts_with("\"account\"")));
    assert_eq!(provider.received().len(), 2, "no refused call is sent");
    let series = "countersign_rate_limited_total{account=\"shop\",limit=";
    assert_eq!(metric(sidecar.admin, &format!("{series}\"operation\"}}")), Some(1.0));
    assert_eq!(metric(sidecar.admin, &format!("{series}\"account\"}}")), Some(1.0));
}

#[test]
fn with_wait_a_call_waits_for_its_turn_but_not_longer_than_allowed() {
    let provider = Provider::start();
    let limits = "[account.limits]\nrate = \"20/s\"\nburst = 1\non_excess = \"wait\"\nmax_wait = \"9s\"\n\
                  [account.limits.operation.payout_status]\nrate = \"1/h\"";
    let sidecar = Sidecar::start(&config(&provider).section(limits));
    let app = sidecar.app;
    let callers: Vec<_> =
        (0..12).map(|n| thread::spawn(move || create(app, &format!("WAIT{n:04}")))).collect();
    for caller in callers {
        let answer = caller.join().expect("an answer");
        assert_eq!(outcome(&answer), "accepted", "{}", answer.text());
    }
    assert_eq!(query(app).status, 200);
    let refused = query(app);
    refused.problem("rate-limited", 429);
    assert!(retry_after(&refused) > 9, "it is sure to wait too long, and is refused at once");
}

/// Answers the first request with 429, and everything after it with success.
fn throttle_first(provider: &Provider, seconds: u64, body: &str) {
    let length = body.len();
    let answer = format!(
        "HTTP/1.1 429 Too Many Requests\r\nRetry-After: {seconds}\r\nContent-Length: {length}\r\n\r\n{body}"
    );
    provider.will(Action::Raw(answer.into_bytes()));
}

#[test]
fn the_provider_closes_the_account_for_as_long_as_it_says() {
    let throttled = r#"{"code":21020,"message":"too many","data":null}"#;
    // With its envelope nothing happened; a bare 429 may come from any intermediary, so the payout is in doubt.
    for (body, told) in [(throttled, "rejected"), ("slow down", "unknown")] {
        let provider = Provider::start();
        let settings = "[account.limits]\non_excess = \"reject\"";
        let sidecar = Sidecar::start(&impatient(&provider).section(settings));
        throttle_first(&provider, 600, body);
        assert_eq!(outcome(&create(sidecar.app, "CLOSE001")), told, "{body}");
        provider.will(Action::Answer(ACCEPTED.to_owned()));
        let refused = create(sidecar.app, "CLOSE002");
        assert_eq!(refused.problem("rate-limited", 429)["outcome"], "not_sent");
        assert!((500..=600).contains(&retry_after(&refused)), "{}", refused.text());
        let limit = refused.header("ratelimit").expect("the field");
        assert!(limit.starts_with("\"provider\";r=0;t="), "{limit}");
        query(sidecar.app).problem("rate-limited", 429);
        assert_eq!(provider.received().len(), 1, "{body}: nothing is sent while it is closed");
    }
}

/// 2^64 - 1 seconds, more digits than fit, and a little more than is believed.
const ABSURD: [&str; 3] = ["18446744073709551615", "99999999999999999999999", "1000000"];

#[test]
fn an_absurdly_long_wait_harms_no_call() {
    let throttled = r#"{"code":21020,"message":"too many","data":null}"#;
    for seconds in ABSURD {
        for (status, body, told) in [
            ("429 Too Many Requests", throttled, "rejected"),
            ("200 OK", throttled, "rejected"),
            ("429 Too Many Requests", "slow down", "unknown"),
        ] {
            let provider = Provider::start();
            let settings = "[account.timeouts]\nconnect = \"1s\"\ntotal = \"1s\"\n\
                            [account.retry]\nattempts = 3\nresolve_for = \"0s\"\n\
                            [account.limits]\non_excess = \"reject\"";
            let sidecar = Sidecar::start(&config(&provider).section(settings));
            let answer = format!(
                "HTTP/1.1 {status}\r\nRetry-After: {seconds}\r\nContent-Length: {}\r\n\r\n{body}",
                body.len()
            );
            provider.will(Action::Raw(answer.into_bytes()));
            let answer = create(sidecar.app, "ABSURD01");
            assert_eq!(outcome(&answer), told, "{seconds} {status}: {}", answer.text());
            assert_ne!(answer.status, 500, "{}", answer.text());
            // The same call again is answered at once: a refused one may be made again, one in doubt is not.
            provider.will(Action::Answer(ACCEPTED.to_owned()));
            let again = create(sidecar.app, "ABSURD01");
            let (code, expected) =
                if told == "unknown" { ("in-progress", 409) } else { ("rate-limited", 429) };
            again.problem(code, expected);
            let refused = create(sidecar.app, "ABSURD02");
            refused.problem("rate-limited", 429);
            assert!(
                (800..=900).contains(&retry_after(&refused)),
                "no more than a quarter of an hour"
            );
            let panics = sidecar.log().iter().filter(|line| line.contains("panic")).count();
            assert_eq!(panics, 0, "{:#?}", sidecar.log());
        }
    }
}

#[test]
fn waiting_calls_respect_the_providers_pause_and_queries_and_refunds_go_first() {
    let provider = Provider::start();
    let settings = "[account.limits]\nrate = \"20/s\"\nburst = 20\nmax_wait = \"15s\"\n\
                    [account.retry]\nattempts = 1\nresolve_for = \"0s\"";
    let account = config(&provider).section(settings);
    let sidecar = Sidecar::start(&account);
    throttle_first(&provider, 5, r#"{"code":21020,"message":"too many","data":null}"#);
    assert_eq!(outcome(&create(sidecar.app, "FIRST001")), "rejected");
    provider.will(Action::Answer(ACCEPTED.to_owned()));
    let (app, admin) = (sidecar.app, sidecar.admin);
    let creates = (0..4).map(|n| thread::spawn(move || create(app, &format!("LATER{n:03}"))));
    let mut callers: Vec<_> = creates.collect();
    let in_flight = "countersign_requests_in_flight{account=\"shop\"}";
    wait_for_metric(admin, in_flight, 4.0);
    let refund = r#"{"mchRefundOrderId":"R1","originalTransactionId":"D1","refundAmount":100}"#;
    callers.push(thread::spawn(move || post(app, "/shop/refund_create", refund)));
    callers.extend((0..3).map(|_| thread::spawn(move || query(app))));
    wait_for_metric(admin, in_flight, 8.0);
    assert_eq!(provider.received().len(), 1, "every call waits");
    for caller in callers {
        let answer = caller.join().expect("an answer");
        assert_eq!(outcome(&answer), "accepted", "{}", answer.text());
    }
    let received = provider.received();
    let order: Vec<bool> = received[1..].iter().map(is_create).collect();
    let expected = [false, false, false, false, true, true, true, true];
    assert_eq!(order, expected, "queries and refunds go before new calls");
}
