//! Tells everything that waits whether the process is stopping.
//!
//! Once the stop has begun, no create and no status query leaves any more. A call that may have left already is never
//! cut short.

use tokio::sync::watch;

/// Changes from running to stopping, once.
#[derive(Debug, Default)]
pub struct Stopping(watch::Sender<bool>);

impl Stopping {
    /// Ends every wait.
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

    /// Does `work` and returns its result; `None` when the stop begins first. `work` is then dropped, even in the
    /// middle.
    pub async fn unless<T>(&self, work: impl Future<Output = T>) -> Option<T> {
        tokio::select! {
            biased;
            () = self.begun() => None,
            done = work => Some(done),
        }
    }
}
