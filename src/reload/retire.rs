//! What is gone from the configuration and still in the metrics: calls that began before may take a while.

use std::time::{Duration, Instant};

use super::changes::Changes;
use crate::config::{Account, Snapshot};
use crate::metrics::{KeyUse, Metrics};

/// Beyond the longest that a call or a delivery may take.
const MARGIN: Duration = Duration::from_secs(15);

/// Accounts and keys that were removed, until nothing can use them any more.
#[derive(Default)]
pub(super) struct Retired(Vec<Leaving>);

struct Leaving {
    account: String,
    /// A key of an account that stays; the whole account without.
    key: Option<(String, KeyUse)>,
    due: Instant,
}

impl Retired {
    /// Notes what `changes` took away from `before`.
    pub fn note(&mut self, changes: &Changes, before: &Snapshot) {
        let now = Instant::now();
        let due = |name: &str| now + before.accounts.get(name).map_or(MARGIN, |it| longest(it));
        let accounts = changes.removed.iter().map(|account| (account, None));
        let keys = changes.keys.iter().filter(|key| key.after.is_none());
        let keys = keys.map(|key| (&key.account, Some((key.id.clone(), key.usage))));
        let leaving = accounts.chain(keys).map(|(account, key)| Leaving {
            account: account.clone(),
            key,
            due: due(account),
        });
        self.0.extend(leaving);
    }

    /// Forgets what is due and not back in `snapshot`.
    pub fn forget_due(
        &mut self,
        snapshot: &Snapshot,
        now: Instant,
        metrics: &Metrics,
        forget: &(dyn Fn(&str) + Send + Sync),
    ) {
        for leaving in self.0.extract_if(.., |leaving| leaving.due <= now) {
            let account = snapshot.accounts.get(&leaving.account);
            match (&leaving.key, account) {
                (None, None) => {
                    forget(&leaving.account);
                    metrics.forget_account(&leaving.account);
                }
                (Some((id, usage)), Some(account)) if !has_key(account, id, *usage) => {
                    metrics.forget_key(&leaving.account, id, *usage);
                }
                _ => {}
            }
        }
    }
}

fn longest(account: &Account) -> Duration {
    let delivery = account.delivery.as_ref().map(|delivery| delivery.timeouts.total);
    account.timeouts.total.max(delivery.unwrap_or_default()) + MARGIN
}

fn has_key(account: &Account, id: &str, usage: KeyUse) -> bool {
    match usage {
        KeyUse::Sign => account.signing_keys.keys().iter().any(|key| key.id == id),
        KeyUse::Verify => account.provider_keys.iter().any(|key| key.id == id),
    }
}
