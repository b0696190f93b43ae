//! Countersign: a payment sidecar. Plain JSON in, signed provider calls out, honest outcomes back.
//!
//! The folder list is the architecture: see `docs/ARCHITECTURE.md`. Imports point down only:
//! `cli app` → `edge outbound inbound delivery admin sandbox` → `limits problem logging reload` → `config store` →
//! `payment` → `provider` → `sign` → `json wire outcome secret clock metrics mistake`.

pub mod admin;
pub mod app;
pub mod cli;
pub mod clock;
pub mod config;
pub mod delivery;
pub mod edge;
pub mod inbound;
pub mod json;
pub mod limits;
pub mod logging;
pub mod metrics;
pub mod mistake;
pub mod outbound;
pub mod outcome;
pub mod payment;
pub mod problem;
pub mod provider;
pub mod reload;
pub mod sandbox;
pub mod secret;
pub mod sign;
pub mod store;
pub mod wire;
