//! Notifications: what the provider tells a merchant by itself, posted until the merchant acknowledges it.
//!
//! A change of status becomes the provider's text (`bluepay/notification.rs`), unless a fault has other plans (`queue.rs`, `faults/notification.rs`),
//! waits in the outbox (`outbox.rs`), and is signed and posted by one task (`sender.rs`, `envelope.rs`, `http/client.rs`). What
//! a test asks for on demand comes through `requested.rs`. Only loopback is ever posted to (`http/target.rs`).

mod envelope;
mod outbox;
mod queue;
mod requested;
mod row;
mod sender;

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use tokio::sync::Notify;

use envelope::{Keys, Signer};
use outbox::Outbox;

use super::keys::ProviderKey;
use super::shared::locked;
use super::transaction::{Product, Transaction};

pub use requested::Wish;
pub use row::{Notification, NotificationState};
pub use sender::run;

/// How long the pauses between a notification's attempts are unless told otherwise, in seconds. The provider's own are
/// not published.
const REPEAT_SECONDS: [u64; 10] = [1, 2, 5, 10, 30, 60, 60, 60, 60, 60];

/// How notifications are posted.
#[derive(Clone, Debug)]
pub struct NotifySettings {
    /// The pause before each repeat; when none is left, the notification is given up.
    pub repeat: Vec<Duration>,
    /// How long one attempt may take.
    pub timeout: Duration,
}

impl Default for NotifySettings {
    fn default() -> Self {
        let repeat = REPEAT_SECONDS.map(Duration::from_secs).to_vec();
        Self { repeat, timeout: Duration::from_secs(10) }
    }
}

/// Everything about notifications that the connections and the sender share.
pub struct Notifications {
    keys: Keys,
    /// The place of the key that signs now.
    active_key: AtomicUsize,
    settings: NotifySettings,
    /// By app id: a payout's request cannot say where to.
    payout_urls: Mutex<BTreeMap<String, String>>,
    outbox: Mutex<Outbox>,
    /// Wakes the sender.
    wake: Notify,
}

impl Notifications {
    /// `keys` are the provider's: the first signs until the keys are rolled.
    pub fn new(
        keys: impl IntoIterator<Item = ProviderKey>,
        settings: NotifySettings,
        payout_urls: BTreeMap<String, String>,
    ) -> Self {
        Self {
            keys: Keys::new(keys),
            active_key: AtomicUsize::new(0),
            settings,
            payout_urls: Mutex::new(payout_urls),
            outbox: Mutex::new(Outbox::default()),
            wake: Notify::new(),
        }
    }

    /// The public half of the key that signs now, as one line of base64.
    pub fn public_key(&self) -> Option<String> {
        self.keys.own().get(self.active_key.load(Ordering::Relaxed)).map(ProviderKey::public_base64)
    }

    /// The public halves of all keys, in a lasting order.
    pub fn public_keys(&self) -> Vec<String> {
        self.keys.own().iter().map(ProviderKey::public_base64).collect()
    }

    /// Everything that was or is to be posted, oldest first.
    pub fn list(&self) -> Vec<Notification> {
        locked(&self.outbox).list()
    }

    pub fn set_payout_url(&self, app_id: &str, url: &str) {
        locked(&self.payout_urls).insert(app_id.to_string(), url.to_string());
    }

    /// Forgets every notification and goes back to the first key.
    pub fn reset(&self) {
        locked(&self.outbox).clear();
        self.active_key.store(0, Ordering::Relaxed);
    }

    /// Has the sender look again at what is due.
    pub fn wake(&self) {
        self.wake.notify_one();
    }

    /// Whether there is a key to change over to.
    pub fn can_roll(&self) -> bool {
        self.keys.own().len() > 1
    }

    /// Changes over to the other key.
    fn roll_key(&self) {
        let other = 1 - self.active_key.load(Ordering::Relaxed).min(1);
        self.active_key.store(other, Ordering::Relaxed);
    }

    fn active_signer(&self) -> Signer {
        Signer::Provider(self.active_key.load(Ordering::Relaxed))
    }

    /// Where `transaction` is told about.
    fn url_for(&self, transaction: &Transaction) -> Option<String> {
        match transaction.product {
            Product::Payout => locked(&self.payout_urls).get(&transaction.app_id).cloned(),
            _ => transaction.notify_url().map(str::to_string),
        }
    }
}

/// Whether notifications are posted to `url`, or why not.
pub fn check_url(url: &str) -> Result<(), String> {
    super::http::target::Target::from_url(url).map(drop)
}
