//! Three workers for each account, so that no account waits for another account's provider.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use futures::future::join_all;
use futures::stream::FuturesUnordered;
use futures::{FutureExt, StreamExt};
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tracing::{Instrument, Span};

use super::owed::store_event;
use super::resolution::resolve;
use super::stranded::Logged;
use crate::clock::milliseconds;
use crate::config::Account;
use crate::json::parse_object;
use crate::outbound::Outbound;
use crate::outbound::call::prepared::PreparedCall;
use crate::outbound::payment::query::query_limit;
use crate::store::{Due, PaymentView};

/// How often the journal is searched for what is due.
pub(super) const LOOK_EVERY: Duration = Duration::from_secs(1);

/// What a worker looks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Lane {
    /// Payments in doubt.
    Unknown,
    /// Accepted payments whose notification did not come in time.
    Unnoticed,
    /// Settled payments for which an event is owed.
    Owed,
}

impl Lane {
    const ALL: [Self; 3] = [Self::Unknown, Self::Unnoticed, Self::Owed];

    /// Payments claimed at the same time, per account: resolving must not crowd out ordinary calls, and payments that
    /// only lack a notification must not delay those in doubt. Events are stored one after the other.
    fn at_once(self) -> usize {
        match self {
            Self::Unknown => 8,
            Self::Unnoticed => 2,
            Self::Owed => 100,
        }
    }
}

/// Keeps the workers of every configured account running until the stop, then waits for them to finish.
pub(super) async fn work(outbound: &Arc<Outbound>) {
    let stranded = Arc::new(Logged::default());
    let mut workers: HashMap<(String, Lane), JoinHandle<()>> = HashMap::new();
    loop {
        for name in outbound.live.load().accounts.keys() {
            for lane in Lane::ALL {
                let (outbound, stranded) = (outbound.clone(), stranded.clone());
                let worker = Worker { outbound, stranded, account: name.clone(), lane };
                let begun = || tokio::spawn(worker.run());
                workers.entry((name.clone(), lane)).or_insert_with(begun);
            }
        }
        let pause = tokio::time::sleep(LOOK_EVERY);
        if outbound.egress.stopping.unless(pause).await.is_none() {
            break;
        }
        workers.retain(|(account, _), worker| {
            let ended = worker.now_or_never();
            if let Some(Err(error)) = &ended {
                tracing::error!(
                    account,
                    "a worker of the resolver failed and starts again: {error}"
                );
            }
            ended.is_none()
        });
    }
    join_all(workers.into_values()).await;
}

struct Worker {
    outbound: Arc<Outbound>,
    stranded: Arc<Logged>,
    account: String,
    lane: Lane,
}

impl Worker {
    /// Works through what is due for one account, without a pause while there is more. Ends at the stop, or when the
    /// account is no longer configured.
    async fn run(self) {
        match self.lane {
            Lane::Unknown | Lane::Unnoticed => self.resolve_due().await,
            Lane::Owed => self.store_owed().await,
        }
    }

    /// The account, while there is work to do for it.
    fn account(&self) -> Option<Arc<Account>> {
        let is_stopping = self.outbound.egress.stopping.has_begun();
        self.outbound.live.load().accounts.get(&self.account).filter(|_| !is_stopping).cloned()
    }

    async fn resolve_due(&self) {
        let at_once = self.lane.at_once();
        let mut under_way = FuturesUnordered::new();
        let mut changes = self.outbound.store.unknown_changes(&self.account);
        while let Some(account) = self.account() {
            changes.mark_unchanged();
            let room = at_once.saturating_sub(under_way.len());
            if room > 0 {
                for payment in self.claim(&account, room).await {
                    let span = span_of(&payment);
                    under_way.push(self.resolve(account.clone(), payment).instrument(span));
                }
            }
            tokio::select! {
                // There is capacity again.
                Some(()) = under_way.next() => {}
                () = something_due(&mut changes), if under_way.len() < at_once => {}
                () = self.outbound.egress.stopping.begun() => {}
            }
        }
        while under_way.next().await.is_some() {}
    }

