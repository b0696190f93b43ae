//! What counting costs: the CPU of all metric updates of one request and of one notification, alone on a thread.
//!
//! The goal is less than 2 us for a request. The updates are those of a payout with one attempt, in the order in which the
//! outbound path makes them; a provider with as many operations as the built-in one is announced, so that the maps have
//! their usual size. Printed too: what one scrape costs.
#![expect(clippy::disallowed_methods, clippy::disallowed_types, reason = "it measures real time")]

#[path = "../support/cpu.rs"]
mod cpu;

use std::time::Duration;

use countersign::in_process::metrics::{AnnouncedAccount, Metrics};

const MEASURED: Duration = Duration::from_secs(1);
const ACCOUNTS: [&str; 4] = ["shop-th", "shop-id", "shop-vn", "shop-ph"];
const OPERATIONS: usize = 17;

fn main() {
    if std::env::args().any(|argument| argument == "--test") {
        return;
    }
    let metrics = Metrics::new("0", "0");
    let operations: Vec<String> =
        (0..OPERATIONS).map(|number| format!("operation_{number:02}_create")).collect();
    for name in ACCOUNTS {
        metrics.announce_account(&AnnouncedAccount {
            name,
            operations: operations.iter().map(String::as_str).collect(),
            events: vec!["disbursement.success", "disbursement.failed"],
            accepted: vec!["10000".to_owned()],
        });
        metrics.announce_key(name, "2026-01", "sign");
    }
    let operation = &operations[OPERATIONS / 2];
    let request_us = cpu::us_of(MEASURED, || request(&metrics, "shop-vn", operation));
    let notification_us = cpu::us_of(MEASURED, || notification(&metrics, "shop-vn"));
    let scrape_us = cpu::us_of(MEASURED, || drop(std::hint::black_box(metrics.render())));
    println!("metrics of one request       {request_us:>8.2} us");
    println!("metrics of one notification  {notification_us:>8.2} us");
    let kib = metrics.render().len() / 1024;
    println!("one scrape of {} accounts     {scrape_us:>8.0} us ({kib} KiB)", ACCOUNTS.len());
}

/// A journalled call: announced, sent, settled.
fn request(metrics: &Metrics, account: &str, operation: &str) {
    let in_flight = metrics.requests_in_flight(account);
    in_flight.inc();
    metrics.observe_phase("journal", 0.001);
    metrics.observe_phase("wait", 0.000_001);
    metrics.observe_phase("journal", 0.001);
    metrics.observe_phase("sign", 0.0015);
    metrics.key_used(account, "2026-01", 1_795_399_800);
    metrics.observe_phase("upstream", 0.2);
    metrics.clock_skew(account).set(0.0);
    metrics.count_attempt(account, operation, "answered");
    metrics.observe_phase("journal", 0.001);
    metrics.count_request(account, operation, "accepted", "10000", 0.21);
    in_flight.dec();
}

fn notification(metrics: &Metrics, account: &str) {
    metrics.key_used(account, "2026-01", 1_795_399_800);
    let accepted = "accepted";
    metrics.count_notification(account, "disbursement.success", accepted, 0.002);
}
