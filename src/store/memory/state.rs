//! What a store in memory holds, and what a transaction works with.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use crate::store::inbox::steps::{Neighbour, Nudge, Progress, Stepped};
use crate::store::journal::steps::KeptAnswer;
use crate::store::{
    AttemptRecord, EventId, Freeze, HistoryEntry, NewEvent, PaymentId, PaymentRow, PaymentView,
};

#[derive(Default)]
pub(super) struct State {
    /// By order of arrival.
    pub events: BTreeMap<i64, Event>,
    pub event_ids: HashMap<EventId, i64>,
    /// Events by account and dedupe key.
    pub event_keys: HashMap<(String, String), i64>,
    pub open_events: BTreeSet<i64>,
    /// What is still known of removed events, by account and dedupe key.
    pub seen: HashMap<(String, String), Seen>,
    /// Every account that ever had an event.
    pub event_accounts: BTreeSet<String>,
    /// By order of beginning.
    pub payments: BTreeMap<i64, Payment>,
    pub payment_ids: HashMap<PaymentId, i64>,
    /// Payments by reference, whatever their account.
    pub references: HashMap<String, Vec<i64>>,
    /// By the name under which the account was frozen.
    pub freezes: BTreeMap<String, Freeze>,
    /// Every name of an account that has several, with the one in use.
    pub names: BTreeMap<String, String>,
    pub living: BTreeSet<String>,
    last_number: i64,
}

pub(super) struct Event {
    pub sequence: i64,
    pub new: NewEvent,
    pub progress: Progress,
    pub attempts: Vec<AttemptRecord>,
    pub duplicates: u32,
    pub last_seen_at_ms: i64,
    pub last_seen_tick: i64,
}

pub(super) struct Seen {
    pub id: EventId,
    pub param: String,
    pub last_seen_tick: i64,
}

pub(super) struct Payment {
    pub row: PaymentRow,
    pub parameters: String,
    pub answer: Option<KeptAnswer>,
    pub history: Vec<HistoryEntry>,
}

impl State {
    /// The number of whatever comes next: larger than every one before.
    pub fn next_number(&mut self) -> i64 {
        self.last_number += 1;
        self.last_number
    }

    pub fn start_process(&mut self) -> String {
        let owner = format!("process {}", self.next_number());
        self.living.insert(owner.clone());
        owner
    }

    pub fn end_process(&mut self, owner: &str) {
        self.living.remove(owner);
    }

    /// The name in use of the account that is or was called `name`.
    pub fn current(&self, name: &str) -> String {
        self.names.get(name).map_or(name, String::as_str).to_owned()
    }

    /// Whether two names are one account's.
    pub fn is_same(&self, one: &str, other: &str) -> bool {
        one == other || self.current(one) == self.current(other)
    }

    /// The other names of the account, then this one.
    pub fn names_of(&self, account: &str) -> Vec<String> {
        let current = self.current(account);
        let others = self.names.iter().filter(|(name, said)| **said == current && *name != account);
        others.map(|(name, _)| name.as_str()).chain([account]).map(str::to_owned).collect()
    }

    /// The other open events of the reference, earliest first.
    pub fn beside(&self, account: &str, reference: Option<&str>, sequence: i64) -> Vec<Neighbour> {
        let others = self.open_events.iter().filter(|other| **other != sequence);
        let same = others.filter(|other| {
            let new = &self.events[other].new;
            reference.is_some()
                && new.reference.as_deref() == reference
                && self.is_same(&new.account, account)
        });
        same.map(|other| {
            let progress = &self.events[other].progress;
            let is_leased = progress.lease.is_some();
            Neighbour { sequence: *other, due_ms: progress.due_ms, is_leased }
        })
        .collect()
    }

    /// Writes what a step made of an event, and of one beside it.
    pub fn save_event(&mut self, sequence: i64, Stepped { progress, nudge }: Stepped) {
        match progress.state.is_open() {
            true => self.open_events.insert(sequence),
            false => self.open_events.remove(&sequence),
        };
        if let Some(event) = self.events.get_mut(&sequence) {
            event.progress = progress;
        }
        if let Some(Nudge { sequence, due_ms }) = nudge
            && let Some(neighbour) = self.events.get_mut(&sequence)
        {
            (neighbour.progress.due_ms, neighbour.progress.lease) = (due_ms, None);
        }
    }

    /// The row as it is read, under the account's name in use.
    pub fn row(&self, payment: &Payment) -> PaymentRow {
        PaymentRow { account: self.current(&payment.row.account), ..payment.row.clone() }
    }

    /// Every payment that meets `condition`, by order of beginning.
    pub fn rows(&self, condition: impl Fn(&PaymentRow) -> bool) -> Vec<PaymentRow> {
        let found = self.payments.values().filter(|payment| condition(&payment.row));
        found.map(|payment| self.row(payment)).collect()
    }

    /// Those under the reference of an account.
    pub fn rows_under(
        &self,
        account: &str,
        reference: &str,
        condition: impl Fn(&PaymentRow) -> bool,
    ) -> Vec<PaymentRow> {
        let sequences = self.references.get(reference).map_or(&[][..], Vec::as_slice);
        let found = sequences.iter().filter_map(|sequence| self.payments.get(sequence));
        let found = found
            .filter(|payment| self.is_same(&payment.row.account, account))
            .filter(|payment| condition(&payment.row));
        found.map(|payment| self.row(payment)).collect()
    }

    pub fn payment(&self, id: &PaymentId) -> Option<&Payment> {
        self.payments.get(self.payment_ids.get(id)?)
    }

    pub fn view(&self, row: PaymentRow) -> PaymentView {
        let payment = &self.payments[&row.sequence];
        let kept = payment.answer.clone();
        PaymentView {
            row,
            parameters: payment.parameters.clone(),
            answer_from_query: kept.as_ref().is_some_and(|kept| kept.is_from_query),
            answer: kept.map(|kept| kept.answer),
        }
    }

    /// The freeze that holds for an account, under whichever of its names.
    pub fn freeze_of(&self, account: &str) -> Option<Freeze> {
        let mut freezes = self.freezes.values();
        freezes.find(|freeze| self.is_same(&freeze.account, account)).cloned()
    }
}

/// What one transaction works with.
pub(super) struct Work<'a> {
    pub state: &'a mut State,
    pub owner: &'a str,
    /// Store time.
    pub now_ms: i64,
    /// The wall clock.
    pub date_ms: i64,
    pub woken: &'a mut BTreeSet<String>,
}

impl Work<'_> {
    /// A moment of store time as a date.
    pub fn date(&self, time_ms: i64) -> i64 {
        time_ms.saturating_add(self.date_ms.saturating_sub(self.now_ms))
    }

    pub fn wake(&mut self, account: &str) {
        self.woken.insert(account.to_owned());
    }
}
