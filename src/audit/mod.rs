//! The audit log: a separate file that says who moved money, when, with what result, and who changed what.
//!
//! Every line carries the hash of the one before, so that a line that is changed, removed or moved later is noticed
//! (see [`chain`]). The journal is the authoritative record of payments, and this is a second one: a call does not wait
//! for it, and does not fail when it cannot be written. It contains ids, names, amounts and words from closed sets, and
//! nothing else from a body.

mod actor;
pub mod chain;
mod configuration;
mod entry;
mod file;
mod log;
mod observe;
mod writer;

use std::path::Path;

pub use actor::{Actor, acting};
pub use configuration::{reloaded, started};
pub use log::Audit;

/// Reads an audit log with the head that is stored beside it, if there is one.
///
/// # Errors
/// When the file cannot be read.
pub fn read(path: &Path) -> std::io::Result<(Vec<u8>, Option<chain::Head>)> {
    file::read_whole(path)
}
