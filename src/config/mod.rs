//! Configuration: `read` turns the file into values, `section` checks and builds, `snapshot` is what requests use.
//!
//! All mistakes are reported at once. `kind` defines the possible single values, `report` describes a configuration
//! as a whole.

pub mod demo;
pub(crate) mod kind;
mod load;
mod partial;
pub(crate) mod read;
mod report;
pub(crate) mod section;
mod snapshot;
#[cfg(test)]
mod tests;

use serde_json::Value;

pub use load::{Loaded, load, load_at_rest, load_text};
pub use partial::{StoreSide, accounts, admin_listener, store_side};
pub use read::{Refused, Seen};
pub use report::compare::{Difference, View};
pub use report::key_list::{KeyList, ListedKey, key_warnings};
pub use report::restart::{needing_restart, started_with, waiting_for_restart};
pub use section::NOT_CONFIRMED;
pub use snapshot::*;

/// The JSON Schema of the configuration file.
pub fn schema() -> Value {
    read::schema_of::<section::ConfigFile>()
}
