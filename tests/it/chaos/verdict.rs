//! What the provider did, what callers were answered, what the journal says and what the application got, side by side:
//! where they do not agree, and the story behind it.

use std::collections::{BTreeSet, HashMap};
use std::fmt::Write;
use std::time::{Duration, Instant};

use serde_json::Value;

use super::application::Taken;
use super::books::has_flag;
use super::ledger::Post;
use crate::support::counting::{Did, Entry};

/// How long after `freeze` returned a payout may still arrive: a payout that had passed its last look by then is on its
/// way, and on a slow machine the provider reads it late.
pub const FREEZE_PAUSE: Duration = Duration::from_secs(2);

/// Everything that is known.
pub struct Evidence {
    pub began: Instant,
    /// By reference.
    pub posts: HashMap<String, Vec<Post>>,
    /// The provider's.
    pub books: Vec<Entry>,
    /// Its rows by reference.
    pub journal: HashMap<String, Vec<Value>>,
    pub taken: Vec<Taken>,
    pub freezes: Vec<Freeze>,
    /// What happened to the processes.
    pub notes: Vec<(Instant, String)>,
}

/// From when `freeze` returned until `unfreeze` was called.
#[derive(Clone, Copy, Debug)]
pub struct Freeze {
    pub from: Instant,
    pub until: Option<Instant>,
}

#[derive(Debug)]
pub struct Violation {
    pub reference: String,
    pub why: String,
}

/// What is known about one reference.
struct Case<'a> {
    posts: &'a [Post],
    /// What the provider executed, without its own repetitions.
    executed: Vec<&'a Entry>,
    repeated: Vec<&'a Entry>,
    rows: &'a [Value],
    events: Vec<&'a Taken>,
}

impl Evidence {
    /// The contradictions. Complete only once everything has settled.
    pub fn violations(&self) -> Vec<Violation> {
        let executed = self.books.iter().filter(|entry| entry.is_execution());
        let mut references: BTreeSet<&str> = self.posts.keys().map(String::as_str).collect();
        references.extend(self.journal.keys().map(String::as_str));
        references.extend(executed.map(|entry| entry.reference.as_str()));
        let mut violations = Vec::new();
        for reference in references {
            let case = self.case(reference);
            let mut found = case.wrong();
            found.extend(self.after_a_freeze(&case));
            found.extend(self.never_delivered(reference));
            let reference = reference.to_owned();
            violations.extend(
                found.into_iter().map(|why| Violation { reference: reference.clone(), why }),
            );
        }
        violations
    }

    fn case(&self, reference: &str) -> Case<'_> {
        let executed = self.books.iter();
        let (repeated, executed) = executed
            .filter(|entry| entry.is_execution() && entry.reference == reference)
            .partition(|entry| matches!(entry.what, Did::Executed { own: true, .. }));
        let events = self.taken.iter();
        Case {
            posts: self.posts.get(reference).map_or(&[], Vec::as_slice),
            executed,
            repeated,
            rows: self.journal.get(reference).map_or(&[], Vec::as_slice),
            events: events.filter(|taken| taken.event["data"]["reference"] == reference).collect(),
        }
    }

    fn after_a_freeze(&self, case: &Case<'_>) -> Option<String> {
        case.executed.iter().find_map(|entry| {
            let late = |freeze: &&Freeze| {
                let is_over = freeze.until.is_some_and(|until| entry.at >= until);
                entry.at > freeze.from + FREEZE_PAUSE && !is_over
            };
            let freeze = self.freezes.iter().find(late)?;
            let after = (entry.at - freeze.from).as_secs_f32();
            Some(format!("it left {after:.1} s after `freeze` had returned"))
        })
    }

    /// Two acknowledged texts with the same event, transaction and status are one event.
    fn never_delivered(&self, reference: &str) -> Option<String> {
        self.books.iter().filter(|entry| entry.reference == reference).find_map(|entry| {
            let Did::Acknowledged { event, transaction, status } = &entry.what else { return None };
            let is_it = |taken: &Taken| {
                let data = &taken.event["data"];
                data["provider_reference"] == **transaction
                    && data["notification"]["event"] == **event
                    && data["notification"]["status"] == **status
            };
            match self.taken.iter().any(is_it) {
                true => None,
                false => Some(format!(
                    "the notification of {transaction} ({status}) was acknowledged and never delivered"
                )),
            }
        })
    }

    /// What happened to a reference and around it, in time order.
    pub fn story(&self, reference: &str) -> String {
        let mut lines: Vec<(Instant, String)> = self.notes.clone();
        for post in self.posts.get(reference).into_iter().flatten() {
            let heard = post.outcome.as_deref().unwrap_or("nothing");
            let code = post.code.as_deref().unwrap_or("-");
            lines.push((post.began, format!("caller {} posts {}", post.caller, post.amount)));
            lines.push((post.ended, format!("caller {} gets {heard} ({code})", post.caller)));
        }
        for entry in self.books.iter().filter(|entry| entry.reference == reference) {
            let (place, amount) = (&entry.place, entry.amount);
            let mut line = format!("provider{place}: {:?} {amount}", entry.what);
            if entry.is_execution() {
                let _ = write!(line, " by {}", String::from_utf8_lossy(&entry.bytes));
            }
            lines.push((entry.at, line));
        }
        for taken in self.taken.iter().filter(|it| it.event["data"]["reference"] == reference) {
            let (kind, data) = (&taken.event["type"], &taken.event["data"]);
            let of = &data["provider_reference"];
            lines.push((taken.at, format!("application: {kind} of {of}, flags {}", data["flags"])));
        }
        lines.sort_by_key(|(at, _)| *at);
        let mut story = String::new();
        for (at, line) in lines {
            let _ = writeln!(story, "  {:>8.3} s  {line}", (at - self.began).as_secs_f64());
        }
        for row in self.journal.get(reference).into_iter().flatten() {
            let _ = writeln!(story, "  journal     {row}");
        }
        story
    }
}

