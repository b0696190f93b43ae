//! Events for payments whose end is in no text from the provider, and members that an event about a payment may lack.
//!
//! What the provider says counts; this only fills in what the provider left out and the journal knows.

use super::amount::Amount;
use super::kind::{EventKind, EventStatus, Flag};
use super::normalise::{Failure, NormaliseContext, Normalised};
use crate::provider::{Operation, Provider};

/// What is known about a payment without a text from the provider.
#[derive(Clone, Debug, Default)]
pub struct Recount {
    /// The merchant's own order id.
    pub reference: Option<String>,
    pub provider_reference: Option<String>,
    /// Minor units, as sent.
    pub amount_minor: Option<i64>,
    /// ISO 4217, as sent.
    pub currency: Option<String>,
    /// Its status; `None` only if it is not known.
    pub status: Option<EventStatus>,
    /// Why it failed.
    pub failure: Option<Failure>,
}

impl Provider {
    /// The event that `recount` makes, flagged as synthesised. Unrecognised if the profile has no events for the
    /// operation.
    pub fn recount(
        &self,
        operation: &Operation,
        recount: &Recount,
        context: &NormaliseContext<'_>,
    ) -> Normalised {
        let mut event = Normalised {
            kind: self.kind_of(operation),
            flags: vec![Flag::Synthesised],
            ..self.blank_event(context)
        };
        event.complete(recount);
        event
    }

    /// The kind of events about the operation.
    pub fn kind_of(&self, operation: &Operation) -> Option<EventKind> {
        self.event_rule(operation).map(|rule| rule.kind)
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
