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
mod observe;
mod writer;

use std::path::Path;
use std::sync::Arc;

use crate::clock::Clock;
use crate::config;
use crate::store::Store;

pub use actor::{Actor, acting};
pub use configuration::{reloaded, started};
pub use entry::{Action, Entry};

use observe::Witness;
use writer::Writer;

/// Where entries go. Clones share one thread; without a file nothing is kept.
#[derive(Clone)]
pub struct Audit {
    writer: Option<Arc<Writer>>,
    clock: Clock,
}

impl Audit {
    /// Opens what the configuration names and lets it observe `store`. What is done outside a request that says who does it
    /// is done by `otherwise`.
    ///
    /// # Errors
    /// When the file cannot be opened, or is not an audit log.
    pub fn open(
        settings: Option<&config::Audit>,
        clock: Clock,
        store: &dyn Store,
        otherwise: Actor,
    ) -> std::io::Result<Self> {
        let writer =
            settings.map(|settings| Writer::start(&settings.file, clock.clone())).transpose()?;
        let audit = Self { writer: writer.map(Arc::new), clock };
        if audit.writer.is_some() {
            store.observe(Arc::new(Witness { audit: audit.clone(), otherwise }));
        }
        Ok(audit)
    }

    /// Queues `entry`, as something that happened now.
    pub fn record(&self, entry: Entry) {
        if let Some(writer) = &self.writer {
            writer.put(entry.at(self.clock.now()));
        }
    }

    /// Waits, a bounded time, until what was recorded is on disk. Call it when the store is closed.
    pub async fn close(&self) {
        let Some(writer) = self.writer.clone() else { return };
        let written = tokio::task::spawn_blocking(move || writer.close()).await;
        if !written.unwrap_or(false) {
            tracing::error!("the last entries of the audit log could not be written");
        }
    }
}

/// Reads an audit log with the head that is kept beside it, if it is.
///
/// # Errors
/// When the file cannot be read.
pub fn read(path: &Path) -> std::io::Result<(Vec<u8>, Option<chain::Head>)> {
    file::read_whole(path)
}
