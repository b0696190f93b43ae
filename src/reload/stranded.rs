//! The effect of a configuration on payments that are already in the journal: those in doubt that it no longer
//! queries where they were made, and those of accounts that it does not have.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::config::{Accounts, Snapshot, account_called};
use crate::payment::Place;
use crate::store::{AccountNames, LeftBehind, OpenAt, Standing};

/// The payments that a configuration leaves behind.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Stranding {
    /// By account, in alphabetical order.
    pub stranded: Vec<Stranded>,
    /// Payments of accounts that are not configured.
    pub left_behind: Vec<LeftBehind>,
}

/// Payments in doubt of one account that only the place where they were made, or a person, can resolve.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Stranded {
    pub account: String,
    /// Including payments being sent.
    pub payments: u64,
    /// Payments in doubt now.
    pub in_doubt: u64,
    /// What differs: `profile`, `base_url`, `app_id`, `paths`; `operation` or `account` if it is gone.
    pub differs: String,
}

/// The names of every account, in the form the store uses.
pub fn names_of(snapshot: &Snapshot) -> Vec<AccountNames> {
    let accounts = snapshot.accounts.values();
    let names = accounts.map(|account| AccountNames {
        name: account.name.clone(),
        formerly: account.formerly.clone(),
    });
    names.collect()
}

/// Why a payment is no longer queried where it was made; `None` when it is.
pub fn stranded_by(
    accounts: &Accounts,
    account: &str,
    operation: &str,
    place: Option<Place>,
) -> Option<String> {
    let Some(account) = account_called(accounts, account) else {
        return Some("account".to_owned());
    };
    let Some(here) = account.places.get(operation) else { return Some("operation".to_owned()) };
    let differs = place.map(|place| place.differences(here)).unwrap_or_default();
    (!differs.is_empty()).then_some(differs)
}

impl Stranding {
    /// The effect of `snapshot` on the contents of a store.
    pub fn of(snapshot: &Snapshot, standing: Standing) -> Self {
        Self { stranded: stranded(snapshot, &standing.open), left_behind: standing.left_behind }
    }

    /// In words, one line for each account.
    pub fn lines(&self) -> Vec<String> {
        self.sentences().map(|(.., line)| line).collect()
    }

    /// Logs each line.
    pub fn log(&self) {
        for (account, payments, line) in self.sentences() {
            tracing::warn!(account, payments, "{line}");
        }
    }

    /// Each account, the number of its payments, and the message.
    fn sentences(&self) -> impl Iterator<Item = (&str, u64, String)> {
        let stranded = self.stranded.iter().map(|it| (&*it.account, it.payments, it.sentence()));
        let left = self.left_behind.iter().map(|it| (&*it.account, it.payments, left_behind(it)));
        stranded.chain(left)
    }
}

impl Stranded {
    fn sentence(&self) -> String {
        format!(
            "account {}: {} in doubt or on their way can no longer be resolved ({} differs): they stay unknown until that \
             is back or `countersign payments settle` ends them",
            self.account,
            payments(self.payments),
            self.differs
        )
    }
}

fn left_behind(it: &LeftBehind) -> String {
    let (account, payments, open) = (&it.account, payments(it.payments), it.open);
    match &it.was_part_of {
        None => format!(
            "account {account} is not configured and leaves {payments} behind, {open} of them in doubt or on their way; if \
             it was renamed, list the old name in `formerly`, or a repeated call is made again"
        ),
        Some(other) => format!(
            "account {account} was a former name of {other} and is an account of its own: {payments} under it, {open} of \
             them in doubt or on their way, are no longer {other}'s, and one that is repeated there is made again"
        ),
    }
}

/// Payments that are stranded, by account.
pub fn stranded(snapshot: &Snapshot, open: &[OpenAt]) -> Vec<Stranded> {
    let mut all: BTreeMap<&str, Stranded> = BTreeMap::new();
    for it in open {
        let Some(differs) = stranded_by(&snapshot.accounts, &it.account, &it.operation, it.place)
        else {
            continue;
        };
        let entry = all
            .entry(&it.account)
            .or_insert_with(|| Stranded { account: it.account.clone(), ..Default::default() });
        entry.payments += it.in_doubt + it.on_their_way;
        entry.in_doubt += it.in_doubt;
        for part in differs.split(", ") {
            match entry.differs.as_str() {
                "" => part.clone_into(&mut entry.differs),
                known if known.split(", ").any(|it| it == part) => {}
                known => entry.differs = format!("{known}, {part}"),
            }
        }
    }
    all.into_values().collect()
}

fn payments(count: u64) -> String {
    match count {
        1 => "1 payment".to_owned(),
        more => format!("{more} payments"),
    }
}
