//! The worker of one account: claims events that are due, as many as may be under way at once, and starts an attempt
//! for each.
//!
//! It waits for the store, for attempts and for time, never for the application: each attempt is a task of its own.
//! Only the store decides which events may be delivered, and in which order.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tokio::task::{JoinError, JoinSet};
use tokio::time::{Interval, MissedTickBehavior, interval_at, sleep, timeout_at};
use tracing::Instrument;

use super::held::Held;
use super::{Delivery, deliver, stopped};
use crate::clock::{instant, later, milliseconds};
use crate::config::Account;
use crate::store::{Settled, Settlement, StoreError};

/// The shortest wait between two looks at the store.
const WAIT_MIN: Duration = Duration::from_millis(10);

/// How often a worker checks what no signal announces.
#[derive(Clone, Copy, Debug)]
pub(super) struct Pace {
    /// The longest wait between two looks at the store. It may take as long to notice that an account is no longer
    /// configured. An idle look costs the store a few microseconds.
    pub look: Duration,
    /// How long a claim is valid. After a crash, events that were under way are delivered that much later.
    pub lease: Duration,
    /// How often claims of running attempts are renewed; well below `lease`, so that one slow write does no harm.
    pub renew: Duration,
    /// How long a stop waits for running attempts. Attempts that still run then are handed back, and their events
    /// delivered again after the restart.
    pub stop: Duration,
    /// How often the configuration is compared with the workers that are running.
    pub accounts: Duration,
}

impl Default for Pace {
    fn default() -> Self {
        Self {
            look: Duration::from_secs(5),
            lease: Duration::from_secs(15),
            renew: Duration::from_secs(4),
            stop: super::STOP_MAX,
            accounts: Duration::from_secs(1),
        }
    }
}

pub(super) struct Worker {
    parts: Arc<Delivery>,
    account: String,
    pace: Pace,
    held: Held,
    attempts: JoinSet<()>,
    /// Whether the last look at the store failed, so that a failure is logged once and not at every look.
    is_store_failing: bool,
}

impl Worker {
    pub fn new(parts: Arc<Delivery>, account: String, pace: Pace) -> Self {
        Self {
            parts,
            account,
            pace,
            held: Held::default(),
            attempts: JoinSet::new(),
            is_store_failing: false,
        }
    }

    /// Works until `shutdown` turns true or the account has no delivery any more.
    pub async fn run(mut self, mut shutdown: watch::Receiver<bool>) {
        let mut changes = self.parts.inbox.changes(&self.account);
        let mut renewal = renewal(self.pace.renew);
        while let Some((account, concurrency)) = self.account() {
            while let Some(ended) = self.attempts.try_join_next() {
                self.report(ended);
            }
            // Every change from here on is either seen by the claim or wakes the wait below.
            changes.mark_unchanged();
            let free = concurrency.saturating_sub(self.attempts.len());
            let wait = match free {
                0 => self.pace.look,
                _ => self.claim(&account, free).await,
            };
            tokio::select! {
                () = stopped(&mut shutdown) => break,
                Some(ended) = self.attempts.join_next() => self.report(ended),
                () = changed(&mut changes), if free > 0 => {}
                _ = renewal.tick(), if free < concurrency => self.renew().await,
                () = sleep(wait) => {}
            }
        }
        self.finish(renewal).await;
    }

    /// The account as it is configured now, and how many deliveries it may have under way.
    fn account(&self) -> Option<(Arc<Account>, usize)> {
        let account = self.parts.live.load().accounts.get(&self.account)?.clone();
        let concurrency = account.delivery.as_ref()?.concurrency;
        Some((account, concurrency))
    }

    /// Claims up to `free` events and starts their attempts. Returns the time until the next event is due.
    async fn claim(&mut self, account: &Arc<Account>, free: usize) -> Duration {
        let lease_ms = milliseconds(self.pace.lease);
        let claimed = self.parts.inbox.claim(&self.account, free, lease_ms).await;
        let due = match claimed {
            Ok(claimed) => {
                for claimed in claimed {
                    let Some(hold) = self.held.hold(claimed.lease.clone()) else { continue };
                    let span = deliver::span(&claimed);
                    let (parts, account) = (self.parts.clone(), account.clone());
                    let attempt = deliver::deliver(parts, account, claimed, hold);
                    self.attempts.spawn(attempt.instrument(span));
                }
                self.parts.inbox.next_due(&self.account).await
            }
            Err(error) => Err(error),
        };
        self.note_store(due.as_ref().err());
        match due {
            Ok(Some(due_ms)) => {
                let wait = due_ms.saturating_sub(self.parts.inbox.time_ms());
                let wait = Duration::from_millis(u64::try_from(wait).unwrap_or(0));
                wait.clamp(WAIT_MIN.min(self.pace.look), self.pace.look)
            }
            Ok(None) | Err(_) => self.pace.look,
        }
    }

    async fn renew(&mut self) {
        let leases = self.held.leases();
        if leases.is_empty() {
            return;
        }
        let renewed = self.parts.inbox.renew(&leases, milliseconds(self.pace.lease)).await;
        self.note_store(renewed.as_ref().err());
    }

    /// Lets running attempts end, for a limited time, and hands back the rest.
    async fn finish(mut self, mut renewal: Interval) {
        let deadline = later(instant(), self.pace.stop);
        loop {
            tokio::select! {
                ended = timeout_at(deadline, self.attempts.join_next()) => match ended {
                    Ok(Some(ended)) => self.report(ended),
                    Ok(None) | Err(_) => break,
                },
                _ = renewal.tick() => self.renew().await,
            }
        }
        let left = self.held.leases();
        self.attempts.shutdown().await;
        for lease in left {
            let now_ms = self.parts.clock.unix_ms();
            let released = self.parts.inbox.settle(&lease, Settlement::Released, now_ms).await;
            let account = self.account.as_str();
            match released {
                Ok(Settled::Done) => tracing::warn!(
                    account,
                    event_id = %lease.id,
                    "delivery interrupted by the stop: the event will be delivered again"
                ),
                // Its attempt ended at the last moment and was recorded.
                Ok(Settled::Superseded) => {}
                Err(error) => {
                    // The others would wait for the same store, one after the other, and their claims expire anyway.
                    tracing::warn!(account, event_id = %lease.id, %error, "events not handed back");
                    return;
                }
            }
        }
    }

    fn report(&self, ended: Result<(), JoinError>) {
        // The claim expires, and the event is delivered then.
        if let Err(error) = ended
            && error.is_panic()
        {
            tracing::error!(account = self.account, "a delivery failed unexpectedly");
        }
    }

    fn note_store(&mut self, failure: Option<&StoreError>) {
        let account = self.account.as_str();
        match failure {
            Some(error) if !self.is_store_failing => {
                tracing::error!(account, %error, "deliveries wait: the store cannot be used");
            }
            None if self.is_store_failing => {
                tracing::info!(account, "deliveries continue: the store can be used again");
            }
            _ => {}
        }
        self.is_store_failing = failure.is_some();
    }
}

fn renewal(every: Duration) -> Interval {
    let mut renewal = interval_at(later(instant(), every), every);
    renewal.set_missed_tick_behavior(MissedTickBehavior::Delay);
    renewal
}

async fn changed(changes: &mut watch::Receiver<u64>) {
    if changes.changed().await.is_err() {
        // The store no longer signals changes; looking from time to time has to suffice.
        std::future::pending::<()>().await;
    }
}
