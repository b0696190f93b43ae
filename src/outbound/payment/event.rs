//! The outcome event: it informs the application what became of a payment in doubt.
//!
//! What a status query brought is read like a notification; what it leaves out, the store completes from the journal's row.

use jiff::Timestamp;
use tokio::time::Instant;

use crate::clock::instant;
use crate::config::Account;
use crate::outbound::call::prepared::PreparedCall;
use crate::provider::{Normalised, Operation, Recount};
use crate::store::OutcomeEvent;

/// The event of a payment's step, for the store to complete. `reason` is why the payment failed, if it did.
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

/// The same of a step of `call`, with what a status query `reported`. `None` while a caller listens, which it does until
/// `heard_until`: it learns the end by its answer.
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
