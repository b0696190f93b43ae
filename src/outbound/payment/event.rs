//! The event that tells the application what became of a payment in doubt.
//!
//! What a query brought is read like a notification; what it leaves out, the store completes from the journal's row.

use jiff::Timestamp;

use super::super::call::attempt::PreparedCall;
use crate::config::Account;
use crate::provider::{
    CodeMeaning, NormaliseContext, Normalised, Operation, ProviderAnswer, Recount,
};
use crate::store::OutcomeEvent;

/// The event of a payment's step, for the store to complete. `data` is what a query said of the payment; `reason` is why it
/// failed, if it did.
pub fn announcing(
    account: &Account,
    operation: &Operation,
    data: Option<&str>,
    reason: String,
    at: Timestamp,
) -> OutcomeEvent {
    let context = context(account, at);
    let provider = &account.provider;
    let told = data.and_then(|data| provider.synthesise(operation, data, &context));
    let reported =
        told.unwrap_or_else(|| provider.recount(operation, &Recount::default(), &context));
    OutcomeEvent { reported, reason, at }
}

/// What a query's `data` says of a call.
pub(super) fn told_by(
    account: &Account,
    operation: &Operation,
    data: &str,
    now: Timestamp,
) -> Option<Normalised> {
    account.provider.synthesise(operation, data, &context(account, now))
}

/// What the provider's answer to a create says of it, where it took it and says anything.
pub(crate) fn answered_by(
    call: &PreparedCall<'_>,
    answer: &ProviderAnswer,
    now: Timestamp,
) -> Option<Normalised> {
    let data = answer.data.as_deref().filter(|_| answer.meaning == CodeMeaning::Accepted)?;
    told_by(call.account, call.operation, data, now)
}

fn context(account: &Account, now: Timestamp) -> NormaliseContext<'_> {
    NormaliseContext {
        account: &account.name,
        currency: account.currency.as_deref(),
        timezone: account.timezone,
        received_at: now,
        id: "",
    }
}
