//! What stays the same while a sandbox runs.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use jiff::tz::Offset;

use super::keys::MerchantKey;
use crate::clock::Clock;
use crate::provider::{Operation, Provider};

/// The pauses between a notification's attempts unless set otherwise, in seconds. The provider's own are not published.
const REPEAT_SECONDS: [u64; 10] = [1, 2, 5, 10, 30, 60, 60, 60, 60, 60];

/// The settings of a running sandbox.
pub struct Settings {
    /// Which operations there are, and where.
    pub provider: Arc<Provider>,
    /// The merchants' keys by app id.
    pub merchants: BTreeMap<String, MerchantKey>,
    pub clock: Clock,
    /// How far a request's timestamp may be from the clock, in both directions.
    pub timestamp_window_ms: i64,
    /// How long a transaction is pending.
    pub settle_after_ms: i64,
    /// The zone of times that are written without one.
    pub zone: Offset,
    /// For random faults.
    pub seed: u64,
    pub notify: NotifySettings,
}

/// How notifications are posted.
#[derive(Clone, Debug)]
pub struct NotifySettings {
    /// The pause before each repeat; when none is left, the notification is given up.
    pub repeat: Vec<Duration>,
    /// How long one attempt may take.
    pub timeout: Duration,
}

impl Settings {
    /// The operation with exactly this path; operation names are the sidecar's language, not the provider's.
    pub fn operation(&self, path: &str) -> Option<&Operation> {
        let mut operations = self.provider.operations.iter();
        operations.find(|operation| operation.path == path).map(AsRef::as_ref)
    }
}

impl Default for NotifySettings {
    fn default() -> Self {
        let repeat = REPEAT_SECONDS.map(Duration::from_secs).to_vec();
        Self { repeat, timeout: Duration::from_secs(10) }
    }
}
