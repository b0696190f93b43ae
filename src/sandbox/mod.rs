//! The sandbox provider: an emulator of the provider's API for tests, the demonstration and first steps.
//!
//! It answers every operation of the profile as the provider documents it, keeps state, and misbehaves on demand. It is
//! on purpose a second opinion: it checks signatures and reads bodies without any of the sidecar's own code for that.
//! Notifications hang on `state.rs`'s one place where a status changes; see `notify/`. Never for real money.
//!
//! A request crosses `exchange.rs` → `envelope.rs` → `operations/` → `state.rs`, and goes back through `misbehave.rs`
//! when a fault of `faults.rs` hits it.

mod answers;
mod config;
mod control;
mod envelope;
mod exchange;
mod faults;
mod file;
mod http;
mod keys;
mod misbehave;
mod notify;
mod operations;
mod random;
mod requests;
mod rule;
mod running;
mod shared;
mod state;
mod transaction;

pub use config::{App, LISTEN_DEFAULT, Sandbox};
pub use file::load;
pub use keys::{MerchantKey, ProviderKey};
pub use notify::{Notification, NotificationState, NotifySettings};
pub use requests::SeenRequest;
pub use running::Running;
pub use transaction::{Change, Product, Status, Transaction};

#[cfg(test)]
mod tests;
