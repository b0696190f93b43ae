//! Configuration: `read` turns the file into values, `section` checks and builds, `snapshot` is what requests see.
//!
//! Everything wrong is reported in one go. `kind` knows what a single value may be, `report` what is said about a
//! configuration as a whole.

mod admin_listener;
pub mod demo;
pub(crate) mod kind;
mod live;
mod load;
mod partial;
pub(crate) mod read;
mod report;
mod section;
mod snapshot;
#[cfg(test)]
mod tests;

pub use admin_listener::admin_listener;
pub use live::Live;
pub use load::{Loaded, Refused, load, load_at_rest, load_text};
pub use partial::{StoreSide, accounts, store_side};
pub use read::schema::schema;
pub use read::seen::Seen;
pub use report::compare::{Difference, View};
pub use report::digests::{Digests, Readings};
pub use report::key_list::{KeyList, ListedKey};
pub use report::restart::{needing_restart, started_with, waiting_for_restart};
pub use section::keys::key_warnings;
pub use section::unconfirmed::NOT_CONFIRMED;
pub use snapshot::*;
