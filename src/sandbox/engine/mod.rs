//! The part of the sandbox that depends on no provider: sockets, faults, transactions, notifications and the control
//! interface.
//!
//! A request crosses `exchange.rs` → the provider's [`dialect::Dialect`] → `state.rs`, and goes back through
//! `faults/request.rs` when a fault hits it. A change of status in `state.rs` becomes a notification in `notify/`,
//! which `sender.rs` posts. The state that connections share is in `shared.rs`.

mod control;
pub mod dialect;
mod exchange;
mod faults;
pub mod http;
pub mod keys;
pub mod notify;
mod random;
pub mod requests;
pub mod running;
mod sender;
pub mod settings;
pub mod shared;
pub mod state;
pub mod transaction;
