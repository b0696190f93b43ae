//! Removed accounts and keys that are still in the metrics: calls that began earlier may take a while.

use std::time::Duration;

use tokio::time::Instant;

use super::changes::{Changes, keys_of};
use crate::clock::{instant, later};
use crate::config::{Account, Snapshot};
use crate::metrics::Metrics;
use crate::sign::KeyUse;

/// Added to the longest time that a call or a delivery may take.
const MARGIN: Duration = Duration::from_secs(15);

/// Accounts and keys that were removed, until nothing can use them any more.
#[derive(Default)]
pub(super) struct Retired(Vec<Leaving>);

struct Leaving {
    account: String,
    /// A key of a remaining account; `None` for the whole account.
    key: Option<(String, KeyUse)>,
    due: Instant,
}

impl Retired {
    /// Records what `changes` removed from `before`.
    pub fn note(&mut self, changes: &Changes, before: &Snapshot) {
        let now = instant();
        let due =
            |name: &str| later(now, before.accounts.get(name).map_or(MARGIN, |it| longest(it)));
        let accounts = changes.removed.iter().map(|account| (account, None));
        let keys = changes.keys.iter().filter(|key| key.after.is_none());
        let keys = keys.map(|key| (&key.account, Some((key.id.clone(), key.usage))));
        for (account, key) in accounts.chain(keys) {
            self.leaves(account.clone(), key, due(account));
        }
    }

    /// If something was removed, came back and is removed again, the later time counts.
    fn leaves(&mut self, account: String, key: Option<(String, KeyUse)>, due: Instant) {
        let mut known = self.0.iter_mut();
        match known.find(|leaving| leaving.account == account && leaving.key == key) {
            Some(leaving) => leaving.due = leaving.due.max(due),
            None => self.0.push(Leaving { account, key, due }),
        }
    }

    /// Forgets what is due and not in `snapshot` again.
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
                (Some((id, usage)), Some(account))
                    if !keys_of(account, *usage).contains_key(id.as_str()) =>
                {
                    metrics.forget_key(&leaving.account, id, *usage);
                }
                _ => {}
            }
        }
    }
}

fn longest(account: &Account) -> Duration {
    let delivery = account.delivery.as_ref().map(|delivery| delivery.timeouts.total);
    account.timeouts.total.max(delivery.unwrap_or_default()).saturating_add(MARGIN)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{demo, load_text};

    fn snapshot(account: &str, keys: &[&str]) -> Snapshot {
        let keys: Vec<String> = keys
            .iter()
            .map(|id| {
                let key = demo::MERCHANT_PRIVATE_KEY;
                format!("[[account.signing_key]]\nid = \"{id}\"\nprivate_key = '''{key}'''\n")
            })
            .collect();
        let text = format!(
            "[[account]]\nname = \"{account}\"\nprovider = \"bluepay\"\napp_id = \"a\"\n\
             base_url = \"http://127.0.0.1:9\"\n{}",
            keys.concat()
        );
        load_text(&text).unwrap_or_else(|mistakes| panic!("{mistakes:?}")).snapshot
    }

    fn series(metrics: &Metrics, part: &str) -> usize {
        let text = String::from_utf8(metrics.render()).expect("text");
        text.lines().filter(|line| line.contains(part)).count()
    }

    /// What is left when the time of everything that `before` had and `after` lacks is over.
    fn forgotten(before: &Snapshot, after: &Snapshot, then: &Snapshot) -> std::sync::Arc<Metrics> {
        let metrics = Metrics::new("0", "0");
        super::super::announce(&metrics, before);
        let mut retired = Retired::default();
        retired.note(&Changes::between(before, after), before);
        let now = instant();
        retired.forget_due(after, now, &metrics, &|_| panic!("calls may still be in progress"));
        let later = now + Duration::from_secs(3600);
        retired.forget_due(then, later, &metrics, &|_| {});
        metrics
    }

    #[test]
    fn a_removed_account_is_forgotten_after_its_last_possible_call() {
        let (shop, other) = (snapshot("shop", &["k"]), snapshot("other", &["k"]));
        assert_eq!(series(&forgotten(&shop, &other, &other), "account=\"shop\""), 0);
        let back = forgotten(&shop, &other, &shop);
        assert!(series(&back, "account=\"shop\"") > 0, "it came back in the meantime");
    }

    #[test]
    fn an_account_removed_twice_is_forgotten_only_after_the_second_time() {
        let (shop, other) = (snapshot("shop", &["k"]), snapshot("other", &["k"]));
        let mut retired = Retired::default();
        retired.note(&Changes::between(&shop, &other), &shop);
        let first_due = retired.0[0].due;
        retired.note(&Changes::between(&other, &shop), &other);
        retired.note(&Changes::between(&shop, &other), &shop);
        let metrics = Metrics::new("0", "0");
        super::super::announce(&metrics, &shop);
        retired.forget_due(&other, first_due, &metrics, &|_| panic!("calls may be in progress"));
        assert!(series(&metrics, "account=\"shop\"") > 0);
    }

    #[test]
    fn a_removed_key_is_forgotten_but_its_account_is_not() {
        let (both, one) = (snapshot("shop", &["old", "new"]), snapshot("shop", &["new"]));
        let metrics = forgotten(&both, &one, &one);
        assert_eq!(series(&metrics, "key_id=\"old\""), 0);
        assert!(series(&metrics, "key_id=\"new\"") > 0);
    }
}
