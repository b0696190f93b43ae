//! Which call may be made now, which waits and in what order: the rules of the rate limit as a plain state machine.
//!
//! A call must pass the account's bucket and, if its operation has one, the operation's bucket. Calls that cannot
//! pass yet wait in two lines: queries, refunds, voids and cancellations first, calls that start something new behind
//! them; each line is in order of arrival. A call that waits only for its own operation does not delay others. Time
//! is an argument; nothing sleeps here.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::Instant;

use super::bucket::Bucket;
use super::fields::{RateLimitFields, fields};
use crate::clock::later;
use crate::config::{Limits, OnExcess};
use crate::limits::LimitKind;

/// The most calls that wait in one line. Calls that would wait longer than `max_wait` are refused on arrival, so only
/// accounts with very high rates reach this limit; it bounds their memory.
pub(super) const WAITING_MAX: usize = 1024;

/// The longest time that the provider can keep an account closed: a mistaken `Retry-After` of days must not.
pub(super) const CLOSED_MAX: Duration = Duration::from_secs(15 * 60);

/// How long an account stays closed when the provider does not say: rates are commonly per second.
const CLOSED_DEFAULT: Duration = Duration::from_secs(1);

/// Which line a call waits in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Urgency {
    /// Finds out, gives back or ends something.
    First,
    /// Starts something new.
    Last,
}

/// A call that the rate limit refuses.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RateRefused {
    /// The limit that refused it.
    pub limit: LimitKind,
    /// When to try again.
    pub retry_after: Duration,
    /// Informs the client about the limits.
    pub fields: RateLimitFields,
}

/// What happens to a call that arrives.
pub(super) enum Arrival {
    Admitted,
    Waits(Arc<Ticket>),
    Refused(RateRefused),
}

/// What happens to a call that waited.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Turn {
    Admitted,
    /// Check again after this time, or when the ticket is notified.
    Waits(Duration),
    Refused(RateRefused),
}

/// A place in a line.
pub(super) struct Ticket {
    /// Notified when it is worth checking again before the time is over.
    pub woken: Notify,
    urgency: Urgency,
    operation: String,
    deadline: Instant,
    /// Its call has been taken from the buckets.
    pub granted: AtomicBool,
}

/// One account's buckets and lines.
pub(super) struct Queue {
    on_excess: OnExcess,
    max_wait: Duration,
    account: Option<Bucket>,
    operations: BTreeMap<String, Bucket>,
    /// The provider closed the account until this moment.
    closed_until: Option<Instant>,
    pub first: VecDeque<Arc<Ticket>>,
    pub last: VecDeque<Arc<Ticket>>,
}

impl Queue {
    pub fn new(limits: &Limits, now: Instant) -> Self {
        let operations = limits
            .operations
            .iter()
            .map(|(name, limit)| (name.clone(), Bucket::new(limit.rate, limit.burst, now)));
        Self {
            on_excess: limits.on_excess,
            max_wait: limits.max_wait,
            account: limits.rate.map(|rate| Bucket::new(rate, limits.burst, now)),
            operations: operations.collect(),
            closed_until: None,
            first: VecDeque::new(),
            last: VecDeque::new(),
        }
    }

    /// A call arrives.
    pub fn arrive(&mut self, urgency: Urgency, operation: &str, now: Instant) -> Arrival {
        self.advance(now);
        // Calls ahead could not pass just now. If the account's bucket stops them, it stops this call too; if only
        // their own operation's bucket does, they are not overtaken.
        if self.take(operation, now) {
            return Arrival::Admitted;
        }
        let ahead = self.line(urgency).len();
        let (wait, limit) = self.estimate(urgency, operation, ahead, now);
        let is_refused = match self.on_excess {
            OnExcess::Reject => true,
            OnExcess::Wait => wait > self.max_wait || ahead >= WAITING_MAX,
        };
        if is_refused {
            return Arrival::Refused(self.refusal(operation, wait, limit));
        }
        let ticket = Arc::new(Ticket {
            woken: Notify::new(),
            urgency,
            operation: operation.to_owned(),
            deadline: later(now, self.max_wait),
            granted: AtomicBool::new(false),
        });
        self.line(urgency).push_back(ticket.clone());
        Arrival::Waits(ticket)
    }

    /// A waiting call checks its turn. Once it is admitted or refused its ticket is done.
    pub fn ask(&mut self, ticket: &Arc<Ticket>, now: Instant) -> Turn {
        self.advance(now);
        if ticket.granted.load(Ordering::Acquire) {
            return Turn::Admitted;
        }
        let line = self.line(ticket.urgency);
        let place = line.iter().position(|other| Arc::ptr_eq(other, ticket));
        let ahead = place.unwrap_or(line.len());
        let (wait, limit) = self.estimate(ticket.urgency, &ticket.operation, ahead, now);
        let left = ticket.deadline.saturating_duration_since(now);
        if left.is_zero() {
            self.leave(ticket);
            return Turn::Refused(self.refusal(&ticket.operation, wait, limit));
        }
        Turn::Waits(wait.min(left))
    }

