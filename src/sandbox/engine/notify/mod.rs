//! Notifications: what the provider reports to a merchant by itself, posted until the merchant acknowledges it.
//!
//! A change of status becomes the provider's text, unless a fault changes what is posted (`changes.rs`), and waits in
//! the outbox (`outbox.rs`) until the sender signs and posts it. Notifications that a test requests come through
//! `requested.rs`.

mod changes;
pub mod keys;
pub mod outbox;
pub mod requested;
pub mod row;

use std::collections::BTreeMap;

use parking_lot::Mutex;
use tokio::sync::Notify;

use keys::{Keys, Signer};
use outbox::{Outbox, Posting};
use row::Notification;

use super::dialect::{Dialect, Report};
use super::http::client::Message;
use super::keys::ProviderKey;
use super::settings::App;
use super::transaction::{Transaction, rfc3339};

/// Everything about notifications that the connections and the sender share.
pub struct Notifications {
    dialect: &'static dyn Dialect,
    pub keys: Keys,
    /// By app id: where those of a merchant's notifications go for which no request has an address.
    payout_urls: Mutex<BTreeMap<String, String>>,
    pub outbox: Mutex<Outbox>,
    /// Makes the sender check again what is due.
    pub wake: Notify,
}

impl Notifications {
    /// `keys` are the provider's: the first one signs until the keys are rolled.
    pub fn new(
        dialect: &'static dyn Dialect,
        keys: impl IntoIterator<Item = ProviderKey>,
        apps: &[App],
    ) -> Self {
        let payout_url = |app: &App| Some((app.app_id.clone(), app.payout_notify_url.clone()?));
        Self {
            dialect,
            keys: Keys::new(keys),
            payout_urls: Mutex::new(apps.iter().filter_map(payout_url).collect()),
            outbox: Mutex::new(Outbox::default()),
            wake: Notify::new(),
        }
    }

    pub fn set_payout_url(&self, app_id: &str, url: &str) {
        self.payout_urls.lock().insert(app_id.to_string(), url.to_string());
    }

    /// Forgets every notification and goes back to the first key.
    pub fn reset(&self) {
        self.outbox.lock().clear();
        self.keys.reset();
    }

    /// The message that is posted for `posting`. Slow: it signs.
    ///
    /// # Errors
    /// Why it cannot be signed.
    pub fn seal(&self, posting: &Posting) -> Result<Message, String> {
        let signature = self.keys.signature(&posting.signer)?;
        self.dialect.seal(&posting.row.param, signature, posting.flaws)
    }

    /// Where notifications about `transaction` go.
    fn url_for(&self, transaction: &Transaction) -> Option<String> {
        match self.dialect.notify_member(transaction.product) {
            Some(member) => transaction.text(member).map(str::to_string),
            None => self.payout_urls.lock().get(&transaction.app_id).cloned(),
        }
    }

    /// An honest notification. `None` when the provider has none for such a transaction.
    fn honest(&self, report: &Report<'_>) -> Option<Posting> {
        let written = self.dialect.notification(report)?;
        let (transaction, status) = (report.transaction, report.change.status);
        let word =
            report.word.unwrap_or_else(|| self.dialect.status_word(transaction.product, status));
        let row = Notification {
            app_id: Some(transaction.app_id.clone()),
            operation: Some(transaction.operation.clone()),
            reference: Some(transaction.reference.clone()),
            event: Some(written.event),
            status: Some(word.to_string()),
            url: self.url_for(transaction),
            param: written.text,
            queued_at: rfc3339(report.sandbox.clock.unix_ms()),
            ..Notification::default()
        };
        Some(Posting::new(row, self.keys.fixed(Signer::Active)))
    }
}
