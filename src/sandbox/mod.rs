//! The sandbox provider: an emulator of the provider's API for tests, the demonstration and first steps.
//!
//! It answers every operation of the profile as the provider documents it, keeps state, and produces the faults that a
//! test requests. It is deliberately independent: it checks signatures and reads bodies without the sidecar's own code
//! for that. Never use it for real money.
//!
//! `engine/` depends on no provider: it has the sockets, the faults, the transactions, the outbox and the control
//! interface. `bluepay/` is the provider's dialect: how requests, answers and notifications are written and what they
//! mean.

mod bluepay;
mod engine;
mod file;
mod setup;

pub use engine::notify::row::Notification;
pub use engine::running::Running;
pub use engine::settings::Sandbox;
pub use file::load;

#[cfg(test)]
mod tests;
