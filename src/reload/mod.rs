//! Applies a changed configuration while the process runs: all of it, or nothing.
//!
//! [`Reloader::reload`] reads, checks and swaps; one reload at a time, never on a thread that serves calls. `run`
//! decides when: a watched directory changed, a poll found changed contents, SIGHUP. What the running parts do with a
//! configuration is given as [`Parts`], so that nothing here depends on sockets.

mod announce;
mod changes;
mod place;
mod report;
mod retire;
mod run;
mod stranded;
mod watch;

use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use tokio::sync::{Mutex, Notify};
use tokio::task::spawn_blocking;

use crate::clock::Clock;
use crate::config::{
    self, Boot, Live, Loaded, Refused, Seen, Snapshot, needing_restart, waiting_for_restart,
};
use crate::metrics::Metrics;
use crate::mistake::Mistake;
use crate::store::Store;

pub use announce::announce;
pub use report::{Outcome, Report, Trigger};
pub use stranded::{Stranding, names_of, stranded, stranded_by};

use changes::Changes;
use retire::Retired;

/// How long files must stay unchanged before a change that was only noticed is applied. An editor or a copy that takes
/// longer is still writing; what it has written usually does not load, and is noticed again when it is done.
const REST: Duration = Duration::from_millis(200);

/// What the running parts do with a new configuration.
pub struct Parts {
    /// Prepares whatever can fail, and changes nothing yet.
    pub prepare: Box<Prepare>,
    /// Records the result of an attempt for the audit log: the snapshot before, and the one that replaced it or the
    /// number of mistakes.
    pub note: Box<Note>,
    /// Drops what is kept in memory for a removed account.
    pub forget: Box<dyn Fn(&str) + Send + Sync>,
}

/// Prepares what a configuration needs, or says why that is impossible.
pub type Prepare = dyn Fn(&Loaded) -> Result<Apply, Vec<Mistake>> + Send + Sync;

/// Called for every attempt that changed something or was refused.
pub type Note = dyn Fn(&Snapshot, Result<&Snapshot, usize>, Trigger) + Send + Sync;

/// Puts the prepared parts into use. Called once, right after the snapshot was swapped.
pub type Apply = Box<dyn FnOnce(&Snapshot) + Send>;

/// Performs reloads. One for the process.
pub struct Reloader {
    live: Live,
    boot: Boot,
    parts: Arc<Parts>,
    store: Arc<dyn Store>,
    metrics: Arc<Metrics>,
    clock: Clock,
    /// Held during a reload.
    turn: Mutex<Turn>,
    last: ArcSwap<Report>,
    /// SIGHUP arrived.
    hangup: Notify,
    /// A reload was made from outside the loop: other files may have to be watched.
    renewed: Notify,
}

/// State that one reload leaves for the next.
struct Turn {
    /// The state of the files in the last attempt, whether it was applied or refused.
    seen: Seen,
    retired: Retired,
}

impl Reloader {
    /// For a process that runs with `live` and `boot`, read from the files in `seen`.
    pub fn new(
        (live, boot, seen): (Live, Boot, Seen),
        parts: Parts,
        store: Arc<dyn Store>,
        metrics: Arc<Metrics>,
        clock: Clock,
    ) -> Arc<Self> {
        let started = Report::started(&live.load().hash, clock.now());
        metrics.config_loaded_at_start(clock.now().as_second() as f64);
        Arc::new(Self {
            live,
            boot,
            parts: Arc::new(parts),
            store,
            metrics,
            clock,
            turn: Mutex::new(Turn { seen, retired: Retired::default() }),
            last: ArcSwap::from_pointee(started),
            hangup: Notify::new(),
            renewed: Notify::new(),
        })
    }

    /// The result of the last attempt; before the first one, of the start.
    pub fn last(&self) -> Arc<Report> {
        self.last.load_full()
    }

    /// The part that only a restart changes, as of the start of the process.
    pub fn boot(&self) -> &Boot {
        &self.boot
    }

    /// Makes the loop reload at once. May be called from any thread.
    pub fn hang_up(&self) {
        self.hangup.notify_one();
    }

    /// Reads the files and applies them, or reports why not.
    pub async fn reload(&self, trigger: Trigger) -> Arc<Report> {
        let mut turn = self.turn.lock().await;
        let report = self.reload_in_turn(&mut turn, trigger).await;
        self.renewed.notify_one();
        report
    }

    /// Reloads when the files differ from those of the last attempt.
    async fn look(&self, trigger: Trigger) {
        let mut turn = self.turn.lock().await;
        let seen = turn.seen.clone();
        if seen.configuration().is_none() {
            return;
        }
        if !spawn_blocking(move || seen.still_holds()).await.unwrap_or(true) {
            self.reload_in_turn(&mut turn, trigger).await;
        }
    }

