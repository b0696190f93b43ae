//! The resolver: finds out what became of calls whose outcome is unknown, for as long as it takes.
//!
//! It asks the provider with growing pauses, after every restart and while the sidecar runs; what it finds becomes an
//! event in the same commit, so that the application hears of it like of everything else. Who works when is in
//! `workers`, what is done about one payment in `resolution`; this file keeps house.

mod jumps;
mod resolution;
mod stranded;
mod workers;

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::watch;

use super::super::Outbound;
use super::conclude::millis;
use super::owed;
use jumps::Jumps;

pub use stranded::Said;

/// How often the journal is looked at for what is due.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// How often stranded payments are counted: that reads a row for each payment in doubt.
const COUNT_STRANDED_EVERY: Duration = Duration::from_secs(5);

/// How often settled payments are looked at for being old.
const SWEEP_EVERY: Duration = Duration::from_secs(60);

/// Finds out until `shutdown` turns true, which begins the stop of all calls. Ends when no attempt is under way any more.
pub async fn run(outbound: Arc<Outbound>, mut shutdown: watch::Receiver<bool>) {
    let told_to_stop = async {
        // Without anybody who could tell, nobody is there to be worked for either.
        let _ = shutdown.wait_for(|stop| *stop).await;
        outbound.stopping.begin();
    };
    tokio::join!(told_to_stop, keep_house(&outbound), workers::work(&outbound));
}

/// Takes over what dead processes left, shows figures, removes what is old.
async fn keep_house(outbound: &Outbound) {
    let (mut swept, mut jumps) = (None, Jumps::new(outbound));
    let (mut counted, mut stranded) = (None::<Instant>, BTreeSet::new());
    loop {
        owed::settle(outbound).await;
        recover(outbound).await;
        show_figures(outbound).await;
        if counted.is_none_or(|at| at.elapsed() >= COUNT_STRANDED_EVERY) {
            counted = Some(Instant::now());
            stranded::show(outbound, &mut stranded).await;
        }
        jumps.look(outbound);
        if swept.is_none_or(|at: Instant| at.elapsed() >= SWEEP_EVERY) {
            swept = Some(Instant::now());
            sweep(outbound).await;
        }
        if outbound.stopping.unless(tokio::time::sleep(LOOK_EVERY)).await.is_none() {
            return owed::settle(outbound).await;
        }
    }
}

/// Shows how many outcomes are unknown, and since when.
async fn show_figures(outbound: &Outbound) {
    let Ok(counts) = outbound.store.payment_counts().await else { return };
    let now_ms = outbound.clock.unix_ms();
    let snapshot = outbound.live.load();
    for name in snapshot.accounts.keys() {
        let known = counts.iter().find(|counts| counts.account == *name);
        let unknown = known.map_or(0, |counts| counts.unknown);
        let oldest = known.and_then(|counts| counts.oldest_unknown_at_ms);
        let age_ms = oldest.map_or(0, |at_ms| now_ms.saturating_sub(at_ms).max(0));
        outbound.metrics.set_unknown(name, unknown, age_ms as f64 / 1e3);
    }
}

/// Removes settled payments that nobody will ask about any more.
async fn sweep(outbound: &Outbound) {
    let kept_ms = millis(outbound.live.load().retention.payments);
    if let Err(error) = outbound.store.sweep_payments(kept_ms).await {
        tracing::error!("old payments could not be removed: {error}");
    }
}

/// Takes over what a process that died left behind.
async fn recover(outbound: &Outbound) {
    match outbound.store.recover(outbound.clock.unix_ms()).await {
        Ok(found) if found.unknown > 0 => {
            tracing::warn!(
                payments = found.unknown,
                "payments of an ended process are in doubt and will be asked about"
            );
        }
        Ok(_) => {}
        // The store says so itself, once.
        Err(error) => tracing::debug!("the journal could not be looked through: {error}"),
    }
}
