//! The one integration-test binary: behaviour seen from outside, one part per module.
#![expect(
    clippy::disallowed_methods,
    clippy::disallowed_types,
    clippy::unwrap_used,
    unsafe_code,
    reason = "this program is the world around the sidecar: it measures real time, and its helpers fail a test"
)]

mod support;

mod architecture;
mod audit;
mod chaos;
mod clocks;
mod commands;
mod delivery;
mod disk;
mod edge_process;
mod edge_server;
mod edge_support;
mod edge_tls;
mod edge_upstream;
mod evidence;
mod faulty;
mod lifecycle;
mod limits;
mod logs;
mod notifications;
mod observability;
mod outbound;
mod outcomes;
mod packaging;
mod payments;
mod places;
mod refusals;
mod reload;
mod renaming;
mod resolving;
mod status_page;
mod tracing;
