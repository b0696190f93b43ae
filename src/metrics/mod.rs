//! Every metric of the program: one table of families, label values from closed sets, its own registry.
//!
//! Labels are configured account names, operations of the profile and closed sets; never ids, paths or error text. The
//! words of a set belong to the module that counts; [`labels`] lists those whose series exist from the start.

mod buckets;
mod events;
mod families;
mod keys;
pub mod labels;
mod payments;
mod reloads;
mod requests;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use prometheus::process_collector::ProcessCollector;
use prometheus::proto::MetricFamily;
use prometheus::{Encoder, Registry, TextEncoder};

pub use events::InboxFigures;
pub use labels::{NOBODY, OTHER_EVENT};

use families::Families;

/// The program's metrics. Each thing that can be counted has a method, in the file named after its subject.
pub struct Metrics {
    registry: Registry,
    all: Families,
}

/// An account whose series should exist from the start, so that a first event is a step and not a new series.
pub struct AnnouncedAccount<'a> {
    /// The account's name.
    pub name: &'a str,
    /// The operations of its profile.
    pub operations: Vec<&'a str>,
    /// The event names of its profile.
    pub events: Vec<&'a str>,
    /// The provider's answer codes for accepted calls.
    pub accepted: Vec<String>,
}

impl Metrics {
    /// Registers everything; `version` and `commit` label `countersign_build_info`.
    pub fn new(version: &str, commit: &str) -> Arc<Self> {
        let registry = Registry::new();
        registry
            .register(Box::new(ProcessCollector::for_self()))
            .expect("the process metrics are registered once");
        let metrics = Self { all: Families::new(&registry), registry };
        metrics.all.build.with_label_values(&[version, commit]).set(1);
        for phase in labels::PHASES {
            metrics.all.phases.with_label_values(&[phase]);
        }
        for result in labels::RELOADS {
            metrics.all.reloads.with_label_values(&[result]);
        }
        metrics.all.reload_successful.with_label_values::<&str>(&[]);
        metrics.all.reload_success_timestamp.with_label_values::<&str>(&[]);
        metrics.announce_strangers();
        Arc::new(metrics)
    }

    /// Creates an account's series, so that zero and missing can be distinguished.
    pub fn announce_account(&self, account: &AnnouncedAccount<'_>) {
        self.all.announce(account.name);
        self.announce_operations(account);
        self.announce_events(account);
    }

    /// Drops every series of `account`. If something still counts for it afterwards, its series appear again.
    pub fn forget_account(&self, account: &str) {
        self.all.forget_account(account);
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
