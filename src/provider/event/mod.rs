//! Notifications turned into events: the vocabulary applications see, and the profile's rules that map to it.
//!
//! Text in, values out: a verified `param` and its context become a [`Normalised`] event. Nothing here verifies, stores
//! or delivers. A notification is never refused for its content: members that cannot be read are left out and noted.

mod amount;
mod cloud_event;
mod kind;
mod normalise;
mod reading;
mod recounted;
mod rule;
#[cfg(test)]
mod tests;
mod time;

pub use amount::Amount;
pub use kind::{EventKind, EventStatus, Flag};
pub use normalise::{Failure, NormaliseContext, Normalised};
pub use recounted::Recount;
pub use rule::{Acknowledgement, EventMembers, EventRule, EventTable, WithoutName};
