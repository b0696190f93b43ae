//! The notifications there are, and which is to be posted when.
//!
//! Pure bookkeeping: times come in as arguments and nothing here touches a socket. What is over stays visible until
//! newer ones need the room.

use std::collections::{BTreeMap, BTreeSet, HashMap, VecDeque};
use std::time::Duration;

use tokio::time::Instant;

use super::envelope::Envelope;
use super::row::{Notification, NotificationState};
use crate::clock::later;
use crate::sandbox::engine::http::client::Answered;
use crate::sandbox::engine::http::target::Target;
use crate::sandbox::engine::transaction::rfc3339;

/// The most notifications kept; a load test nobody listens to must not fill the machine's memory.
const NOTIFICATIONS_MAX: usize = 20_000;

/// A notification that is not in the outbox yet.
#[derive(Clone)]
pub struct Draft {
    pub row: Notification,
    pub envelope: Envelope,
    pub first: First,
    /// Whether it is posted again until it is acknowledged.
    pub repeats: bool,
}

/// When a notification is first posted.
#[derive(Clone, Copy, Debug)]
pub enum First {
    /// After this pause.
    After(Duration),
    /// When the notification with this number is over.
    Behind(u64),
    /// When the next notification of the same merchant is over.
    BehindNext,
}

/// What one attempt needs.
pub struct Job {
    pub number: u64,
    pub target: Target,
    pub param: String,
    pub envelope: Envelope,
    /// Sealed by an earlier attempt.
    pub body: Option<String>,
}

/// The notifications.
#[derive(Default)]
pub struct Outbox {
    entries: BTreeMap<u64, Entry>,
    count: u64,
    /// What is to be posted when.
    agenda: BTreeSet<(Instant, u64)>,
    /// Over, in the order in which they ended.
    over: VecDeque<u64>,
    /// Held back until the notification under which they stand is over.
    behind: HashMap<u64, Vec<u64>>,
    /// Held back until a merchant's next notification is queued.
    behind_next: Vec<u64>,
}

struct Entry {
    row: Notification,
    envelope: Envelope,
    repeats: bool,
    target: Option<Target>,
}

impl Outbox {
    /// Takes a notification in; its number.
    pub fn push(&mut self, draft: Draft, now: Instant) -> u64 {
        self.make_room(now);
        self.count += 1;
        let (number, first) = (self.count, draft.first);
        let mut row = Notification { number, ..draft.row };
        let target = match row.state {
            NotificationState::Waiting => target(row.url.as_deref()),
            _ => Err(row.note.clone().unwrap_or_default()),
        };
        if let (NotificationState::Waiting, Err(note)) = (row.state, &target) {
            row.state = NotificationState::Refused;
            row.note = Some(note.clone());
        }
        let is_over = row.state != NotificationState::Waiting;
        let waiting = self.follow(&row.app_id, number);
        let (envelope, repeats) = (draft.envelope, draft.repeats);
        self.entries.insert(number, Entry { row, envelope, repeats, target: target.ok() });
        if !waiting.is_empty() {
            self.behind.insert(number, waiting);
        }
        match first {
            _ if is_over => self.end(number, now),
            First::After(pause) => drop(self.agenda.insert((later(now, pause), number))),
            First::Behind(other) if self.is_waiting(other) => {
                self.behind.entry(other).or_default().push(number);
            }
            First::Behind(_) => drop(self.agenda.insert((now, number))),
            First::BehindNext => self.behind_next.push(number),
        }
        number
    }

    /// Takes out what is due, at most `room` of it.
    pub fn take_due(&mut self, now: Instant, room: usize) -> Vec<Job> {
        let mut jobs = Vec::new();
        while jobs.len() < room {
            let Some(&(at, number)) = self.agenda.first() else { break };
            if at > now {
                break;
            }
            self.agenda.pop_first();
            jobs.extend(self.entries.get(&number).and_then(|entry| entry.job(number)));
        }
        jobs
    }

    /// When the next one is due.
    pub fn next_due(&self) -> Option<Instant> {
        self.agenda.first().map(|(at, _)| *at)
    }

