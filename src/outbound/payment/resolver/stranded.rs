//! Payments in doubt that would be queried at a different place from the one where they were made: counted, and logged
//! once, then rarely.

use std::collections::{BTreeSet, HashMap};
use std::time::Duration;

use parking_lot::Mutex;
use tokio::time::Instant;

use crate::clock::instant;
use crate::config::Snapshot;
use crate::metrics::Metrics;
use crate::reload::{names_of, stranded};
use crate::store::{PaymentId, Store};

/// How long until a payment is logged again.
const LOG_AGAIN: Duration = Duration::from_secs(6 * 3600);

/// Which payments that cannot be resolved were logged, and when.
#[derive(Default)]
pub(super) struct Logged(Mutex<HashMap<PaymentId, Instant>>);

impl Logged {
    /// Logs, within the span of its resolution, that payment `id` cannot be resolved because of what `differs`.
    pub fn log(&self, id: &PaymentId, differs: &str) {
        if self.is_due(id) {
            tracing::warn!(
                "a payment in doubt is stranded ({differs} differs from where it was made): it stays unknown until that \
                 is back or `countersign payments settle` ends it"
            );
        }
    }

    /// Whether this payment is to be logged now.
    pub fn is_due(&self, id: &PaymentId) -> bool {
        let now = instant();
        let mut logged = self.0.lock();
        logged.retain(|_, at| now.duration_since(*at) < LOG_AGAIN);
        match logged.contains_key(id) {
            true => false,
            false => logged.insert(id.clone(), now).is_none(),
        }
    }
}

/// Shows how many there are. `shown` are the accounts that were shown before: an account that is no longer configured
/// is shown while it has any.
pub(super) async fn show(
    snapshot: &Snapshot,
    store: &dyn Store,
    metrics: &Metrics,
    shown: &mut BTreeSet<String>,
) {
    let Ok(open) = store.open_at(&names_of(snapshot)).await else { return };
    let found = stranded(snapshot, &open);
    let mut counts: HashMap<&str, u64> = HashMap::new();
    counts.extend(shown.iter().map(|name| (name.as_str(), 0)));
    counts.extend(snapshot.accounts.keys().map(|name| (name.as_str(), 0)));
    counts.extend(found.iter().map(|it| (it.account.as_str(), it.in_doubt)));
    for (account, count) in counts {
        metrics.set_stranded(account, count);
    }
    *shown = found.into_iter().map(|it| it.account).collect();
}
