//! The loop that decides when to check the files: on events of watched directories, on a poll, on SIGHUP.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch::Receiver;
use tokio::task::spawn_blocking;
use tokio::time::Instant;
use tokio::time::{MissedTickBehavior, interval, sleep_until, timeout};

use super::place::Places;
use super::watch::{Shared, Watches};
use super::{Reloader, Trigger};
use crate::clock::{instant, later};
use crate::config::key_warnings;

/// How long it must be quiet after an event: replacing one mount causes eight events.
const QUIET: Duration = Duration::from_millis(200);
/// How long events may continue before the files are checked anyway.
const UNREST_MAX: Duration = Duration::from_secs(2);
/// How often removed accounts are checked.
const TIDY_EVERY: Duration = Duration::from_secs(5);
/// How often a warning about keys that end soon is repeated.
const REMIND_EVERY: Duration = Duration::from_secs(24 * 3600);

impl Reloader {
    /// Reloads when needed, until `shutdown` turns true.
    pub async fn run(self: Arc<Self>, mut shutdown: Receiver<bool>) {
        let mut watches = Watches::default();
        let shared = watches.shared();
        let mut tidy = interval(TIDY_EVERY);
        tidy.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let (mut reminded, mut polled) = (instant(), instant());
        loop {
            let settings = self.live.load().reload;
            let has_new_watches;
            (watches, has_new_watches) = self.follow(watches, settings.watch).await;
            if has_new_watches {
                self.look(Trigger::Watch).await;
            }
            tokio::select! {
                // An error means that the sender is gone, which also ends the loop.
                () = async { let _ = shutdown.wait_for(|stop| *stop).await; } => return,
                () = self.hangup.notified() => {
                    self.reload(Trigger::Signal).await;
                }
                () = self.renewed.notified() => {}
                () = shared.happened() => {
                    quiet(&shared).await;
                    self.look(Trigger::Watch).await;
                }
                () = over(polled, settings.poll) => {
                    self.look(Trigger::Poll).await;
                    polled = instant();
                }
                _ = tidy.tick() => self.tidy().await,
            }
            if reminded.elapsed() >= REMIND_EVERY {
                reminded = instant();
                self.remind();
            }
        }
    }

    /// Watches the files that the last attempt read.
    async fn follow(&self, mut watches: Watches, is_wanted: bool) -> (Watches, bool) {
        let seen = self.turn.lock().await.seen.clone();
        let shared = watches.shared();
        let follow = move || match is_wanted && seen.configuration().is_some() {
            true => {
                let has_new_watches = watches.follow(Places::of(seen.files()));
                (watches, has_new_watches)
            }
            false => {
                watches.stop();
                (watches, false)
            }
        };
        spawn_blocking(follow)
            .await
            .unwrap_or_else(|_panicked| (Watches::reporting_to(shared), false))
    }

    async fn tidy(&self) {
        let snapshot = self.live.load();
        let mut turn = self.turn.lock().await;
        turn.retired.forget_due(&snapshot, instant(), &self.metrics, &*self.parts.forget);
    }

    /// Repeats the warnings of loading: a process may run for longer than a key.
    fn remind(&self) {
        let now = self.clock.now();
        for account in self.live.load().accounts.values() {
            for warning in key_warnings(&account.signing_keys, now) {
                tracing::warn!(account = account.name, "{warning}");
            }
        }
    }
}

/// Waits until nothing has happened for a while.
async fn quiet(shared: &Shared) {
    let began = instant();
    while began.elapsed() < UNREST_MAX && timeout(QUIET, shared.happened()).await.is_ok() {}
}

/// Waits until `length` has passed since `from`; forever without a length.
async fn over(from: Instant, length: Option<Duration>) {
    match length {
        Some(length) => sleep_until(later(from, length)).await,
        None => std::future::pending().await,
    }
}
