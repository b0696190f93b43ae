//! A sandbox that runs: where it is, what it saw, and how it ends.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use serde_json::Value;
use tokio::net::TcpListener;
use tokio::sync::Semaphore;
use tokio::task::{JoinHandle, JoinSet};

use super::exchange;
use super::lock::locked;
use super::notify::row::Notification;
use super::requests::SeenRequest;
use super::sender;
use super::shared::Shared;
use super::transaction::Transaction;

/// The most connections at once; more wait in the kernel's queue.
const CONNECTIONS_MAX: usize = 1024;

/// A running sandbox. Dropping it closes the listener and every connection, and ends the notifications.
pub struct Running {
    address: SocketAddr,
    shared: Arc<Shared>,
    accepting: JoinHandle<()>,
    sending: JoinHandle<()>,
}

impl Running {
    /// Listens on `listen` and serves.
    ///
    /// # Errors
    /// When the address cannot be listened on.
    pub async fn start(listen: SocketAddr, shared: Shared) -> io::Result<Self> {
        let listener = TcpListener::bind(listen).await?;
        let address = listener.local_addr()?;
        let shared = Arc::new(shared);
        let accepting = tokio::spawn(accept(listener, shared.clone()));
        let sending = tokio::spawn(sender::run(shared.clone()));
        Ok(Self { address, shared, accepting, sending })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Its address as a base URL for an account.
    pub fn base_url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// The seed of its random faults.
    pub fn seed(&self) -> u64 {
        self.shared.settings.seed
    }

    /// The app ids it knows.
    pub fn app_ids(&self) -> impl Iterator<Item = &str> {
        self.shared.settings.merchants.keys().map(String::as_str)
    }

    /// Everything that happened, oldest first.
    pub fn transactions(&self) -> Vec<Transaction> {
        self.shared.transactions()
    }

    /// The last requests to the provider's paths, oldest first.
    pub fn requests(&self) -> Vec<SeenRequest> {
        locked(&self.shared.requests).list()
    }

    /// The notifications that were or are to be posted, oldest first.
    pub fn notifications(&self) -> Vec<Notification> {
        self.shared.notifications()
    }

    /// Posts a requested notification, written as for `POST /_sandbox/notifications`.
    ///
    /// # Errors
    /// What is wrong with what is asked for.
    pub fn notify(&self, request: &Value) -> Result<Notification, String> {
        self.shared.notify(request)
    }

    /// Sets where a merchant's notifications about payouts go; their requests cannot say.
    ///
    /// # Errors
    /// When the sandbox does not know `app_id`.
    pub fn set_payout_notify_url(&self, app_id: &str, url: &str) -> Result<(), String> {
        self.shared.set_payout_notify_url(app_id, url)
    }

    /// The public half of the key that signs notifications now, as one line of base64. `None` without a key.
    pub fn provider_public_key(&self) -> Option<String> {
        self.shared.notifications.public_key()
    }

    /// Puts one fault rule or a list of them in force, written as for `POST /_sandbox/faults`.
    ///
    /// # Errors
    /// What is wrong with the rule, with what is allowed.
    pub fn add_fault(&self, rule: &Value) -> Result<(), String> {
        self.shared.add_faults(rule)
    }

    /// The rules in force with their hits.
    pub fn faults(&self) -> Vec<Value> {
        locked(&self.shared.faults).list()
    }

    /// Takes every fault rule out of force.
    pub fn clear_faults(&self) {
        locked(&self.shared.faults).clear();
    }

    /// Lets a test see when everything that ran has ended.
    #[cfg(test)]
    pub fn watch(&self) -> std::sync::Weak<Shared> {
        Arc::downgrade(&self.shared)
    }

    /// Forgets transactions, requests, notifications and faults, as if it had just been started.
    pub fn reset(&self) {
        self.shared.reset();
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.accepting.abort();
        self.sending.abort();
    }
}

/// Owns every connection's task: when it is aborted, they are.
async fn accept(listener: TcpListener, shared: Arc<Shared>) {
    let room = Arc::new(Semaphore::new(CONNECTIONS_MAX));
    let mut connections = JoinSet::new();
    loop {
        let Ok(permit) = room.clone().acquire_owned().await else { return };
        match listener.accept().await {
            Ok((stream, _)) => {
                let shared = shared.clone();
                connections.spawn(async move {
                    exchange::serve(stream, shared).await;
                    drop(permit);
                });
            }
            // Out of file descriptors, most likely: let some connections end first.
            Err(_) => tokio::time::sleep(std::time::Duration::from_millis(50)).await,
        }
        while connections.try_join_next().is_some() {}
    }
}
