//! The limits on calls to a provider, seen from outside: rates, pauses requested by the provider, circuits, money,
//! and how often a call is repeated.

mod clock;
mod excess;
mod health;
mod money;
mod repeats;

use std::net::SocketAddr;

use crate::support::http::{Answer, metric, post};
use crate::support::provider::{ACCEPTED, Received};
use crate::support::{Action, ConfigBuilder, Provider, wait_until};

const STATUS: &str = r#"{"mchOrderId":"A1"}"#;

fn config(provider: &Provider) -> ConfigBuilder {
    ConfigBuilder::new(&provider.base_url()).account("currency = \"THB\"")
}

/// Calls are made once, and callers give up lost ones soon.
fn impatient(provider: &Provider) -> ConfigBuilder {
    config(provider)
        .section("[account.timeouts]\nconnect = \"1s\"\ntotal = \"1s\"")
        .section("[account.retry]\nattempts = 1\nresolve_for = \"0s\"")
}

/// A payout of 100.00.
fn payout(reference: &str) -> String {
    crate::support::payout(reference, 10000)
}

fn create(app: SocketAddr, reference: &str) -> Answer {
    post(app, "/shop/payout_create", &payout(reference))
}

fn query(app: SocketAddr) -> Answer {
    post(app, "/shop/payout_status", STATUS)
}

fn is_create(request: &Received) -> bool {
    request.path() == "/open-api/disbursement/transfer"
}

fn outcome(answer: &Answer) -> &str {
    answer.header("countersign-outcome").unwrap_or("none")
}

#[track_caller]
fn retry_after(answer: &Answer) -> u64 {
    let seconds = answer.header("retry-after").unwrap_or_else(|| panic!("{}", answer.text()));
    seconds.parse().expect("whole seconds")
}

fn code(code: i64) -> Action {
    Action::Answer(format!(r#"{{"code":{code},"message":"no","data":null}}"#))
}

#[track_caller]
fn wait_for_metric(admin: SocketAddr, series: &str, value: f64) {
    wait_until(&format!("{series} = {value}"), || metric(admin, series) == Some(value));
}
