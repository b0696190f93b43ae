//! The part of the sandbox that knows no provider: sockets, faults, transactions, the outbox and the control interface.

pub mod control;
pub mod exchange;
pub mod faults;
pub mod http;
pub mod keys;
pub mod notify;
pub mod random;
pub mod requests;
pub mod running;
pub mod setup;
pub mod shared;
pub mod state;
pub mod transaction;