impl Case<'_> {
    fn wrong(&self) -> Vec<String> {
        let mut wrong = Vec::new();
        if self.executed.len() > 1 {
            wrong.push(format!("it was executed {} times", self.executed.len()));
        }
        let unasked = self.executed.iter().find(|entry| !self.is_called_for(entry));
        wrong.extend(unasked.map(|_| {
            "it was executed after every caller that posted it was answered that it was not"
                .to_owned()
        }));
        wrong.extend(self.denied());
        wrong.extend(self.unfounded());
        wrong.extend(self.unknown());
        wrong.extend(self.left_waiting());
        if !self.repeated.is_empty() && !self.shows_the_repetition() {
            wrong.push("the provider made it twice by itself, but nothing reports it".to_owned());
        }
        wrong
    }

    /// Whether a caller that posted this payment before `entry` had not been answered that it does not happen.
    fn is_called_for(&self, entry: &Entry) -> bool {
        let asked = || {
            self.posts.iter().filter(|post| post.amount == entry.amount && post.began <= entry.at)
        };
        asked().any(|post| {
            let is_settled = |later: &Post| {
                let is_after = later.began >= post.ended && later.ended <= entry.at;
                is_after && later.settles_as_refused()
            };
            let called_off = self.told_as_failed(post.ended);
            let is_called_off = called_off.is_some_and(|event| event.at <= entry.at);
            !post.is_refusal() && !asked().any(is_settled) && !is_called_off
        })
    }

    /// An event later than `since` that says that it did not happen. If the payment was made again, events may be about
    /// the earlier call, and prove nothing here.
    fn told_as_failed(&self, since: Instant) -> Option<&Taken> {
        let is_failure =
            |taken: &&&Taken| taken.at > since && taken.event["data"]["status"] == "failed";
        let failure = self.events.iter().find(is_failure).copied();
        failure.filter(|_| self.rows.len() < 2)
    }

    /// A caller was answered that nothing happened after it had happened.
    fn denied(&self) -> Option<String> {
        let first = self.executed.first()?;
        let denial = self.posts.iter().find(|post| {
            // If the payment was made again, earlier callers may get the answer of an earlier call that was refused.
            let is_about_it = post.began > first.at || self.rows.len() < 2;
            let is_late = post.amount == first.amount && post.ended > first.at;
            is_late && is_about_it && post.settles_as_refused()
        });
        if let Some(post) = denial {
            let heard = post.outcome.as_deref().unwrap_or_default();
            return Some(format!("it was executed, but caller {} got `{heard}`", post.caller));
        }
        let why = "it was executed, but an event says that it failed";
        self.told_as_failed(first.at).map(|_| why.to_owned())
    }

    /// Accepted without an execution: according to callers' answers, or to the journal.
    fn unfounded(&self) -> Option<String> {
        let is_there = |amount: u64, until: Instant| {
            self.executed.iter().any(|entry| entry.amount == amount && entry.at <= until)
        };
        let told = self
            .posts
            .iter()
            .find(|post| post.heard("accepted") && !is_there(post.amount, post.ended));
        if let Some(post) = told {
            return Some(format!("caller {} got `accepted`, but it was not executed", post.caller));
        }
        let accepted = self.rows.iter().filter(|row| row["state"] == "accepted").count();
        let why = "the journal says `accepted`, but it was not executed";
        (accepted > 0 && self.executed.is_empty()).then(|| why.to_owned())
    }

    /// It was executed, or a caller was answered that it may have been, and the journal does not know how it ended.
    fn unknown(&self) -> Option<String> {
        let open = |row: &&Value| {
            !matches!(row["state"].as_str(), Some("accepted" | "rejected" | "not_sent"))
        };
        if let Some(row) = self.rows.iter().find(open) {
            return Some(format!("it stays `{}`", row["state"].as_str().unwrap_or_default()));
        }
        let accepted = self.rows.iter().any(|row| row["state"] == "accepted");
        let is_unknown = !self.executed.is_empty() && !accepted;
        is_unknown.then(|| "it was executed, but the journal does not know it".to_owned())
    }

    /// A caller was asked to wait, and learned nothing more: neither from another call nor from an event.
    fn left_waiting(&self) -> Option<String> {
        let waits = self.posts.iter().find(|post| {
            let has_heard = self.posts.iter().any(|later| {
                let is_end = later.heard("accepted") || later.settles_as_refused();
                later.caller == post.caller && later.began >= post.ended && is_end
            });
            let is_told = self.events.iter().any(|event| event.at > post.began);
            post.heard("unknown") && !has_heard && !is_told
        })?;
        let code = waits.code.as_deref().unwrap_or_default();
        Some(format!("caller {} got `{code}`, and there was never an event", waits.caller))
    }

    /// A flag of an event or a mark in the journal, apart from those that say how an event was found.
    fn shows_the_repetition(&self) -> bool {
        let known = ["synthesised", "stale"];
        let is_odd = |taken: &&Taken| {
            let flags = taken.event["data"]["flags"].as_array().cloned().unwrap_or_default();
            flags.iter().any(|flag| !known.iter().any(|known| flag == known))
        };
        let transactions: BTreeSet<&str> = self
            .events
            .iter()
            .filter(|it| !has_flag(&it.event, "synthesised"))
            .filter_map(|it| it.event["data"]["provider_reference"].as_str())
            .collect();
        // It can be noticed only if both transactions were reported.
        transactions.len() < 2
            || self.events.iter().copied().any(|taken| is_odd(&taken))
            || self.rows.iter().any(|row| row["contradicted"] == true)
    }
}
