//! Countersign: a payment sidecar. Plain JSON in, signed provider calls out, honest outcomes back.
//!
//! The folder list is the architecture: see `docs/ARCHITECTURE.md`. Imports point down only:
//! `cli app` → `edge outbound inbound delivery admin sandbox` → `limits problem` → `config store` → `provider` →
//! `sign` → `json wire secret clock metrics mistake`.

pub mod clock;
pub mod config;
pub mod json;
pub mod mistake;
pub mod provider;
pub mod secret;
pub mod sign;
pub mod store;
pub mod wire;
