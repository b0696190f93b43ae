//! Delivery as a service of pingora's server, and the end of the store.

use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use pingora_core::server::ShutdownWatch;
use pingora_core::services::background::BackgroundService;

use crate::delivery::Delivery;
use crate::edge::InFlight;
use crate::store::Store;

/// Delivery that starts and stops with the server. It counts as in flight while it runs, so that a stop waits for the
/// attempts it is in the middle of.
pub(super) struct Delivering {
    delivery: Mutex<Option<Delivery>>,
    in_flight: InFlight,
}

impl Delivering {
    pub fn new(delivery: Delivery, in_flight: InFlight) -> Self {
        Self { delivery: Mutex::new(Some(delivery)), in_flight }
    }
}

#[async_trait]
impl BackgroundService for Delivering {
    async fn start(&self, shutdown: ShutdownWatch) {
        let delivery = self.delivery.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(delivery) = delivery {
            let _counted = self.in_flight.enter();
            delivery.run(shutdown).await;
        }
    }
}

/// Writes what is queued and closes the files. Called outside any runtime, when nobody uses the store any more.
pub(super) fn close(store: Option<Arc<dyn Store>>) {
    let Some(store) = store else { return };
    let closed = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map(|runtime| runtime.block_on(store.close()));
    match closed {
        Ok(Ok(())) => {}
        Ok(Err(error)) => tracing::error!("the store could not be closed: {error}"),
        Err(error) => tracing::error!("the store could not be closed: {error}"),
    }
}
