//! What bounds the work under way. Today the per-account limit on calls in flight; rates, circuits and budgets belong
//! here too.
//!
//! State is kept per account name, not per snapshot, so it outlives a reload.

mod in_flight;

pub use in_flight::{InFlight, InFlightGuard};
