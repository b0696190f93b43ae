//! Runs every query of every dashboard and every alert rule on a real Prometheus that scrapes a sidecar under
//! traffic.

use std::time::{Duration, Instant};

use super::dashboards::{self, Query};
use super::prometheus::Prometheus;
use super::selectors;
use super::story::World;

/// Rates need two scrapes, the inbox is checked every five seconds, and querying a lost call takes time: ten to forty
/// seconds in all, on an idle machine.
const PATIENCE: Duration = Duration::from_secs(180);

/// The events of the story, so that a query with data is not a query over nothing but zeros.
const HAPPENED: [(&str, &str); 12] = [
    (
        "accepted",
        "countersign_requests_total{operation=\"payout_create\", outcome=\"accepted\"} > 0",
    ),
    ("rejected", "countersign_requests_total{outcome=\"rejected\", code=\"21014\"} > 0"),
    ("in doubt", "countersign_requests_total{outcome=\"unknown\", code=\"outcome-unknown\"} > 0"),
    ("found out", "countersign_resolved_total{final=\"accepted\"} > 0"),
    ("too many", "countersign_rate_limited_total{limit=\"account\"} > 0"),
    ("no answer", "countersign_upstream_attempts_total{result=\"no_answer\"} > 0"),
    (
        "notified",
        "countersign_notifications_total{event=\"disbursement.success\", result=\"accepted\"} > 0",
    ),
    ("forged", "countersign_notifications_total{event=\"other\", result=\"bad_signature\"} > 0"),
    ("delivered", "countersign_deliveries_total{result=\"delivered\"} > 0"),
    ("dead", "countersign_inbox_events{state=\"dead\"} > 0"),
    ("failures are counted", "job_account:countersign_requests_bad:ratio_rate5m > 0"),
    (
        "the dead letter is noticed",
        "ALERTS{alertname=\"CountersignDeadLetters\", alertstate=\"pending\"}",
    ),
];

#[test]
fn every_panel_shows_something_and_every_rule_can_be_evaluated() {
    let world = World::start();
    let prometheus = Prometheus::scraping(world.sidecar.admin);
    world.an_event_dies();
    let mut missing: Vec<Query> = dashboards::queries();
    assert!(missing.len() > 50, "the dashboards were not read: {}", missing.len());
    let selected = prometheus.rules();
    assert!(selected.len() > 20, "the rules were not read: {}", selected.len());
    missing.extend(selected.iter().flat_map(selections));
    missing.extend(HAPPENED.map(|(what, expr)| Query::new(what, expr)));

    let started = Instant::now();
    for chapter in 0.. {
        world.goes_on(chapter);
        // Done last, so that the story's own calls are not refused.
        world.a_caller_is_too_fast();
        missing.retain(|query| !has_data(&prometheus, query));
        if missing.is_empty() {
            break;
        }
        let without: Vec<String> =
            missing.iter().map(|query| format!("{}: {}", query.place, query.expr)).collect();
        assert!(started.elapsed() < PATIENCE, "no data for {without:#?}");
        // The rate's bucket fills up again, and Prometheus scrapes again.
        std::thread::sleep(Duration::from_millis(1100));
    }
    for rule in prometheus.rules() {
        assert_eq!(rule["health"], "ok", "{rule:#}");
    }
    for quiet in
        ["CountersignDown", "CountersignAbsent", "CountersignKeyExpired", "CountersignStoreFailing"]
    {
        let raised =
            prometheus.query(&format!("ALERTS{{alertname=\"{quiet}\"}}")).expect("a query");
        assert!(raised.is_empty(), "{raised:#?}");
    }
}

/// The series that a rule reads must exist, whether the rule fires or not.
fn selections(rule: &serde_json::Value) -> Vec<Query> {
    let name = rule["name"].as_str().expect("a name");
    let expr = rule["query"].as_str().expect("an expression");
    selectors(expr).iter().map(|selector| Query::new(name, selector)).collect()
}

/// Whether there is a number among the results: zero divided by zero is none.
fn has_data(prometheus: &Prometheus, query: &Query) -> bool {
    let results = prometheus
        .query(&query.expr)
        .unwrap_or_else(|error| panic!("{}: {}: {error}", query.place, query.expr));
    results.iter().any(|sample| sample["value"][1] != "NaN")
}
