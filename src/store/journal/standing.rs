//! What of the journal depends on the configuration: payments that are not over, by where they were made, and payments of
//! accounts that are not configured.

use serde::Serialize;

use std::collections::BTreeMap;

use super::AccountNames;
use super::names::joined;
use crate::payment::Place;

/// Payments of one account and operation that are not over and may have left, made at one place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OpenAt {
    /// As it is configured, whatever it was called when they were begun.
    pub account: String,
    pub operation: String,
    /// `None` for payments from before places were recorded, until they are queried.
    pub place: Option<Place>,
    /// It is not known whether they happened.
    pub in_doubt: u64,
    /// On their way for the first time.
    pub on_their_way: u64,
}

/// Payments of an account that is not configured, and that none names as its former one; or of a former name that is
/// configured as an account of its own, so that they are no longer its account's. Its member names are printed.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct LeftBehind {
    pub account: String,
    /// The account that it was a former name of, and that is configured too.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub was_part_of: Option<String>,
    /// All that are kept.
    pub payments: u64,
    /// Those of them that are in doubt or on their way.
    pub open: u64,
}

/// Both.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Standing {
    pub open: Vec<OpenAt>,
    pub left_behind: Vec<LeftBehind>,
}

impl Standing {
    /// What the store holds for the configured `accounts`. `known` is what the store says of names, `names` are those that payments
    /// are recorded under, and `kept` counts the payments under a name: all of them, and those that are not over.
    pub fn of<E>(
        accounts: &[AccountNames],
        known: &BTreeMap<String, String>,
        open: Vec<OpenAt>,
        names: Vec<String>,
        kept: impl Fn(&str) -> Result<(u64, u64), E>,
    ) -> Result<Self, E> {
        let is_account = |name: &str| accounts.iter().any(|account| account.name == name);
        let current = joined(known, accounts);
        let mut left: BTreeMap<&str, LeftBehind> = BTreeMap::new();
        for name in &names {
            let account = current.get(name).unwrap_or(name);
            if is_account(account) {
                continue;
            }
            let its = open.iter().filter(|open| open.account == *account);
            let entry = left.entry(account).or_default();
            entry.account.clone_from(account);
            entry.payments += kept(name)?.0;
            entry.open = its.map(|open| open.in_doubt + open.on_their_way).sum();
        }
        let mut left_behind: Vec<LeftBehind> = left.into_values().collect();
        // Payments under the former name of an account that become those of an account of its own.
        for (name, said) in known.iter().filter(|(name, said)| name != said) {
            if !is_account(name) || !is_account(said) {
                continue;
            }
            let (payments, open) = kept(name)?;
            if payments > 0 {
                let (account, was_part_of) = (name.clone(), Some(said.clone()));
                left_behind.push(LeftBehind { account, was_part_of, payments, open });
            }
        }
        Ok(Self { open, left_behind })
    }
}