    async fn reload_in_turn(&self, turn: &mut Turn, trigger: Trigger) -> Arc<Report> {
        let result = match self.read(turn, trigger).await {
            Ok(prepared) => self.apply(turn, prepared, trigger).await,
            Err(refused) => Err(refused),
        };
        let (outcome, seen) = result.unwrap_or_else(|Refused { mistakes, seen }| {
            (self.parts.note)(&self.live.load(), Err(mistakes.len()), trigger);
            (Outcome::Failure { mistakes }, seen)
        });
        if seen.configuration().is_some() {
            turn.seen = seen;
        }
        let hash = self.live.load().hash.clone();
        let report = Arc::new(Report { trigger, at: self.clock.now(), hash, outcome });
        let at = report.at.as_second() as f64;
        self.metrics.count_reload(&report.outcome, !report.is_failure(), at);
        report.log();
        self.last.store(report.clone());
        report
    }

    /// Everything that takes time or can fail, on a thread that may block.
    async fn read(&self, turn: &Turn, trigger: Trigger) -> Result<Prepared, Refused> {
        let seen = turn.seen.clone();
        let Some(path) = seen.configuration().map(ToOwned::to_owned) else {
            let problem = "the configuration was not read from a file that can be read again";
            return Err(Refused::because(problem, seen));
        };
        let rest = match trigger {
            Trigger::Watch | Trigger::Poll => REST,
            Trigger::Start | Trigger::Signal | Trigger::Request => Duration::ZERO,
        };
        let (boot, parts) = (self.boot.clone(), self.parts.clone());
        let work = move || ready(config::load_at_rest(&path, rest)?, &boot, &parts);
        spawn_blocking(work).await.unwrap_or_else(|_panicked| {
            let problem = "reading the configuration failed unexpectedly";
            Err(Refused::because(problem, seen))
        })
    }

    async fn apply(
        &self,
        turn: &mut Turn,
        Prepared { loaded, apply }: Prepared,
        trigger: Trigger,
    ) -> Result<(Outcome, Seen), Refused> {
        let before = self.live.load();
        let Loaded { snapshot, warnings, seen, .. } = loaded;
        if snapshot.hash == before.hash {
            return Ok((Outcome::Unchanged, seen));
        }
        let standing = self.store.standing(&names_of(&snapshot)).await.unwrap_or_default();
        if let Err(mistake) = self.know_names(&before, &snapshot).await {
            return Err(Refused { mistakes: vec![mistake], seen });
        }
        self.live.swap(snapshot);
        let after = self.live.load();
        apply(&after);
        let (store, names) = (self.store.clone(), names_of(&after));
        let _ = spawn_blocking(move || store.tell_accounts(&names)).await;
        (self.parts.note)(&before, Ok(&after), trigger);
        let changes = Changes::between(&before, &after);
        announce::renew(&self.metrics, &before, &after);
        turn.retired.note(&changes, &before);
        changes.log();
        self.log_what_is_left(&changes).await;
        let stranding = Stranding::of(&after, standing);
        stranding.log();
        Ok((Outcome::Success { changes, warnings, stranding }, seen))
    }

    /// Runs before the first call under a new name, which must find what was begun under the old one.
    async fn know_names(&self, before: &Snapshot, after: &Snapshot) -> Result<(), Mistake> {
        let names = names_of(after);
        if names == names_of(before) {
            return Ok(());
        }
        let known = self.store.know_accounts(&names).await;
        let separate = known.map_err(|error| {
            Mistake::new(
                "account",
                format!("their names could not be written to the store: {error}"),
            )
        })?;
        log_separate(&separate);
        Ok(())
    }

    /// Logs what removed accounts leave in the store: nothing processes it until they are configured again.
    async fn log_what_is_left(&self, changes: &Changes) {
        if changes.removed.is_empty() {
            return;
        }
        let events = self.store.counts().await.unwrap_or_default();
        let payments = self.store.payment_counts().await.unwrap_or_default();
        for account in &changes.removed {
            let events = events.iter().filter(|it| it.account == *account);
            let open: u64 = events.map(|it| it.pending + it.retrying).sum();
            let payments = payments.iter().filter(|it| it.account == *account);
            let unknown: u64 = payments.map(|it| it.unknown).sum();
            if open + unknown > 0 {
                tracing::warn!(
                    account,
                    events = open,
                    unknown_outcomes = unknown,
                    "a removed account leaves undelivered events or unknown outcomes: they wait in \
                     the store until it is configured again"
                );
            }
        }
    }
}

/// Logs which accounts begin with payments that once belonged to another.
pub fn log_separate(accounts: &[String]) {
    for account in accounts {
        tracing::warn!(
            account,
            "this former name of another account is now an account of its own: payments begun under this name \
             belong to it"
        );
    }
}

/// A configuration that is ready to be applied.
struct Prepared {
    loaded: Loaded,
    apply: Apply,
}

fn ready(mut loaded: Loaded, boot: &Boot, parts: &Parts) -> Result<Prepared, Refused> {
    let restarts = needing_restart(boot, &loaded.boot).into_iter().map(|key| {
        Mistake::new(key, "another value than the running process has, needs a restart")
    });
    let mut mistakes: Vec<Mistake> = restarts.collect();
    loaded.warnings.extend(waiting_for_restart(boot, &loaded.boot));
    match (parts.prepare)(&loaded) {
        Ok(apply) if mistakes.is_empty() => return Ok(Prepared { loaded, apply }),
        Ok(_) => {}
        Err(others) => mistakes.extend(others),
    }
    Err(Refused { mistakes, seen: loaded.seen })
}
