//! Hands events to the application: claims them from the inbox, posts, settles.
//!
//! One worker per account, so that an application that is slow or down delays no other account. This is the second
//! retry loop of the program (the first is the outbound attempt loop) and shares nothing with the paths but the store.
//!
//! `worker` claims, `deliver` takes one event from post to settlement: `attempt` posts, `verdict` and `pauses` decide.

mod attempt;
mod deliver;
mod held;
mod housekeeping;
mod pauses;
#[cfg(test)]
mod tests;
mod verdict;
mod webhook;
mod worker;

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tokio::task::{Id, JoinSet};
use tokio::time::sleep;

use crate::clock::Clock;
use crate::config::Live;
use crate::metrics::Metrics;
use crate::store::Inbox;
use crate::wire::Upstream;

use worker::{Pace, Worker};

/// The longest time that [`Delivery::run`] continues after a stop was requested, for attempts that are under way.
pub const STOP_MAX: Duration = Duration::from_secs(10);

/// Hands events to the applications.
pub struct Delivery {
    /// The current configuration. Added and removed accounts are noticed while running.
    pub live: Live,
    /// Where the events are stored.
    pub inbox: Arc<dyn Inbox>,
    /// The way to the applications.
    pub upstream: Arc<dyn Upstream>,
    /// Where everything is counted.
    pub metrics: Arc<Metrics>,
    /// What time it is.
    pub clock: Clock,
}

impl Delivery {
    /// Delivers until `shutdown` turns true, then lets running attempts end, for no longer than [`STOP_MAX`], and
    /// returns. The store must stay open until then.
    pub async fn run(self, shutdown: watch::Receiver<bool>) {
        let parts = Arc::new(self);
        tokio::join!(
            work(&parts, Pace::default(), shutdown.clone()),
            housekeeping::run(&parts, shutdown),
        );
    }
}

/// Keeps a worker running for every account that has a delivery.
async fn work(parts: &Arc<Delivery>, pace: Pace, mut shutdown: watch::Receiver<bool>) {
    let mut workers = JoinSet::new();
    let mut accounts: HashMap<Id, String> = HashMap::new();
    loop {
        for account in parts.live.load().accounts.values() {
            if account.delivery.is_some() && !accounts.values().any(|name| *name == account.name) {
                let worker = Worker::new(parts.clone(), account.name.clone(), pace);
                let id = workers.spawn(worker.run(shutdown.clone())).id();
                accounts.insert(id, account.name.clone());
            }
        }
        let ended = tokio::select! {
            () = stopped(&mut shutdown) => break,
            Some(ended) = workers.join_next_with_id() => ended,
            () = sleep(pace.accounts) => continue,
        };
        let id = match ended {
            Ok((id, ())) => id,
            Err(error) => {
                tracing::error!(account = accounts.get(&error.id()), "a delivery worker failed");
                error.id()
            }
        };
        accounts.remove(&id);
        // A worker that fails at once is not started in a tight loop.
        sleep(pace.accounts).await;
    }
    while workers.join_next().await.is_some() {}
}

/// Returns when `shutdown` is true, or can no longer become true because its sender is gone.
async fn stopped(shutdown: &mut watch::Receiver<bool>) {
    let _ = shutdown.wait_for(|stop| *stop).await;
}
