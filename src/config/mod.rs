//! Configuration: `file` mirrors the TOML, `compile` checks and builds, `snapshot` is what requests see.
//!
//! Everything wrong is reported in one go. `section` and `leaf` read the file without judging, `walk` turns leaves into
//! values and collects mistakes, `account` and its siblings know the rules.

mod account;
mod admin_listener;
mod choices;
mod compare;
mod compile;
mod delivery;
pub mod demo;
mod digests;
mod file;
mod key_list;
mod keys;
mod leaf;
mod limits;
mod listen;
mod live;
mod mixups;
mod money;
mod observe;
mod paths;
mod pem;
mod reload;
mod restart;
mod schema;
mod secrets;
mod section;
mod seen;
mod setting;
mod snapshot;
mod sources;
mod store_side;
mod suggest;
mod syntax;
mod target;
#[cfg(test)]
mod tests;
mod texts;
mod unconfirmed;
mod units;
mod urls;
mod walk;

pub use admin_listener::admin_listener;
pub use compare::{Difference, View};
pub use compile::{Loaded, Refused, load, load_text, read};
pub use digests::{Digests, Readings};
pub use key_list::{KeyList, ListedKey};
pub use keys::key_warnings;
pub use live::Live;
pub use restart::{needing_restart, started_with, waiting_for_restart};
pub use schema::schema;
pub use seen::Seen;
pub use snapshot::*;
pub use store_side::{StoreSide, accounts, store_side};
pub use unconfirmed::NOT_CONFIRMED;