    /// A waiting call is gone, possibly one that was admitted without checking again: its call is then lost, which is
    /// safe for the provider.
    pub fn leave(&mut self, ticket: &Arc<Ticket>) {
        self.line(ticket.urgency).retain(|other| !Arc::ptr_eq(other, ticket));
        // Calls that moved up would otherwise sleep as long as before.
        if let Some(next) = self.first.front().or(self.last.front()) {
            next.woken.notify_one();
        }
    }

    /// The provider closed the account for `pause`, or did not say for how long. A time before the current one
    /// changes nothing.
    pub fn close_for(&mut self, pause: Option<Duration>, now: Instant) {
        let until = later(now, pause.unwrap_or(CLOSED_DEFAULT).min(CLOSED_MAX));
        self.closed_until = self.closed_until.max(Some(until));
        // A whole burst the moment it opens would meet the provider's limit again.
        let buckets = self.account.iter_mut().chain(self.operations.values_mut());
        buckets.for_each(|bucket| bucket.drain(until));
    }

    /// Until when the provider keeps the account closed, if it does.
    pub fn closed_until(&self, now: Instant) -> Option<Instant> {
        self.closed_until.filter(|until| *until > now)
    }

    /// Admits, in order, every waiting call that can pass now.
    fn advance(&mut self, now: Instant) {
        for urgency in [Urgency::First, Urgency::Last] {
            let mut line = std::mem::take(self.line(urgency));
            let mut account_is_empty = false;
            line.retain(|ticket| {
                // The account's bucket is the same for all: once it is empty no other call passes.
                account_is_empty = account_is_empty || !self.account_wait(now).is_zero();
                if account_is_empty || !self.take(&ticket.operation, now) {
                    return true;
                }
                ticket.granted.store(true, Ordering::Release);
                ticket.woken.notify_one();
                false
            });
            *self.line(urgency) = line;
        }
    }

    /// Takes one call from every bucket of `operation`, if all of them have one.
    fn take(&mut self, operation: &str, now: Instant) -> bool {
        let own = self.operations.get(operation);
        let own_wait = own.map_or(Duration::ZERO, |bucket| bucket.wait(now));
        if !self.account_wait(now).is_zero() || !own_wait.is_zero() {
            return false;
        }
        let own = self.operations.get_mut(operation);
        self.account.iter_mut().chain(own).for_each(|bucket| {
            bucket.take(now);
        });
        true
    }

    fn account_wait(&self, now: Instant) -> Duration {
        let closed = self.closed_wait(now);
        self.account.as_ref().map_or(closed, |bucket| closed.max(bucket.wait(now)))
    }

    fn closed_wait(&self, now: Instant) -> Duration {
        self.closed_until.map_or(Duration::ZERO, |until| until.saturating_duration_since(now))
    }

    /// How long a call with `ahead` others before it in its line will wait if none leaves and none more urgent comes,
    /// and for which limit.
    fn estimate(
        &self,
        urgency: Urgency,
        operation: &str,
        ahead: usize,
        now: Instant,
    ) -> (Duration, LimitKind) {
        let (before, own_line) = match urgency {
            Urgency::First => (ahead, [self.first.range(..ahead), self.last.range(..0)]),
            Urgency::Last => {
                (self.first.len() + ahead, [self.first.range(..), self.last.range(..ahead)])
            }
        };
        let behind = |bucket: &Bucket, others: usize| {
            let others = u32::try_from(others).unwrap_or(u32::MAX);
            bucket.interval.saturating_mul(others).saturating_add(bucket.wait(now))
        };
        let account = self.account.as_ref().map(|bucket| behind(bucket, before));
        let own = self.operations.get(operation).map(|bucket| {
            let same = own_line.into_iter().flatten().filter(|other| other.operation == operation);
            behind(bucket, same.count())
        });
        let (account, own) = (account.unwrap_or_default(), own.unwrap_or_default());
        let closed = self.closed_wait(now);
        // If the provider closed the account, the provider is the limit.
        let limit = match closed.is_zero() {
            true if own > account => LimitKind::Operation,
            true if !account.is_zero() => LimitKind::Account,
            _ => LimitKind::Provider,
        };
        (closed.max(account).max(own), limit)
    }

    fn refusal(&self, operation: &str, wait: Duration, limit: LimitKind) -> RateRefused {
        let account = self.account.as_ref().map(|bucket| ("account", bucket.rate));
        let own = self.operations.get_key_value(operation);
        let own = own.map(|(name, bucket)| (name.as_str(), bucket.rate));
        let refusing = match limit {
            LimitKind::Operation => operation,
            LimitKind::Account | LimitKind::Provider | LimitKind::Money => limit.into(),
        };
        let policies = account.into_iter().chain(own);
        RateRefused { limit, retry_after: wait, fields: fields(policies, refusing, wait) }
    }

    fn line(&mut self, urgency: Urgency) -> &mut VecDeque<Arc<Ticket>> {
        match urgency {
            Urgency::First => &mut self.first,
            Urgency::Last => &mut self.last,
        }
    }
}
