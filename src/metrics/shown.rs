//! Which series are shown: those of accounts and keys that are configured.
//!
//! What is no longer configured is left out of the exposition and not removed. Calls that are still under way hold on to
//! their handles, and one of them would otherwise bring a removed series back, or an account that returns would find its
//! limits counting into handles that belong to no series any more. An account that is left out keeps about 100 KB.

use std::collections::{HashMap, HashSet};
use std::sync::{PoisonError, RwLock};

use prometheus::proto::{LabelPair, MetricFamily};

use super::KeyUse;

/// What is and what is no longer configured.
#[derive(Default)]
pub(super) struct Shown(RwLock<Known>);

#[derive(Default)]
struct Known {
    accounts_gone: HashSet<String>,
    /// The loaded keys of every account.
    keys: HashMap<String, Vec<(String, KeyUse)>>,
}

impl Shown {
    pub fn add_account(&self, account: &str) {
        self.write(|known| known.accounts_gone.remove(account));
    }

    pub fn forget_account(&self, account: &str) {
        self.write(|known| known.accounts_gone.insert(account.to_owned()));
    }

    /// From now on these are all the keys the account has.
    pub fn set_keys(&self, account: &str, keys: Vec<(String, KeyUse)>) {
        self.write(|known| known.keys.insert(account.to_owned(), keys));
    }

    /// Takes out what is not to be shown, and families of which nothing is left.
    pub fn filter(&self, families: &mut Vec<MetricFamily>) {
        let known = self.0.read().unwrap_or_else(PoisonError::into_inner);
        for family in families.iter_mut() {
            let metrics = family.take_metric();
            let shown = metrics.into_iter().filter(|metric| known.shows(metric.get_label()));
            family.set_metric(shown.collect());
        }
        families.retain(|family| !family.get_metric().is_empty());
    }

    fn write<T>(&self, change: impl FnOnce(&mut Known) -> T) {
        change(&mut self.0.write().unwrap_or_else(PoisonError::into_inner));
    }
}

impl Known {
    fn shows(&self, labels: &[LabelPair]) -> bool {
        let label =
            |name: &str| labels.iter().find(|pair| pair.name() == name).map(LabelPair::value);
        let Some(account) = label("account") else { return true };
        if self.accounts_gone.contains(account) {
            return false;
        }
        let (Some(key_id), Some(keys)) = (label("key_id"), self.keys.get(account)) else {
            return true;
        };
        let usage = label("use");
        let is_it = |(id, known): &(String, KeyUse)| {
            id == key_id && usage.is_none_or(|usage| known.as_str() == usage)
        };
        keys.iter().any(is_it)
    }
}
