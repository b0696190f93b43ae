//! The names of an account: the one it has, and the ones it had.

use std::collections::BTreeMap;

/// What an account is called, and what it was called before. Everything begun, received or frozen under one of its names
/// is found under all of them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AccountNames {
    pub name: String,
    pub formerly: Vec<String>,
}

impl AccountNames {
    /// Whether the account is or was called `name`.
    pub fn has(&self, name: &str) -> bool {
        self.name == name || self.formerly.iter().any(|old| old == name)
    }
}

/// A process that makes payments, as those beside it see it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RunningSidecar {
    /// Its accounts as of its last reload; `None` when it does not say, or has not yet.
    pub accounts: Option<Vec<AccountNames>>,
}

/// Every name of an account that has several, with the one in use: `known`, as it is when `accounts` are configured. Names
/// that were once said to be an account's stay so, also when the configuration no longer says it; only one that is an account
/// of its own again is taken out.
pub fn joined(
    known: &BTreeMap<String, String>,
    accounts: &[AccountNames],
) -> BTreeMap<String, String> {
    let mut joined = BTreeMap::new();
    let own = |account: &AccountNames| {
        let names = [&account.name].into_iter().chain(&account.formerly).cloned();
        names.collect::<Vec<_>>()
    };
    for account in accounts {
        joined.extend(own(account).into_iter().map(|name| (name, account.name.clone())));
    }
    // A name that no account claims stays with those it was one account with.
    for (name, said) in known {
        if joined.contains_key(name) {
            continue;
        }
        let with = known.iter().filter(|(_, other)| *other == said).map(|(other, _)| other);
        let now = [said].into_iter().chain(with).find_map(|other| joined.get(other).cloned());
        joined.insert(name.clone(), now.unwrap_or_else(|| said.clone()));
    }
    // An account with one name needs no row.
    let names: Vec<String> = joined.values().cloned().collect();
    joined.retain(|_, account| names.iter().filter(|other| *other == account).count() > 1);
    joined
}

/// Those of `accounts` that were another one's former name before, and are accounts of their own now.
pub fn separated(before: &BTreeMap<String, String>, accounts: &[AccountNames]) -> Vec<String> {
    let separate = accounts.iter().filter(|account| {
        let said = before.get(&account.name);
        said.is_some_and(|said| *said != account.name && accounts.iter().any(|it| it.name == *said))
    });
    separate.map(|account| account.name.clone()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn account(name: &str, formerly: &[&str]) -> AccountNames {
        let formerly = formerly.iter().map(|name| (*name).to_owned()).collect();
        AccountNames { name: name.to_owned(), formerly }
    }

    fn after(known: &BTreeMap<String, String>, accounts: &[AccountNames]) -> String {
        let said = joined(known, accounts);
        said.iter().map(|(name, account)| format!("{name}={account} ")).collect()
    }

    #[test]
    fn names_that_were_one_accounts_stay_so_until_one_is_an_account_of_its_own() {
        let nothing = BTreeMap::new();
        assert_eq!(after(&nothing, &[account("a", &[]), account("b", &[])]), "");
        let renamed = joined(&nothing, &[account("b", &["a"])]);
        let same = "a=b b=b ";
        assert_eq!(after(&nothing, &[account("b", &["a"])]), same);
        assert_eq!(after(&renamed, &[account("b", &[])]), same, "no longer said, and still so");
        assert_eq!(after(&renamed, &[account("x", &[])]), same, "taken out, and kept for later");
        assert_eq!(after(&renamed, &[account("a", &[])]), "a=a b=a ", "rolled back");
        assert_eq!(after(&renamed, &[account("c", &["b"])]), "a=c b=c c=c ", "renamed again");
        assert_eq!(after(&renamed, &[account("a", &[]), account("b", &[])]), "", "two accounts");
        let twice = joined(&renamed, &[account("c", &["b"])]);
        let two = [account("b", &[]), account("c", &[])];
        assert_eq!(after(&twice, &two), "a=c c=c ", "what nobody claims stays where it was");
    }
}
