//! The inbox's other needs: removes old events, and updates its gauges.

use std::time::Duration;

use tokio::sync::watch;
use tokio::time::{MissedTickBehavior, interval};

use super::{Delivery, stopped};
use crate::clock::milliseconds;
use crate::metrics::InboxFigures;
use crate::store::{AccountCounts, Retention, StoreError};

/// How often the gauges are updated: more often than they are usually scraped.
const FIGURES_EVERY: Duration = Duration::from_secs(5);

/// How often old events are searched for. Each sweep removes what has become too old since the last one, so it is
/// small.
const SWEEP_EVERY: Duration = Duration::from_secs(60);

/// Updates the gauges and sweeps until `shutdown` turns true.
pub(super) async fn run(parts: &Delivery, shutdown: watch::Receiver<bool>) {
    tokio::join!(
        every(FIGURES_EVERY, shutdown.clone(), "figures of the inbox not read", || {
            show_figures(parts)
        }),
        every(SWEEP_EVERY, shutdown, "old events not removed", || sweep(parts)),
    );
}

/// Does `work` at regular intervals until `shutdown` turns true. Of consecutive failures, the first is logged.
async fn every<W>(
    period: Duration,
    mut shutdown: watch::Receiver<bool>,
    failure: &'static str,
    work: impl Fn() -> W,
) where
    W: Future<Output = Result<(), StoreError>>,
{
    let mut times = interval(period);
    times.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut has_failed = false;
    loop {
        tokio::select! {
            () = stopped(&mut shutdown) => return,
            _ = times.tick() => {}
        }
        // A sweep can take a while; a stop does not wait for it.
        let done = tokio::select! {
            () = stopped(&mut shutdown) => return,
            done = work() => done,
        };
        if let Err(error) = &done
            && !has_failed
        {
            tracing::error!(%error, "{failure}");
        }
        has_failed = done.is_err();
    }
}

/// Reads the figures of every configured account. `countersign inbox list` still shows an account that was removed.
pub(super) async fn show_figures(parts: &Delivery) -> Result<(), StoreError> {
    let counts = parts.inbox.counts().await?;
    let now_ms = parts.clock.unix_ms();
    for account in parts.live.load().accounts.keys() {
        let known = counts.iter().find(|counts| counts.account == *account);
        let figures = known.map_or_else(InboxFigures::default, |counts| shown(counts, now_ms));
        parts.metrics.set_inbox(account, figures);
    }
    Ok(())
}

fn shown(counts: &AccountCounts, now_ms: i64) -> InboxFigures {
    let age_ms = counts.oldest_open_at_ms.map_or(0, |at_ms| now_ms.saturating_sub(at_ms).max(0));
    InboxFigures {
        pending: counts.pending,
        retrying: counts.retrying,
        dead: counts.dead,
        oldest_age_seconds: age_ms as f64 / 1000.0,
    }
}

/// Removes events that are older than the configuration allows.
pub(super) async fn sweep(parts: &Delivery) -> Result<(), StoreError> {
    let configured = parts.live.load().retention;
    let retention = Retention {
        delivered_ms: milliseconds(configured.delivered),
        dead_ms: milliseconds(configured.dead_letters),
        seen_ms: milliseconds(configured.duplicates),
    };
    let swept = parts.inbox.sweep(retention).await?;
    if swept.events > 0 || swept.keys > 0 {
        tracing::info!(
            events = swept.events,
            keys = swept.keys,
            freed_bytes = swept.freed_bytes,
            "old events removed"
        );
    }
    Ok(())
}
