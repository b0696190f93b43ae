//! The resolver: finds out the outcome of calls where it is unknown, for as long as it takes.
//!
//! It queries the provider with growing pauses, after every restart and while the sidecar runs; what it finds becomes
//! an event in the same commit, so that the application receives it like every other event. `workers` decides when to
//! work, `resolution` and `owed` deal with one payment; this file does what is due every second.

mod jumps;
mod owed;
mod resolution;
mod stranded;
mod workers;

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::Instant;

use crate::clock::{Clock, instant, milliseconds};
use crate::config::Snapshot;
use crate::metrics::Metrics;
use crate::outbound::Outbound;
use crate::store::Store;
use jumps::Jumps;
use workers::LOOK_EVERY;

/// How often stranded payments are counted: that reads a row for each payment in doubt.
const COUNT_STRANDED_EVERY: Duration = Duration::from_secs(5);

/// How often old settled payments are looked for.
const SWEEP_EVERY: Duration = Duration::from_secs(60);

/// Resolves until `shutdown` turns true, which begins the stop of all calls. Ends when no attempt is under way any more.
pub async fn run(outbound: Arc<Outbound>, mut shutdown: watch::Receiver<bool>) {
    let stop = async {
        // When the sender is gone, the process ends as well.
        let _ = shutdown.wait_for(|stop| *stop).await;
        outbound.egress.stopping.begin();
    };
    tokio::join!(stop, keep_up(&outbound), workers::work(&outbound));
}

/// Takes over the payments of dead processes, updates the gauges, removes old payments.
async fn keep_up(outbound: &Outbound) {
    let (store, egress) = (&*outbound.store, &outbound.egress);
    let record_unsent = || outbound.unsent.record(store, egress.clock.unix_ms());
    let ahead_ms = || egress.clock.unix_ms().saturating_sub(store.time_ms());
    let (mut swept, mut jumps) = (None, Jumps { ahead_ms: ahead_ms() });
    let (mut counted, mut stranded) = (None, BTreeSet::new());
    loop {
        record_unsent().await;
        recover(store, &egress.clock).await;
        let snapshot = outbound.live.load();
        show_figures(&snapshot, store, &egress.metrics, egress.clock.unix_ms()).await;
        if is_due(&mut counted, COUNT_STRANDED_EVERY) {
            stranded::show(&snapshot, store, &egress.metrics, &mut stranded).await;
        }
        jumps.look(ahead_ms());
        if is_due(&mut swept, SWEEP_EVERY) {
            sweep(&snapshot, store).await;
        }
        if egress.stopping.unless(tokio::time::sleep(LOOK_EVERY)).await.is_none() {
            return record_unsent().await;
        }
    }
}

/// Whether `every` has passed since `last`; if so, sets `last` to now.
fn is_due(last: &mut Option<Instant>, every: Duration) -> bool {
    let is_due = last.is_none_or(|at| at.elapsed() >= every);
    if is_due {
        *last = Some(instant());
    }
    is_due
}

/// Shows how many outcomes are unknown, and for how long.
async fn show_figures(snapshot: &Snapshot, store: &dyn Store, metrics: &Metrics, now_ms: i64) {
    let Ok(counts) = store.payment_counts().await else { return };
    for name in snapshot.accounts.keys() {
        let known = counts.iter().find(|counts| counts.account == *name);
        let unknown = known.map_or(0, |counts| counts.unknown);
        let oldest = known.and_then(|counts| counts.oldest_unknown_at_ms);
        let age_ms = oldest.map_or(0, |at_ms| now_ms.saturating_sub(at_ms).max(0));
        metrics.set_unknown(name, unknown, age_ms as f64 / 1e3);
    }
}

/// Removes settled payments that are older than they are kept.
async fn sweep(snapshot: &Snapshot, store: &dyn Store) {
    if let Err(error) = store.sweep_payments(milliseconds(snapshot.retention.payments)).await {
        tracing::error!("old payments could not be removed: {error}");
    }
}

/// Takes over the payments that a dead process left behind.
async fn recover(store: &dyn Store, clock: &Clock) {
    match store.recover(clock.unix_ms()).await {
        Ok(found) if found.unknown > 0 => {
            tracing::warn!(
                payments = found.unknown,
                "payments of an ended process are in doubt and will be queried"
            );
        }
        Ok(_) => {}
        // The store itself logs this, once.
        Err(error) => tracing::debug!("the journal could not be looked through: {error}"),
    }
}
