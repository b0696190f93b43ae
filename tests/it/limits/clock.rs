//! The provider's clock: shown, followed if configured, and a refused timestamp.

use super::*;
use crate::support::Sidecar;

/// The provider's clock in these tests: far from any real one, near enough to be believed.
fn ahead(seconds: i64) -> jiff::Timestamp {
    let ahead = jiff::SignedDuration::from_secs(seconds);
    jiff::Timestamp::now().checked_add(ahead).expect("a time")
}

/// An answer with a `Date` ten minutes ahead.
fn dated(body: &str) -> Action {
    let printer = jiff::fmt::rfc2822::DateTimePrinter::new();
    let date = printer.timestamp_to_rfc9110_string(&ahead(600)).expect("a date");
    let length = body.len();
    let answer =
        format!("HTTP/1.1 200 OK\r\nDate: {date}\r\nContent-Length: {length}\r\n\r\n{body}");
    Action::Raw(answer.into_bytes())
}

const STALE: &str = r#"{"code":21009,"message":"expired","data":null}"#;

/// How far the timestamp of a request is ahead of this clock, in seconds.
fn stated_ahead(request: &Received) -> i64 {
    let (_, _, param) = request.envelope();
    let param: serde_json::Value = serde_json::from_str(&param).expect("JSON");
    let stated = param["timestamp"].as_i64().expect("milliseconds");
    (stated - jiff::Timestamp::now().as_millisecond()) / 1000
}

#[test]
fn the_clock_skew_is_shown_but_not_followed_without_correction() {
    let provider = Provider::start();
    let sidecar = Sidecar::start(&config(&provider));
    provider.will(dated(ACCEPTED));
    assert_eq!(create(sidecar.app, "CLOCK001").status, 200);
    let skew = metric(sidecar.admin, "countersign_clock_skew_seconds{account=\"shop\"}");
    assert!(skew.is_some_and(|skew| (590.0..=610.0).contains(&skew)), "{skew:?}");
    assert_eq!(create(sidecar.app, "CLOCK002").status, 200);
    assert!(stated_ahead(&provider.last()) < 60, "our own clock stays in the timestamps");
}

#[test]
fn a_stale_timestamp_is_signed_again_once_with_the_providers_time() {
    let provider = Provider::start();
    let account = config(&provider)
        .account("correct_clock = true")
        .section("[account.retry]\nattempts = 5\nresolve_for = \"1s\"");
    let sidecar = Sidecar::start(&account);
    provider.will(Action::Choose(|request| match stated_ahead(request) > 300 {
        true => dated(ACCEPTED),
        false => dated(STALE),
    }));
    let answer = create(sidecar.app, "STALE001");
    assert_eq!(outcome(&answer), "accepted", "{}", answer.text());
    assert_eq!(answer.header("countersign-attempts"), Some("2"));
    let answer = create(sidecar.app, "STALE002");
    assert_eq!(answer.header("countersign-attempts"), Some("1"), "the skew is known now");
}

#[test]
fn a_timestamp_that_stays_stale_is_not_repeated_for_ever() {
    let provider = Provider::start();
    let retry = "[account.retry]\nattempts = 5\nresolve_for = \"1s\"";
    let sidecar = Sidecar::start(&config(&provider).section(retry));
    provider.will(Action::Answer(STALE.to_owned()));
    for call in [create(sidecar.app, "STALE003"), query(sidecar.app)] {
        assert_eq!(outcome(&call), "rejected", "{}", call.text());
        assert_eq!(call.header("countersign-attempts"), Some("2"), "{}", call.text());
    }
    assert_eq!(provider.received().len(), 4, "one repetition each");
}
