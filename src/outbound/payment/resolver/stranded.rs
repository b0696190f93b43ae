//! Payments in doubt that are asked about elsewhere than they were made: counted, and logged once and then seldom.

use std::collections::{BTreeSet, HashMap};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use super::super::super::Outbound;
use crate::reload::{names_of, stranded};
use crate::store::{PaymentId, PaymentRow};

/// How long a payment is not spoken of again.
const SAY_AGAIN: Duration = Duration::from_secs(6 * 3600);

/// Which stranded payments were logged, and when.
#[derive(Default)]
pub struct Said(Mutex<HashMap<PaymentId, Instant>>);

impl Said {
    /// Whether this payment is to be spoken of now.
    fn is_due(&self, id: &PaymentId, now: Instant) -> bool {
        let mut said = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        said.retain(|_, at| now.duration_since(*at) < SAY_AGAIN);
        match said.contains_key(id) {
            true => false,
            false => said.insert(id.clone(), now).is_none(),
        }
    }
}

/// Says that a payment cannot be resolved, because of what `differs`.
pub(super) fn note(outbound: &Outbound, row: &PaymentRow, differs: &str) {
    if outbound.stranded.is_due(&row.id, Instant::now()) {
        tracing::warn!(
            payment = %row.id,
            account = row.account,
            operation = row.operation,
            reference = row.reference,
            "a payment in doubt is stranded ({differs} differs from where it was made): it stays unknown until that \
             is back or `countersign payments settle` ends it"
        );
    }
}

/// Shows how many there are. `shown` are the accounts that were shown before: one that is not configured is shown while
/// it has any.
pub(super) async fn show(outbound: &Outbound, shown: &mut BTreeSet<String>) {
    let snapshot = outbound.live.load();
    let Ok(open) = outbound.store.open_at(&names_of(&snapshot)).await else { return };
    let found = stranded(&snapshot, &open);
    let mut counts: HashMap<&str, u64> = HashMap::new();
    counts.extend(shown.iter().map(|name| (name.as_str(), 0)));
    counts.extend(snapshot.accounts.keys().map(|name| (name.as_str(), 0)));
    counts.extend(found.iter().map(|it| (it.account.as_str(), it.in_doubt)));
    for (account, count) in counts {
        outbound.metrics.set_stranded(account, count);
    }
    *shown = found.into_iter().map(|it| it.account).collect();
}