    /// Notes the body that is posted.
    pub fn sealed(&mut self, number: u64, body: &str) {
        if let Some(entry) = self.entries.get_mut(&number) {
            entry.row.body = Some(body.to_string());
        }
    }

    /// Ends what cannot be posted at all.
    pub fn refuse(&mut self, number: u64, note: String, now: Instant) {
        if let Some(entry) = self.entries.get_mut(&number) {
            entry.row.state = NotificationState::Refused;
            entry.row.note = Some(note);
            self.end(number, now);
        }
    }

    /// Notes how an attempt went, and when the next one is due: after `pauses[0]` for the second, and so on.
    pub fn attempted(
        &mut self,
        number: u64,
        result: Result<Answered, String>,
        pauses: &[Duration],
        now: Instant,
        now_ms: i64,
    ) {
        // A reset may have taken it away in the meantime.
        let Some(Entry { row, repeats, .. }) = self.entries.get_mut(&number) else { return };
        let pause = pauses.get(row.attempts as usize).filter(|_| *repeats);
        row.attempts = row.attempts.saturating_add(1);
        row.last_status = result.as_ref().ok().map(|answered| answered.status);
        row.last_error = result.as_ref().err().cloned();
        if result.is_ok_and(|answered| answered.acknowledges()) {
            row.state = NotificationState::Acknowledged;
            row.acknowledged_at = Some(rfc3339(now_ms));
            return self.end(number, now);
        }
        match pause {
            Some(pause) => drop(self.agenda.insert((later(now, *pause), number))),
            None => {
                row.state = NotificationState::GivenUp;
                self.end(number, now);
            }
        }
    }

    /// One of them.
    pub fn get(&self, number: u64) -> Option<&Notification> {
        self.entries.get(&number).map(|entry| &entry.row)
    }

    /// All of them, oldest first.
    pub fn list(&self) -> Vec<Notification> {
        self.entries.values().map(|entry| entry.row.clone()).collect()
    }

    /// Forgets everything but the count: an attempt that is still under way must not be taken for a new one's.
    pub fn clear(&mut self) {
        *self = Self { count: self.count, ..Self::default() };
    }

    /// Those that waited for the next notification of `app_id` now wait for that one.
    fn follow(&mut self, app_id: &Option<String>, number: u64) -> Vec<u64> {
        let entries = &self.entries;
        let same = |held: &mut u64| {
            *held != number && entries.get(held).is_none_or(|entry| entry.row.app_id == *app_id)
        };
        self.behind_next.extract_if(.., same).collect()
    }

    fn is_waiting(&self, number: u64) -> bool {
        self.get(number).is_some_and(|row| row.state == NotificationState::Waiting)
    }

    /// Notes that `number` is over and lets go of what waited for that.
    fn end(&mut self, number: u64, now: Instant) {
        self.over.push_back(number);
        self.release(number, now);
    }

    fn release(&mut self, number: u64, now: Instant) {
        for held in self.behind.remove(&number).unwrap_or_default() {
            self.agenda.insert((now, held));
        }
    }

    /// Forgets the one that has been over for longest, or else the oldest.
    fn make_room(&mut self, now: Instant) {
        if self.entries.len() < NOTIFICATIONS_MAX {
            return;
        }
        if let Some(number) = self.over.pop_front() {
            self.entries.remove(&number);
        } else if let Some((number, _)) = self.entries.pop_first() {
            self.release(number, now);
        }
    }
}

impl Entry {
    fn job(&self, number: u64) -> Option<Job> {
        Some(Job {
            number,
            target: self.target.clone()?,
            param: self.row.param.clone(),
            envelope: self.envelope.clone(),
            body: self.row.body.clone(),
        })
    }
}

fn target(url: Option<&str>) -> Result<Target, String> {
    Target::from_url(url.ok_or("no notify URL is known")?)
}

#[cfg(test)]
mod tests {
    use super::super::envelope::Signer;
    use super::super::queue::{blank, made};
    use super::*;

    const PAUSE: Duration = Duration::from_secs(1);

    fn draft(app_id: &str, first: First) -> Draft {
        let url = Some("http://127.0.0.1:1/".to_string());
        let row =
            Notification { app_id: Some(app_id.to_string()), url, ..blank("{}".to_string(), 0) };
        Draft { row, envelope: made(Signer::Nobody, "param"), first, repeats: true }
    }