    async fn store_owed(&self) {
        let Outbound { store, egress, .. } = &*self.outbound;
        let mut changes = store.unknown_changes(&self.account);
        while let Some(account) = self.account() {
            changes.mark_unchanged();
            for payment in self.claim(&account, self.lane.at_once()).await {
                let now = egress.clock.now();
                let storing = store_event(&**store, &account, &payment.row, now, &self.stranded);
                if let Err(error) = storing.instrument(span_of(&payment)).await {
                    tracing::error!("an event that is owed could not be stored: {error}");
                    egress.stopping.unless(tokio::time::sleep(OWED_PAUSE)).await;
                    break;
                }
            }
            egress.stopping.unless(something_due(&mut changes)).await;
        }
    }

    async fn claim(&self, account: &Account, room: usize) -> Vec<PaymentView> {
        let (store, lease_ms) = (&self.outbound.store, milliseconds(lease(account)));
        let claim = |due| store.claim_due(&account.name, due, room, lease_ms);
        let claimed = match self.lane {
            Lane::Unknown => claim(Due::InDoubt).await,
            Lane::Unnoticed => claim(Due::Unnoticed).await,
            Lane::Owed => store.owed_events(&account.name, room).await,
        };
        claimed.unwrap_or_else(|error| {
            tracing::error!(
                account = account.name,
                "payments that are due could not be read: {error}"
            );
            Vec::new()
        })
    }

    /// Resolves a payment as the call that it was, if its operation is still in the profile.
    async fn resolve(&self, account: Arc<Account>, payment: PaymentView) {
        let row = &payment.row;
        let (Some(operation), Ok(parameters)) = (
            account.provider.operation(&row.operation),
            parse_object(payment.parameters.as_bytes()),
        ) else {
            return self.stranded.log(&row.id, "operation");
        };
        let limits = self.outbound.limiters.of(&account);
        let call = PreparedCall { account: &account, limits, operation, parameters: &parameters };
        let journalled = self.outbound.journalled(&call, &row.id);
        if let Err(error) = resolve(&journalled, &payment, &self.stranded).await {
            tracing::error!("an unknown outcome could not be resolved: {error}");
        }
    }
}

/// Returns when something may have become due: the store says so, or time has passed.
async fn something_due(changes: &mut watch::Receiver<u64>) {
    // Whether it changed or not: read again.
    let _ = tokio::time::timeout(LOOK_EVERY, changes.changed()).await;
    tokio::time::sleep(GATHER).await;
}

/// Changes within this time are handled together: every accepted payment that expects a notification is one.
const GATHER: Duration = Duration::from_millis(100);

/// The pause after an owed event could not be stored.
const OWED_PAUSE: Duration = Duration::from_secs(10);

/// Log lines about a payment name it, and its traces are linked to the one in which it was made.
fn span_of(payment: &PaymentView) -> Span {
    let row = &payment.row;
    tracing::error_span!(
        "resolve",
        payment = %row.id,
        account = row.account,
        operation = row.operation,
        reference = row.reference,
        trace.link = row.trace,
    )
}

/// Time that a claim needs beyond its query and its resend: four commits and a signature, all fast.
const LEASE_MARGIN: Duration = Duration::from_secs(60);

/// For how long a claimed payment is reserved for this worker: longer than everything done under the claim. A query has
/// its own limit; a resend waits for the rate and then takes no longer than the total time-out.
fn lease(account: &Account) -> Duration {
    let resend = account.limits.max_wait.saturating_add(account.timeouts.total);
    query_limit(account).saturating_add(resend).saturating_add(LEASE_MARGIN)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::config::load_text;

    #[test]
    fn a_claim_outlasts_everything_done_under_it() {
        for (total, max_wait) in [("1s", "0s"), ("30s", "2s"), ("300s", "60s")] {
            let key = crate::config::demo::MERCHANT_PRIVATE_KEY;
            let text = format!(
                "[[account]]\nname = \"shop\"\nprovider = \"bluepay\"\nbase_url = \"http://127.0.0.1:9\"\n\
                 app_id = \"a\"\ntimeouts = {{ connect = \"1s\", total = \"{total}\" }}\n\
                 limits = {{ rate = \"1/s\", max_wait = \"{max_wait}\" }}\n\
                 signing_key = [{{ id = \"k\", private_key = \"\"\"{key}\"\"\" }}]\n"
            );
            let loaded = load_text(&text).unwrap_or_else(|mistakes| panic!("{mistakes:?}"));
            let account = &loaded.snapshot.accounts["shop"];
            let query = Duration::from_secs(20).min(account.timeouts.total);
            let done = query + account.limits.max_wait + account.timeouts.total;
            assert!(lease(account) > done, "a second worker would query while the first resends");
        }
    }
}
