//! The settings of a sandbox; they stay the same while it runs.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use jiff::tz::Offset;

use super::keys::{MerchantKey, ProviderKey};
use crate::clock::Clock;
use crate::provider::{Operation, Provider};

/// The pauses between a notification's attempts unless set otherwise, in seconds. The provider's own values are not
/// published.
const REPEAT_SECONDS: [u64; 10] = [1, 2, 5, 10, 30, 60, 60, 60, 60, 60];

/// A merchant application that is registered with the sandbox.
pub struct App {
    pub app_id: String,
    pub public_key: MerchantKey,
    /// Where its notifications about payouts go; payout requests have no address for them.
    pub payout_notify_url: Option<String>,
}

/// A sandbox that has not been started.
pub struct Sandbox {
    pub listen: SocketAddr,
    pub apps: Vec<App>,
    pub provider: Arc<Provider>,
    /// The provider's own key pair, which signs notifications; its public half is shown on `GET /_sandbox`.
    pub provider_key: Option<ProviderKey>,
    /// The key that it changes to when a fault requests it.
    pub next_provider_key: Option<ProviderKey>,
    /// How notifications are posted.
    pub notify: NotifySettings,
    pub clock: Clock,
    /// What every merchant has at the start, in minor units.
    pub balance: i64,
    /// How far a request's timestamp may differ from the clock, in both directions. The provider's own value is not
    /// published.
    pub timestamp_window: Duration,
    /// How long a transaction is pending.
    pub settle_after: Duration,
    /// The zone of the zone-less times in answers. The provider's own is not published.
    pub timezone: Offset,
    /// For random faults: the same seed and the same requests give the same faults.
    pub seed: u64,
}

/// How notifications are posted.
#[derive(Clone, Debug)]
pub struct NotifySettings {
    /// The pause before each repeat; when none is left, the notification is given up.
    pub repeat: Vec<Duration>,
    /// How long one attempt may take.
    pub timeout: Duration,
}

impl Sandbox {
    pub fn app(&self, app_id: &str) -> Option<&App> {
        self.apps.iter().find(|app| app.app_id == app_id)
    }

    /// The operation with exactly this path; operation names are the sidecar's, not the provider's.
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
