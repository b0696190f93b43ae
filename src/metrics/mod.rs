//! Every metric of the program: one documented struct, a family in each file, closed label sets, a registry of its own.
//!
//! Labels are configured account names, operations of the profile and closed enums; never ids, paths or error text.

mod buckets;
mod deliveries;
mod forget;
mod keys;
mod labels;
mod limits;
mod notifications;
mod payments;
mod register;
mod reloads;
mod requests;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use prometheus::process_collector::ProcessCollector;
use prometheus::proto::MetricFamily;
use prometheus::{Encoder, Registry, TextEncoder};

pub use deliveries::InboxFigures;
pub use labels::{
    AttemptResult, CallClass, DeliveryResult, KeyUse, LimitKind, NotificationResult, Phase,
};
pub use notifications::OTHER_EVENT;
pub use reloads::ReloadResult;
pub use requests::NOBODY;

use deliveries::Deliveries;
use keys::Keys;
use limits::Limits;
use notifications::Notifications;
use payments::Payments;
use reloads::Reloads;
use requests::Requests;

/// The program's metrics. What can be counted stands beside the family it belongs to, in the file of that name.
pub struct Metrics {
    registry: Registry,
    /// `countersign_request…` and `countersign_upstream_attempts_total`.
    requests: Requests,
    /// `countersign_unknown_…` and `countersign_resolved_total`.
    payments: Payments,
    /// `countersign_rate_limited_total`, `countersign_circuit_state`, `countersign_clock_skew_seconds`.
    limits: Limits,
    /// `countersign_notification…`.
    notifications: Notifications,
    /// `countersign_inbox_…`, `countersign_deliver…`.
    deliveries: Deliveries,
    /// `countersign_signing_key_info` and `countersign_key_…`.
    keys: Keys,
    /// `countersign_config_…`.
    reloads: Reloads,
}

/// An account whose series are to exist from the start, so that a first event is a step and not a new series.
pub struct AnnouncedAccount<'a> {
    /// The account's name.
    pub name: &'a str,
    /// The operations of its profile.
    pub operations: Vec<&'a str>,
    /// The event names of its profile.
    pub events: Vec<&'a str>,
    /// The provider's answer codes for what it accepted.
    pub accepted: Vec<String>,
}

impl Metrics {
    /// Registers everything; `version` and `commit` label `countersign_build_info`.
    pub fn new(version: &str, commit: &str) -> Arc<Self> {
        let registry = Registry::new();
        let help = "Always 1; labels name the build";
        let build =
            register::int_gauge(&registry, "countersign_build_info", help, &["version", "commit"]);
        build.with_label_values(&[version, commit]).set(1);
        registry
            .register(Box::new(ProcessCollector::for_self()))
            .expect("the process metrics are registered once");
        let metrics = Self {
            requests: Requests::new(&registry),
            payments: Payments::new(&registry),
            limits: Limits::new(&registry),
            notifications: Notifications::new(&registry),
            deliveries: Deliveries::new(&registry),
            keys: Keys::new(&registry),
            reloads: Reloads::new(&registry),
            registry,
        };
        // What strangers ask for without naming an account.
        metrics.requests.announce_strangers();
        Arc::new(metrics)
    }

    /// Makes an account's series exist, so that rates and absences can be told apart.
    pub fn announce_account(&self, account: &AnnouncedAccount<'_>) {
        let name = account.name;
        self.requests_in_flight(name);
        for operation in &account.operations {
            self.requests.announce(name, operation, &account.accepted);
        }
        self.payments.announce(name);
        self.limits.announce(name);
        self.notifications.announce(name, account.events.iter().copied());
        self.deliveries.announce(name);
    }

    /// Everything as it is now.
    pub fn families(&self) -> Vec<MetricFamily> {
        self.registry.gather()
    }

    /// The Prometheus text exposition.
    pub fn render(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(64 * 1024);
        // Writing to memory cannot fail, and a family without samples is left out rather than an error.
        let _ = TextEncoder::new().encode(&self.families(), &mut out);
        out
    }
}
