use super::*;
use labels::{DELIVERIES, LIMITS, PHASES, UNVERIFIED, VERIFIED};

fn text(metrics: &Metrics) -> String {
    String::from_utf8(metrics.render()).expect("text")
}

fn shop() -> AnnouncedAccount<'static> {
    AnnouncedAccount {
        name: "shop",
        operations: vec!["payout_create", "balance"],
        events: vec!["paid.success"],
        accepted: vec!["10000".to_owned()],
    }
}

#[test]
fn every_increase_that_an_alert_uses_is_a_step_and_not_a_new_series() {
    let metrics = Metrics::new("0", "0");
    metrics.announce_account(&shop());
    let text = text(&metrics);
    let mut expected: Vec<String> = Vec::new();
    for result in VERIFIED.into_iter().chain(UNVERIFIED) {
        expected.push(format!(
            "notifications_total{{account=\"shop\",event=\"other\",result=\"{result}\"}}"
        ));
    }
    for result in ["accepted", "duplicate", "unavailable"] {
        expected.push(format!(
            "notifications_total{{account=\"shop\",event=\"paid.success\",result=\"{result}\"}}"
        ));
    }
    for (code, outcome) in [
        ("10000", "accepted"),
        ("outcome-unknown", "unknown"),
        ("provider-unreachable", "not_sent"),
        ("circuit-open", "not_sent"),
        ("store-unavailable", "not_sent"),
        ("key-unavailable", "not_sent"),
    ] {
        expected.push(format!(
            "requests_total{{account=\"shop\",code=\"{code}\",operation=\"payout_create\",outcome=\"{outcome}\"}}"
        ));
    }
    for result in DELIVERIES {
        expected.push(format!("deliveries_total{{account=\"shop\",result=\"{result}\"}}"));
    }
    for limit in LIMITS {
        expected.push(format!("rate_limited_total{{account=\"shop\",limit=\"{limit}\"}}"));
    }
    for outcome in ["accepted", "rejected", "not_sent"] {
        expected.push(format!("resolved_total{{account=\"shop\",final=\"{outcome}\"}}"));
    }
    for phase in PHASES {
        expected.push(format!("request_phase_seconds_count{{phase=\"{phase}\"}}"));
    }
    expected.push("unknown_outcomes{account=\"shop\"}".to_owned());
    expected.push("unknown_oldest_age_seconds{account=\"shop\"}".to_owned());
    for series in expected {
        let line = format!("countersign_{series} 0\n");
        assert!(text.contains(&line), "`{line}` is missing: an increase from nothing is not seen");
    }
}

#[test]
fn every_phase_is_counted_as_itself() {
    let metrics = Metrics::new("0", "0");
    for (times, phase) in PHASES.into_iter().enumerate() {
        for _ in 0..=times {
            metrics.observe_phase(phase, 0.5);
        }
    }
    for (times, phase) in PHASES.into_iter().enumerate() {
        let line =
            format!("countersign_request_phase_seconds_count{{phase=\"{phase}\"}} {}\n", times + 1);
        assert!(text(&metrics).contains(&line), "`{line}` is missing");
    }
}
