//! Idle provider connections, the most recently used one first.
//!
//! A connection that dies while a payment is written to it leaves an unknown outcome, so a connection is only reused
//! while it is open and silent, and not after it has been idle for long. Connections stay with the runtime that
//! opened them.

use crate::clock::{instant, later};
use std::collections::HashMap;
use std::time::Duration;

use parking_lot::Mutex;
use pingora_core::protocols::Stream;
use tokio::runtime::{Handle, Id};
use tokio::time::Instant;

use super::socket::is_quiet;

/// Idle connections kept per target: the default limit of calls in flight for one account.
const IDLE_PER_TARGET_MAX: usize = 64;

/// How long a connection may idle. Servers commonly close after 60 seconds or more; the closer a connection is to
/// that limit, the likelier a call meets a closing connection.
const IDLE_MAX: Duration = Duration::from_secs(30);

/// Subtracted from an idle time that the server announced: it counts from when the server sent its answer, we count
/// from when we read it.
const ANNOUNCED_MARGIN: Duration = Duration::from_secs(1);

/// How often expired connections are removed.
const SWEEP_EVERY: Duration = Duration::from_secs(10);

#[derive(Default)]
pub(super) struct Pool(Mutex<Shelves>);

#[derive(Default)]
struct Shelves {
    idle: HashMap<Id, HashMap<String, Vec<Idle>>>,
    swept_at: Option<Instant>,
}

struct Idle {
    stream: Stream,
    until: Instant,
}

impl Pool {
    /// An open connection to the target with this fingerprint.
    pub(super) fn take(&self, fingerprint: &str) -> Option<Stream> {
        let runtime = Handle::current().id();
        loop {
            let mut idle = self.0.lock().idle.get_mut(&runtime)?.get_mut(fingerprint)?.pop()?;
            if idle.until > instant() && is_quiet(&mut idle.stream) {
                return Some(idle.stream);
            }
        }
    }

    /// Keeps a connection whose last answer was read to its end. `announced` is how long the server said it would
    /// wait.
    pub(super) fn put(&self, fingerprint: &str, stream: Stream, announced: Option<Duration>) {
        let patience = match announced {
            Some(announced) => announced.saturating_sub(ANNOUNCED_MARGIN).min(IDLE_MAX),
            None => IDLE_MAX,
        };
        let now = instant();
        let mut shelves = self.0.lock();
        shelves.sweep(now);
        let targets = shelves.idle.entry(Handle::current().id()).or_default();
        if !targets.contains_key(fingerprint) {
            targets.insert(fingerprint.to_owned(), Vec::new());
        }
        let shelf = targets.get_mut(fingerprint).expect("inserted just now when it was missing");
        if shelf.len() < IDLE_PER_TARGET_MAX {
            shelf.push(Idle { stream, until: later(now, patience) });
        }
    }
}

impl Shelves {
    fn sweep(&mut self, now: Instant) {
        if self.swept_at.is_some_and(|swept_at| now.duration_since(swept_at) < SWEEP_EVERY) {
            return;
        }
        self.swept_at = Some(now);
        for targets in self.idle.values_mut() {
            targets.retain(|_, shelf| {
                shelf.retain(|idle| idle.until > now);
                !shelf.is_empty()
            });
        }
        self.idle.retain(|_, targets| !targets.is_empty());
    }
}
