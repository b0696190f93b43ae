//! Whether the process is stopping, for everything that waits.
//!
//! From then on no create and no status query leaves any more. What may have left already is never cut short by it.

use tokio::sync::watch;

/// Turns from running to stopping, once.
#[derive(Debug, Default)]
pub struct Stopping(watch::Sender<bool>);

impl Stopping {
    /// Ends what waits.
    pub fn begin(&self) {
        self.0.send_replace(true);
    }

    pub fn has_begun(&self) -> bool {
        *self.0.borrow()
    }

    /// Returns when the stop has begun.
    pub async fn begun(&self) {
        // The sender lives as long as this borrow, so waiting cannot fail.
        let _ = self.0.subscribe().wait_for(|begun| *begun).await;
    }

    /// Does `work` unless the stop begins first; `None` then. What `work` was in the middle of is dropped.
    pub async fn unless<T>(&self, work: impl Future<Output = T>) -> Option<T> {
        tokio::select! {
            biased;
            () = self.begun() => None,
            done = work => Some(done),
        }
    }
}
