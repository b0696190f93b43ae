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
mod store;
mod writer;

use std::path::Path;
use std::sync::Arc;

use crate::clock::Clock;
use crate::config;
use crate::store::Store;

pub use actor::{Actor, acting};
pub use configuration::{reloaded, started};
pub use entry::{Action, Entry};
pub use store::audited;

use writer::Writer;

/// Where entries go. Clones share one thread; without a file nothing is kept.
#[derive(Clone)]
pub struct Audit {
    writer: Option<Arc<Writer>>,
    clock: Clock,
}

impl Audit {
    /// Opens what the configuration names.
    ///
    /// # Errors
    /// When the file cannot be opened, or is not an audit log.
    pub fn open(settings: Option<&config::Audit>, clock: Clock) -> std::io::Result<Self> {
        match settings {
            Some(settings) => Self::at(&settings.file, clock),
            None => Ok(Self { writer: None, clock }),
        }
    }

    fn at(path: &Path, clock: Clock) -> std::io::Result<Self> {
        let writer = Some(Arc::new(Writer::start(path)?));
        Ok(Self { writer, clock })
    }

    /// Queues `entry`, as something that happened now.
    pub fn record(&self, entry: Entry) {
        if let Some(writer) = &self.writer {
            writer.put(entry.at(self.clock.now()));
        }
    }

    /// Waits, a bounded time, until what was recorded is on disk. Returns whether it is.
    pub fn close(&self) -> bool {
        self.writer.as_ref().is_none_or(|writer| writer.close())
    }
}

/// Reads an audit log with the head that is kept beside it, if it is.
///
/// # Errors
/// When the file cannot be read.
pub fn read(path: &Path) -> std::io::Result<(Vec<u8>, Option<chain::Head>)> {
    file::read_whole(path)
}

/// `store` with everything written down that the configuration wants to be; as it is when there is no audit log.
///
/// # Errors
/// When the audit log cannot be opened.
pub fn open_audited(
    store: Arc<dyn Store>,
    settings: Option<&config::Audit>,
    clock: Clock,
    otherwise: Actor,
) -> std::io::Result<(Arc<dyn Store>, Audit)> {
    let audit = Audit::open(settings, clock)?;
    let store = match settings {
        Some(_) => audited(store, audit.clone(), otherwise),
        None => store,
    };
    Ok((store, audit))
}
