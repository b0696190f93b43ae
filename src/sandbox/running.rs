//! A sandbox that runs: where it is, what it saw, and how it ends.

use std::net::SocketAddr;
use std::sync::Arc;

use serde_json::Value;
use tokio::net::TcpListener;
use tokio::sync::Semaphore;
use tokio::task::{JoinHandle, JoinSet};

use super::exchange;
use super::requests::SeenRequest;
use super::shared::{Shared, locked};
use super::transaction::Transaction;

/// The most connections at once; more wait in the kernel's queue.
const CONNECTIONS_MAX: usize = 1024;

/// A running sandbox. Dropping it closes the listener and every connection.
pub struct Running {
    address: SocketAddr,
    shared: Arc<Shared>,
    accepting: JoinHandle<()>,
}

impl Running {
    pub(super) fn start(listener: TcpListener, address: SocketAddr, shared: Shared) -> Self {
        let shared = Arc::new(shared);
        let accepting = tokio::spawn(accept(listener, shared.clone()));
        Self { address, shared, accepting }
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
        self.shared.seed
    }

    /// The app ids it knows.
    pub fn app_ids(&self) -> impl Iterator<Item = &str> {
        self.shared.merchants.keys().map(String::as_str)
    }

    /// Everything that happened, oldest first.
    pub fn transactions(&self) -> Vec<Transaction> {
        self.shared.transactions()
    }

    /// The last requests to the provider's paths, oldest first.
    pub fn requests(&self) -> Vec<SeenRequest> {
        locked(&self.shared.requests).list()
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

    /// Forgets transactions, requests and faults, as if it had just been started.
    pub fn reset(&self) {
        self.shared.reset();
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.accepting.abort();
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
