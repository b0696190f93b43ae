//! All notifications, and when each is to be posted.
//!
//! Pure bookkeeping: times come in as arguments and nothing here touches a socket. Notifications that are over stay
//! visible until newer ones need the space.

use std::collections::{BTreeMap, BTreeSet, HashMap, VecDeque};
use std::time::Duration;

use tokio::time::Instant;

use super::keys::Signer;
use super::row::{Notification, NotificationState};
use crate::clock::later;
use crate::sandbox::engine::dialect::Flaws;
use crate::sandbox::engine::http::client::{Answered, Message};
use crate::sandbox::engine::http::target::Target;
use crate::sandbox::engine::transaction::rfc3339;

/// The most notifications kept; a load test without a receiver must not fill the machine's memory.
const NOTIFICATIONS_MAX: usize = 20_000;

/// A notification and how it is posted.
#[derive(Clone)]
pub struct Posting {
    pub row: Notification,
    pub signer: Signer,
    pub flaws: Flaws,
    /// Whether it is posted again until it is acknowledged.
    pub repeats: bool,
    /// The posted message, once it has been signed.
    pub sealed: Option<Message>,
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

impl First {
    pub const AT_ONCE: Self = Self::After(Duration::ZERO);
}

/// The notifications.
#[derive(Default)]
pub struct Outbox {
    entries: BTreeMap<u64, Posting>,
    count: u64,
    /// When each one is to be posted.
    agenda: BTreeSet<(Instant, u64)>,
    /// Over, in the order in which they ended.
    over: VecDeque<u64>,
    /// Held back until the notification that is the key is over.
    behind: HashMap<u64, Vec<u64>>,
    /// Held back until a merchant's next notification is queued.
    behind_next: Vec<u64>,
}

impl Posting {
    /// A flawless one that is repeated.
    pub fn new(row: Notification, signer: Signer) -> Self {
        Self { row, signer, flaws: Flaws::default(), repeats: true, sealed: None }
    }
}

impl Outbox {
    /// Adds a notification; returns its number.
    pub fn push(&mut self, mut posting: Posting, first: First, now: Instant) -> u64 {
        self.make_room(now);
        self.count += 1;
        let number = self.count;
        let row = &mut posting.row;
        row.number = number;
        if row.state == NotificationState::Waiting
            && let Err(note) = target(row)
        {
            row.state = NotificationState::Refused;
            row.note = Some(note);
        }
        let is_over = row.state != NotificationState::Waiting;
        let followers = self.followers(&row.app_id);
        self.entries.insert(number, posting);
        if !followers.is_empty() {
            self.behind.insert(number, followers);
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

    /// Takes out notifications that are due, no more than `room`.
    pub fn take_due(&mut self, now: Instant, room: usize) -> Vec<Posting> {
        let mut due = Vec::new();
        while due.len() < room && self.next_due().is_some_and(|at| at <= now) {
            let next = self.agenda.pop_first();
            due.extend(next.and_then(|(_, number)| self.entries.get(&number)).cloned());
        }
        due
    }

    /// When the next one is due.
    pub fn next_due(&self) -> Option<Instant> {
        self.agenda.first().map(|(at, _)| *at)
    }

    /// Records the posted message.
    pub fn sealed(&mut self, number: u64, message: Message) {
        if let Some(posting) = self.entries.get_mut(&number) {
            posting.row.body = Some(message.body.clone());
            posting.sealed = Some(message);
        }
    }

    /// Ends a notification that cannot be posted at all.
    pub fn refuse(&mut self, number: u64, note: String, now: Instant) {
        if let Some(Posting { row, .. }) = self.entries.get_mut(&number) {
            row.state = NotificationState::Refused;
            row.note = Some(note);
            self.end(number, now);
        }
    }

    /// Records how an attempt went, and when the next one is due: after `pauses[0]` for the second, and so on.
    /// `acknowledges` says whether an answer acknowledges the notification.
    pub fn attempted(
        &mut self,
        number: u64,
        result: Result<Answered, String>,
        acknowledges: impl Fn(&Answered) -> bool,
        pauses: &[Duration],
        (now, now_ms): (Instant, i64),
    ) {
        // A reset may have removed it in the meantime.
        let Some(Posting { row, repeats, .. }) = self.entries.get_mut(&number) else { return };
        let pause = pauses.get(row.attempts as usize).filter(|_| *repeats);
        row.attempts = row.attempts.saturating_add(1);
        row.last_status = result.as_ref().ok().map(|answered| answered.status);
        row.last_error = result.as_ref().err().cloned();
        if result.as_ref().is_ok_and(acknowledges) {
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
        self.entries.get(&number).map(|posting| &posting.row)
    }

    /// All of them, oldest first.
    pub fn list(&self) -> Vec<Notification> {
        self.entries.values().map(|posting| posting.row.clone()).collect()
    }

    /// Forgets everything except the count: an attempt that is still under way must not be taken for one at a new
    /// notification.
    pub fn clear(&mut self) {
        *self = Self { count: self.count, ..Self::default() };
    }

    /// Those that waited for the next notification of `app_id`.
    fn followers(&mut self, app_id: &Option<String>) -> Vec<u64> {
        let entries = &self.entries;
        let same = |held: &mut u64| entries.get(held).is_none_or(|it| it.row.app_id == *app_id);
        self.behind_next.extract_if(.., same).collect()
    }

    fn is_waiting(&self, number: u64) -> bool {
        self.get(number).is_some_and(|row| row.state == NotificationState::Waiting)
    }

    /// Records that `number` is over and releases the notifications that waited for it.
    fn end(&mut self, number: u64, now: Instant) {
        self.over.push_back(number);
        self.release(number, now);
    }

    fn release(&mut self, number: u64, now: Instant) {
        let held = self.behind.remove(&number).unwrap_or_default();
        self.agenda.extend(held.into_iter().map(|held| (now, held)));
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

/// Where a notification is posted, or why it cannot be.
pub fn target(row: &Notification) -> Result<Target, String> {
    Target::from_url(row.url.as_deref().ok_or("no notify URL is known")?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::instant;

    const PAUSE: Duration = Duration::from_secs(1);

    fn posting(app_id: &str) -> Posting {
        let url = Some("http://127.0.0.1:1/".to_string());
        let app_id = Some(app_id.to_string());
        let row = Notification { app_id, url, ..Notification::default() };
        Posting::new(row, Signer::Nobody)
    }

    fn push(outbox: &mut Outbox, app_id: &str, now: Instant) -> u64 {
        outbox.push(posting(app_id), First::AT_ONCE, now)
    }

    fn due(outbox: &mut Outbox, now: Instant) -> Vec<u64> {
        outbox.take_due(now, usize::MAX).iter().map(|posting| posting.row.number).collect()
    }

    fn fail(outbox: &mut Outbox, number: u64, now: Instant) {
        outbox.attempted(number, Err("connection refused".into()), |_| true, &[PAUSE], (now, 0));
    }

    fn acknowledge(outbox: &mut Outbox, number: u64, now: Instant) {
        let answered = Answered { status: 200, body: Vec::new() };
        outbox.attempted(number, Ok(answered), |_| true, &[PAUSE], (now, 0));
    }

    #[test]
    fn a_failed_attempt_is_repeated_after_the_pause_and_then_given_up() {
        let (mut outbox, now) = (Outbox::default(), instant());
        let number = push(&mut outbox, "a", now);
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
    fn a_notification_that_is_not_repeated_is_given_up_at_once() {
        let (mut outbox, now) = (Outbox::default(), instant());
        let number = outbox.push(Posting { repeats: false, ..posting("a") }, First::AT_ONCE, now);
        fail(&mut outbox, number, now);
        assert_eq!(outbox.get(number).map(|row| row.state), Some(NotificationState::GivenUp));
    }

    #[test]
    fn a_held_back_notification_waits_for_the_same_merchant_s_next() {
        let (mut outbox, now) = (Outbox::default(), instant());
        let held = outbox.push(posting("a"), First::BehindNext, now);
        let others = push(&mut outbox, "b", now);
        let next = push(&mut outbox, "a", now);
        assert_eq!(due(&mut outbox, now), [others, next]);
        acknowledge(&mut outbox, others, now);
        fail(&mut outbox, next, now);
        assert!(due(&mut outbox, now).is_empty(), "the next one is not over yet");
        acknowledge(&mut outbox, next, now);
        assert_eq!(due(&mut outbox, now)[0], held);
    }

    #[test]
    fn the_number_of_notifications_is_bounded() {
        let (mut outbox, now) = (Outbox::default(), instant());
        let waiting = push(&mut outbox, "a", now);
        let over = push(&mut outbox, "a", now);
        acknowledge(&mut outbox, over, now);
        for _ in 0..NOTIFICATIONS_MAX {
            push(&mut outbox, "a", now);
        }
        assert_eq!(outbox.list().len(), NOTIFICATIONS_MAX);
        assert!(outbox.get(over).is_none(), "one that is over is removed first");
        assert!(outbox.get(waiting).is_none(), "then the oldest");
        assert!(outbox.get(waiting + 2).is_some());
        assert_eq!(due(&mut outbox, now).len(), NOTIFICATIONS_MAX, "a removed one is not posted");
    }

    #[test]
    fn a_late_result_of_a_forgotten_notification_changes_nothing() {
        let (mut outbox, now) = (Outbox::default(), instant());
        let forgotten = push(&mut outbox, "a", now);
        outbox.clear();
        let number = push(&mut outbox, "a", now);
        acknowledge(&mut outbox, forgotten, now);
        assert_ne!(number, forgotten);
        assert_eq!(outbox.get(number).map(|row| row.state), Some(NotificationState::Waiting));
    }
}
