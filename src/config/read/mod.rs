//! Reads a configuration file: its tables and values with their key paths, what they refer to, and every mistake at
//! once.
//!
//! Nothing here knows a key of any file: the sidecar and the sandbox both use it. [`open()`] parses a file into the
//! type that mirrors it, which accepts any contents; the [`Reader`] then parses its values and collects the mistakes.

mod files;
pub(crate) mod kind;
mod open;
mod paths;
mod reader;
mod readings;
mod schema;
mod section;
mod seen;
mod sources;
mod suggest;
mod syntax;
mod value;

pub(crate) use kind::{Kind, Wrong};
pub(crate) use open::{open, open_text};
pub(crate) use paths::Found;
pub(crate) use reader::{Defaulted, Reader};
pub(crate) use schema::schema_of;
pub(crate) use section::{
    Keyed, Keys, LABEL_BYTES_MAX, List, Placed, Section, file_section, is_label, join, placed_in,
};
pub(crate) use sources::Environment;
pub(crate) use suggest::{did_you_mean, nearest};
#[cfg(test)]
pub(crate) use syntax::parse;
pub(crate) use value::{At, Given, Required, Value, reference};

pub use open::Refused;
pub use readings::Readings;
pub use seen::Seen;
