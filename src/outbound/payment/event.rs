//! The outcome event: it informs the application of the outcome of a payment in doubt.
//!
//! The answer to a status query is read like a notification; members that it lacks are filled in by the store from the
//! journal's row.

use jiff::Timestamp;
use tokio::time::Instant;

use crate::clock::instant;
use crate::config::Account;
use crate::outbound::call::prepared::PreparedCall;
use crate::provider::{Normalised, Operation, Recount};
use crate::store::OutcomeEvent;

/// The event for a payment's step, for the store to complete. `reason` is why the payment failed, if it did.
pub fn announcing(
    account: &Account,
    operation: &Operation,
    reason: String,
    at: Timestamp,
) -> Box<OutcomeEvent> {
    let nothing = Recount::default();
    let reported = account.provider.recount(operation, &nothing, &account.reading(at, ""));
    Box::new(OutcomeEvent { reported, reason, at })
}

/// The same for a step of `call`, with what a status query `reported`. `None` while the caller listens, that is until
/// `heard_until`: it learns the end from its answer.
pub(super) fn unless_heard(
    heard_until: Option<Instant>,
    call: &PreparedCall<'_>,
    reported: Option<Normalised>,
    reason: String,
    at: Timestamp,
) -> Option<Box<OutcomeEvent>> {
    let is_heard = heard_until.is_some_and(|until| instant() < until);
    let event = || match reported {
        Some(reported) => Box::new(OutcomeEvent { reported, reason, at }),
        None => announcing(call.account, call.operation, reason, at),
    };
    (!is_heard).then(event)
}
