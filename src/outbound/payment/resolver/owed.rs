//! Events owed for settled payments: their callers were asked to wait, or could not be answered.

use jiff::Timestamp;

use super::stranded::Logged;
use crate::config::Account;
use crate::outbound::payment::event;
use crate::payment::Final;
use crate::store::{JournalError, PaymentRow, Step, Store};

/// Stores the event for the payment's end. If its operation is no longer in the profile there is none: that is
/// `logged`.
///
/// # Errors
/// When it could not be stored; it is still owed.
pub(super) async fn store_event(
    store: &dyn Store,
    account: &Account,
    row: &PaymentRow,
    now: Timestamp,
    logged: &Logged,
) -> Result<(), JournalError> {
    let Some(operation) = account.provider.operation(&row.operation) else {
        if logged.is_due(&row.id) {
            tracing::error!(
                "its operation is no longer in the profile: no event can be made for its end"
            );
        }
        return Ok(());
    };
    let why = match row.end() {
        Some(Final::NotSent) => "it was not sent",
        _ => "the provider refused it",
    };
    let event = event::announcing(account, operation, why.to_owned(), now);
    let now_ms = now.as_millisecond();
    store.step(&row.id, Step::TellOwed { event, now_ms }).await.map(drop)
}
