//! The handle of a running sandbox: its address, and its end.

use std::io;
use std::net::SocketAddr;
use std::ops::Deref;
use std::sync::Arc;

use tokio::net::TcpListener;
use tokio::sync::Semaphore;
use tokio::task::{JoinHandle, JoinSet};

use super::exchange;
use super::sender;
use super::shared::Shared;

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
    /// Listens and serves.
    ///
    /// # Errors
    /// When the address cannot be listened on.
    pub async fn start(shared: Shared) -> io::Result<Self> {
        let listener = TcpListener::bind(shared.sandbox.listen).await?;
        let address = listener.local_addr()?;
        let shared = Arc::new(shared);
        let accepting = tokio::spawn(accept(listener, shared.clone()));
        let sending = tokio::spawn(sender::run(shared.clone()));
        Ok(Self { address, shared, accepting, sending })
    }

    /// Where it listens.
    #[cfg(test)]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Its address as a base URL for an account.
    pub fn base_url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Lets a test see when everything that ran has ended.
    #[cfg(test)]
    pub fn watch(&self) -> std::sync::Weak<Shared> {
        Arc::downgrade(&self.shared)
    }
}

/// Queries and changes while it runs.
impl Deref for Running {
    type Target = Shared;

    fn deref(&self) -> &Shared {
        &self.shared
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.accepting.abort();
        self.sending.abort();
    }
}

/// Owns every connection's task: aborting it aborts them.
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
