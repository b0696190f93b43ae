//! Countersign: a payment sidecar. Plain JSON in, signed provider calls out, honest outcomes back.
//!
//! The folder list is the architecture: see `docs/ARCHITECTURE.md`. Imports point down only:
//! `cli app` → `edge outbound inbound delivery admin sandbox` → `openapi` → `audit limits problem logging reload trace` → `config store` →
//! `payment` → `provider` → `sign` → `json wire outcome secret clock metrics mistake`.

// Lengths of time come from others too, and `+` on them panics when it overflows: `clock::later`, `saturating_add`. Sums of
// plain numbers are not meant (clippy.toml).
#![cfg_attr(not(test), warn(clippy::arithmetic_side_effects))]

pub mod admin;
pub mod app;
pub mod audit;
pub mod cli;
pub mod clock;
pub mod config;
pub mod delivery;
pub mod edge;
pub mod environment;
pub mod inbound;
pub mod json;
pub mod limits;
pub mod logging;
pub mod metrics;
pub mod mistake;
pub mod openapi;
pub mod outbound;
pub mod outcome;
pub mod payment;
pub mod problem;
pub mod provider;
pub mod random;
pub mod reload;
pub mod sandbox;
pub mod secret;
pub mod sign;
pub mod store;
pub mod threads;
pub mod trace;
pub mod wire;
