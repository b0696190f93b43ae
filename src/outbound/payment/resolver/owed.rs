//! What the application is owed about calls that are over: the end of those that never left, and events.

use std::time::Duration;

use tokio::time::Instant;

use super::stranded::Logged;
use super::workers::LOOK_EVERY;
use crate::clock::{Clock, instant};
use crate::config::Account;
use crate::outbound::Outbound;
use crate::outbound::payment::event;
use crate::payment::Final;
use crate::store::{JournalError, Step, Store};

/// After an event that is owed could not be stored.
const PAUSE: Duration = Duration::from_secs(10);

/// Events that are stored for one account before it is the next one's turn.
const EVENTS_AT_ONCE: usize = 100;

/// Gives every second what is owed, and at the stop once more records what never left.
pub(super) async fn work(outbound: &Outbound, logged: &Logged) {
    let (store, egress) = (&*outbound.store, &outbound.egress);
    let record_unsent = || outbound.unsent.record(store, egress.clock.unix_ms());
    let mut failed_at = None::<Instant>;
    loop {
        record_unsent().await;
        if failed_at.is_none_or(|at| at.elapsed() >= PAUSE) {
            failed_at = None;
            for account in outbound.live.load().accounts.values() {
                if let Err(error) = store_events(store, account, &egress.clock, logged).await {
                    tracing::error!("an event that is owed could not be stored: {error}");
                    failed_at = Some(instant());
                }
            }
        }
        if egress.stopping.unless(tokio::time::sleep(LOOK_EVERY)).await.is_none() {
            return record_unsent().await;
        }
    }
}

/// Stores the events that are owed of settled payments of `account`.
async fn store_events(
    store: &dyn Store,
    account: &Account,
    clock: &Clock,
    logged: &Logged,
) -> Result<(), JournalError> {
    for view in store.owed_events(&account.name, EVENTS_AT_ONCE).await? {
        let row = &view.row;
        let Some(operation) = account.provider.operation(&row.operation) else {
            if logged.is_due(&row.id) {
                tracing::error!(payment = %row.id, "its operation is no longer in the profile: its end cannot be told");
            }
            continue;
        };
        let why = match row.end() {
            Some(Final::NotSent) => "it was not sent",
            _ => "the provider refused it",
        };
        let now = clock.now();
        let event = event::announcing(account, operation, why.to_owned(), now);
        let now_ms = now.as_millisecond();
        store.step(&row.id, Step::TellOwed { event, now_ms }).await?;
    }
    Ok(())
}
