//! A compiled profile: what requests see of a provider.

use std::sync::Arc;
use std::time::Duration;

use super::codes::{self, AnswerShape, CodeTable, ProviderAnswer};
use super::event::{Amount, EventRule, EventTable};
use super::operation::Operation;
use crate::sign::{RequestRecipe, VerifyRecipe};

/// A provider, as its profile describes it.
#[derive(Clone)]
pub struct Provider {
    pub name: String,
    pub title: String,
    /// In the order of the profile.
    pub operations: Vec<Arc<Operation>>,
    pub request: RequestRecipe,
    pub notification: VerifyRecipe,
    pub answer: AnswerShape,
    pub codes: CodeTable,
    pub events: EventTable,
    pub lost: Lost,
}

/// When a call that is not found counts as one that did not arrive.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Lost {
    /// The time since the last attempt.
    pub grace: Duration,
    /// How many queries must have said "not found".
    pub not_found_needed: u32,
}

impl Provider {
    /// By operation name (`payout_create`) or by provider path (`/open-api/...`); `rest` has no leading `/`.
    pub fn find(&self, rest: &str) -> Option<&Arc<Operation>> {
        self.operation(rest).or_else(|| {
            self.operations.iter().find(|operation| operation.path.strip_prefix('/') == Some(rest))
        })
    }

    /// By operation name.
    pub fn operation(&self, name: &str) -> Option<&Arc<Operation>> {
        self.operations.iter().find(|operation| operation.name == name)
    }

    /// The rule for events about calls of `operation`, where the profile has one.
    pub(super) fn event_rule(&self, operation: &Operation) -> Option<&EventRule> {
        let name = operation.event.as_deref()?;
        self.events.rules.iter().find(|rule| rule.name == name)
    }

    /// Understands an answer body, or `None` when it is not the provider's envelope.
    pub fn read_answer(&self, body: &[u8]) -> Option<ProviderAnswer> {
        codes::read(&self.answer, &self.codes, body)
    }

    /// How many minor units of `currency` the provider means by `text`, a whole number in plain digits; `None` when it
    /// is not such a number, or when the currency's decimals are needed but not known.
    pub fn minor_units(&self, text: &str, currency: Option<&str>) -> Option<i64> {
        Amount::read(text, self.events.amount_unit, currency).ok().map(|amount| amount.minor)
    }
}