    fn at_once(app_id: &str) -> Draft {
        draft(app_id, First::After(Duration::ZERO))
    }

    fn due(outbox: &mut Outbox, now: Instant) -> Vec<u64> {
        outbox.take_due(now, usize::MAX).iter().map(|job| job.number).collect()
    }

    fn fail(outbox: &mut Outbox, number: u64, now: Instant) {
        outbox.attempted(number, Err("nobody there".into()), &[PAUSE], now, 0);
    }

    fn acknowledge(outbox: &mut Outbox, number: u64, now: Instant) {
        let body = br#"{"code":10000,"message":"Success"}"#.to_vec();
        outbox.attempted(number, Ok(Answered { status: 200, body }), &[PAUSE], now, 0);
    }

    #[test]
    fn a_failed_attempt_is_repeated_after_the_pause_and_then_given_up() {
        let (mut outbox, now) = (Outbox::default(), Instant::now());
        let number = outbox.push(at_once("a"), now);
        assert_eq!(due(&mut outbox, now), [number]);
        assert!(due(&mut outbox, now).is_empty(), "an attempt under way is not due again");
        fail(&mut outbox, number, now);
        assert!(due(&mut outbox, now).is_empty(), "the pause is not over");
        assert_eq!(outbox.next_due(), Some(now + PAUSE));
        assert_eq!(due(&mut outbox, now + PAUSE), [number]);
        fail(&mut outbox, number, now);
        assert_eq!(outbox.get(number).map(|row| row.state), Some(NotificationState::GivenUp));
        assert_eq!(outbox.next_due(), None);
    }

    #[test]
    fn what_is_not_to_be_repeated_is_given_up_at_once() {
        let (mut outbox, now) = (Outbox::default(), Instant::now());
        let number = outbox.push(Draft { repeats: false, ..at_once("a") }, now);
        fail(&mut outbox, number, now);
        assert_eq!(outbox.get(number).map(|row| row.state), Some(NotificationState::GivenUp));
    }

    #[test]
    fn what_is_held_back_waits_for_the_same_merchants_next() {
        let (mut outbox, now) = (Outbox::default(), Instant::now());
        let held = outbox.push(draft("a", First::BehindNext), now);
        let others = outbox.push(at_once("b"), now);
        let next = outbox.push(at_once("a"), now);
        assert_eq!(due(&mut outbox, now), [others, next]);
        acknowledge(&mut outbox, others, now);
        fail(&mut outbox, next, now);
        assert!(due(&mut outbox, now).is_empty(), "the next one is not over yet");
        acknowledge(&mut outbox, next, now);
        assert_eq!(due(&mut outbox, now)[0], held);
    }

    #[test]
    fn notifications_do_not_pile_up_without_bound() {
        let (mut outbox, now) = (Outbox::default(), Instant::now());
        let waiting = outbox.push(at_once("a"), now);
        let over = outbox.push(at_once("a"), now);
        acknowledge(&mut outbox, over, now);
        for _ in 0..NOTIFICATIONS_MAX {
            outbox.push(at_once("a"), now);
        }
        assert_eq!(outbox.list().len(), NOTIFICATIONS_MAX);
        assert!(outbox.get(over).is_none(), "what is over makes room first");
        assert!(outbox.get(waiting).is_none(), "then the oldest");
        assert!(outbox.get(waiting + 2).is_some());
        assert_eq!(due(&mut outbox, now).len(), NOTIFICATIONS_MAX, "what is gone is not posted");
    }

    #[test]
    fn a_late_result_of_a_forgotten_notification_changes_nothing() {
        let (mut outbox, now) = (Outbox::default(), Instant::now());
        let forgotten = outbox.push(at_once("a"), now);
        outbox.clear();
        let number = outbox.push(at_once("a"), now);
        acknowledge(&mut outbox, forgotten, now);
        assert_ne!(number, forgotten);
        assert_eq!(outbox.get(number).map(|row| row.state), Some(NotificationState::Waiting));
    }
}
