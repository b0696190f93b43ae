//! Where entries go.

use std::sync::Arc;

use super::entry::Entry;
use super::writer::Writer;
use crate::clock::Clock;

/// The audit log of this process. Clones share one thread; without a file nothing is recorded.
#[derive(Clone)]
pub struct Audit {
    pub(super) writer: Option<Arc<Writer>>,
    pub(super) clock: Clock,
}

impl Audit {
    /// Queues `entry` with the current time.
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
