//! The audit log: a file of its own that says who moved money, when, what came of it, and who changed what.
//!
//! Every line carries the hash of the one before, so that what is changed, removed or put elsewhere later is noticed (see
//! [`chain`]). The journal is the truth about payments and this a second record of it: a call does not wait for it, and
//! does not fail when it cannot be written. Ids, names, amounts and closed words go in; nothing else of a body.

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

/// Reads an audit log with the head that is kept beside it, if it is.
///
/// # Errors
/// When the file cannot be read.
pub fn read(path: &Path) -> std::io::Result<(Vec<u8>, Option<chain::Head>)> {
    file::read_whole(path)
}
