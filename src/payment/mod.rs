//! The life of one money-moving call as a pure state machine: what is known about it, and what may be done next.
//!
//! The invariant it guards: never two creates that the provider could both execute. It does no I/O and reads no clock;
//! the store keeps its values and never records a step that [`step()`] forbids. When to send, query and wait is decided
//! elsewhere.

mod absence;
mod attempts;
mod fingerprint;
mod input;
mod place;
mod state;
mod step;

#[cfg(test)]
mod tests;

pub use absence::{Absence, Rules};
pub use attempts::OpenAttempts;
pub use fingerprint::Fingerprint;
pub use input::{Finding, Input, Ruling};
pub use place::Place;
pub use state::{Final, Next, Payment, Reported, State};
pub use step::{Forbidden, Transition, step};
