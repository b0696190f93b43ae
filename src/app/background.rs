//! Work that runs beside the listeners as services of pingora's server, and closing the store.

use std::future::Future;
use std::pin::Pin;

use async_trait::async_trait;
use parking_lot::Mutex;
use pingora_core::server::ShutdownWatch;
use pingora_core::services::background::BackgroundService;

use crate::audit::Audit;
use crate::edge::InFlight;
use crate::store::Store;

type Work = Pin<Box<dyn Future<Output = ()> + Send>>;
type Start = Box<dyn FnOnce(ShutdownWatch) -> Work + Send>;

/// Work that starts and stops with the server. It counts as in flight while it runs, so that a stop waits for its
/// current step.
pub(super) struct InBackground {
    start: Mutex<Option<Start>>,
    in_flight: InFlight,
}

impl InBackground {
    /// Runs the future that `start` returns; it must end when its argument turns true.
    pub fn new<F>(
        in_flight: InFlight,
        start: impl FnOnce(ShutdownWatch) -> F + Send + 'static,
    ) -> Self
    where
        F: Future<Output = ()> + Send + 'static,
    {
        let start: Start = Box::new(|shutdown| Box::pin(start(shutdown)));
        Self { start: Mutex::new(Some(start)), in_flight }
    }
}

#[async_trait]
impl BackgroundService for InBackground {
    async fn start(&self, shutdown: ShutdownWatch) {
        let start = self.start.lock().take();
        if let Some(start) = start {
            let _counted = self.in_flight.enter();
            start(shutdown).await;
        }
    }
}

/// Writes what is queued and closes the files. Called when nothing uses the store any more.
pub(super) async fn close(store: &dyn Store, audit: &Audit) {
    if let Err(error) = store.close().await {
        tracing::error!("the store could not be closed: {error}");
    }
    audit.close().await;
}

/// Like [`close`], outside any runtime.
pub(super) fn close_blocking(store: &dyn Store, audit: &Audit) {
    match tokio::runtime::Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => runtime.block_on(close(store, audit)),
        Err(error) => tracing::error!("the store could not be closed: {error}"),
    }
}
