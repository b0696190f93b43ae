//! Records what a store commits: everything that moves money or is done by an operator, in any process.

use std::sync::Arc;

use super::actor::{self, Actor};
use super::entry::{Action, Entry};
use super::log::Audit;
use super::writer::Writer;
use crate::clock::Clock;
use crate::config;
use crate::store::{Change, EventId, Observer, Selection, Store, Subject};

/// The most ids that one entry names; beyond that it gives their number.
const IDS_NAMED_MAX: usize = 20;

impl Audit {
    /// Opens the configured file and lets it observe `store`. Actions outside a request with a known actor are
    /// attributed to `otherwise`.
    ///
    /// # Errors
    /// When the file cannot be opened, or is not an audit log.
    pub fn open(
        settings: Option<&config::Audit>,
        clock: Clock,
        store: &dyn Store,
        otherwise: Actor,
    ) -> std::io::Result<Self> {
        let writer =
            settings.map(|settings| Writer::start(&settings.file, clock.clone())).transpose()?;
        let audit = Self { writer: writer.map(Arc::new), clock };
        if audit.writer.is_some() {
            store.observe(Arc::new(Witness { audit: audit.clone(), otherwise }));
        }
        Ok(audit)
    }
}

/// Writes to `audit`. Actions outside a request with a known actor are attributed to `otherwise`.
struct Witness {
    audit: Audit,
    otherwise: Actor,
}

impl Observer for Witness {
    fn committed(&self, change: &Change<'_>) {
        self.audit.record(self.entry(change));
    }

    fn uncertain(&self, change: &Change<'_>) {
        self.audit.record(Entry { uncertain: Some(true), ..self.entry(change) });
    }
}

impl Witness {
    fn entry(&self, change: &Change<'_>) -> Entry {
        let by = |action| match actor::current() {
            Some((actor, request_id)) => Entry::new(action, actor).within(&request_id),
            None => Entry::new(action, self.otherwise),
        };
        match *change {
            Change::Begun(payment) => about(by(Action::PaymentBegun), payment),
            Change::Sending { id, attempt } => {
                Entry { attempt, ..about(by(Action::PaymentSent), Subject::Id(id)) }
            }
            Change::InDoubt { row, attempt } => {
                Entry { attempt: Some(attempt), ..by(Action::PaymentUnknown).about_payment(row) }
            }
            Change::Settled(row) => {
                Entry { code: row.provider_code, ..by(Action::PaymentSettled).about_payment(row) }
            }
            Change::Closed { payment, reason } => {
                about(by(Action::PaymentSettled), payment).because(reason)
            }
            Change::Notified { row, event } => {
                let entry = Entry::new(Action::PaymentNotified, Actor::Provider);
                Entry { events: Some(event.to_string()), ..entry.about_payment(row) }
            }
            Change::Recovered { payments } => by(Action::PaymentsRecovered).counting(payments),
            Change::Frozen { account, reason } => {
                by(Action::Frozen).of_account(account).because(reason)
            }
            Change::Unfrozen { account } => by(Action::Unfrozen).of_account(account),
            Change::Replayed { selection, events } => {
                let events_chosen = Some(words(selection));
                Entry { events: events_chosen, count: events, ..by(Action::Replayed) }
            }
            Change::Discarded { selection, reason, events } => {
                let events_chosen = Some(words(selection));
                let entry = by(Action::Discarded).because(reason);
                Entry { events: events_chosen, count: events, ..entry }
            }
        }
    }
}

fn about(entry: Entry, payment: Subject<'_>) -> Entry {
    match payment {
        Subject::Row(row) => entry.about_payment(row),
        Subject::Id(id) => Entry { payment: Some(id.to_string()), ..entry },
    }
}

/// What an operator requested.
fn words(selection: &Selection) -> String {
    match selection {
        Selection::Ids(ids) => {
            let named: Vec<&str> = ids.iter().take(IDS_NAMED_MAX).map(EventId::as_str).collect();
            match ids.len() - named.len() {
                0 => named.join(" "),
                more => format!("{} and {more} more", named.join(" ")),
            }
        }
        Selection::Matching(filter) => {
            let states: Vec<&str> = filter.states.iter().map(|state| state.as_str()).collect();
            let parts = [
                filter.account.as_ref().map(|account| format!("account {account}")),
                (!states.is_empty()).then(|| format!("state {}", states.join(" "))),
                filter.reference.as_ref().map(|reference| format!("reference {reference}")),
                filter.from_ms.map(|at| format!("from {at}")),
                filter.until_ms.map(|at| format!("until {at}")),
            ];
            parts.into_iter().flatten().collect::<Vec<_>>().join(", ")
        }
    }
}
