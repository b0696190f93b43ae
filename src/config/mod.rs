//! Configuration: `file` mirrors the TOML, `compile` checks and builds, `snapshot` is what requests see.

mod compile;
mod file;
mod live;
mod snapshot;

pub use compile::{Loaded, load, load_text};
pub use live::Live;
pub use snapshot::*;
