//! Events of payments whose end no text of the provider's tells, and what an event about a payment may lack.
//!
//! What the provider says counts; this only fills in what the journal knows and the provider left out.

use super::amount::Amount;
use super::kind::{EventKind, EventStatus, Flag};
use super::normalise::{Failure, NormaliseContext, Normalised, NotificationText};
use super::time::EventTime;
use crate::provider::{Operation, Provider};

/// What is known of a payment without the provider's text.
#[derive(Clone, Debug, Default)]
pub struct Recount {
    /// The merchant's own order id.
    pub reference: Option<String>,
    pub provider_reference: Option<String>,
    /// Minor units, as sent.
    pub amount_minor: Option<i64>,
    /// ISO 4217, as sent.
    pub currency: Option<String>,
    /// What became of it; `None` only where nobody knows.
    pub status: Option<EventStatus>,
    /// Why it failed.
    pub failure: Option<Failure>,
}

impl Provider {
    /// The event that `recount` makes, flagged as synthesised. Unrecognised where the profile has no events for the
    /// operation.
    pub fn recount(
        &self,
        operation: &Operation,
        recount: &Recount,
        context: &NormaliseContext<'_>,
    ) -> Normalised {
        let time = EventTime { timestamp: context.received_at, offset: context.timezone };
        let mut event = Normalised {
            id: context.id.to_owned(),
            account: context.account.to_owned(),
            provider: self.name.clone(),
            kind: self.kind_of(operation),
            status: None,
            reference: None,
            provider_reference: None,
            original_reference: None,
            amount: None,
            fee: None,
            channel: None,
            time,
            created_at: None,
            completed_at: None,
            failure: None,
            remark: None,
            client_id: None,
            flags: vec![Flag::Synthesised],
            notification: NotificationText { event: None, status: None, param: String::new() },
            traceparent: None,
            notes: Vec::new(),
            is_listed: false,
            dedupe_key: String::new(),
        };
        event.complete(recount);
        event
    }

    /// What events about the operation are about.
    pub fn kind_of(&self, operation: &Operation) -> Option<EventKind> {
        let name = operation.event.as_deref()?;
        let rule = self.events.rules.iter().find(|rule| rule.name == name)?;
        Some(rule.kind)
    }
}

impl Normalised {
    /// Fills in what is missing. A status word that the profile does not know is not replaced by a guess.
    pub fn complete(&mut self, recount: &Recount) {
        let fill = |member: &mut Option<String>, known: &Option<String>| {
            if member.is_none() {
                member.clone_from(known);
            }
        };
        fill(&mut self.reference, &recount.reference);
        fill(&mut self.provider_reference, &recount.provider_reference);
        if self.amount.is_none() {
            let amount = |minor| Amount::of_minor(minor, recount.currency.as_deref());
            self.amount = recount.amount_minor.map(amount);
        }
        let knows =
            |status: &EventStatus| self.kind.is_some_and(|kind| kind.statuses().contains(status));
        if self.status.is_none() && self.notification.status.is_none() {
            self.status = recount.status.filter(knows);
        }
        if self.failure.is_none() {
            self.failure.clone_from(&recount.failure);
        }
    }
}
