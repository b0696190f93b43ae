//! Accounts that were renamed. Rows keep the name they were written under; this says which names are one account's.

use std::collections::BTreeMap;

use rusqlite::{Connection, params};

use super::job::Work;
use crate::store::AccountNames;

/// The name in use of the account in the column `$account`: what rows are read with.
macro_rules! current {
    ($account:literal) => {
        concat!(
            "coalesce((SELECT named.account FROM account_name AS named WHERE named.name = ",
            $account,
            "), ",
            $account,
            ")"
        )
    };
}
pub(super) use current;

/// A condition on the column `account` that takes the same name twice: it is one of that account's names.
pub(super) const IS_ONE_OF: &str = "account IN (SELECT ? UNION SELECT name FROM account_name \
     WHERE account = (SELECT account FROM account_name WHERE name = ?))";

/// Every name of the account that is or was called `account`, that one last: what is under the others is older, and little.
pub(super) fn of(connection: &Connection, account: &str) -> rusqlite::Result<Vec<String>> {
    let mut names: Vec<String> = connection
        .prepare_cached(OTHERS)?
        .query_map([account], |row| row.get(0))?
        .collect::<rusqlite::Result<_>>()?;
    names.push(account.to_owned());
    Ok(names)
}

const OTHERS: &str = "
    SELECT name FROM account_name INDEXED BY account_name_account
    WHERE account = (SELECT account FROM account_name WHERE name = ?1) AND name <> ?1";

/// Whether [`know`] has nothing to write.
pub(super) fn are_known(
    connection: &Connection,
    accounts: &[AccountNames],
) -> rusqlite::Result<bool> {
    let known = all(connection)?;
    Ok(joined(&known, accounts) == known)
}

/// Writes down what accounts are called now. Names that were once said to be an account's stay so, also when the
/// configuration no longer says it; only one that is an account of its own again is taken out. Returns those.
pub(super) fn know(
    work: &mut Work<'_>,
    accounts: &[AccountNames],
) -> rusqlite::Result<Vec<String>> {
    let before = all(work.connection)?;
    let after = joined(&before, accounts);
    work.connection.execute("DELETE FROM account_name", [])?;
    let sql = "INSERT INTO account_name (name, account) VALUES (?1, ?2)";
    let mut insert = work.connection.prepare(sql)?;
    for (name, account) in &after {
        insert.execute(params![name, account])?;
    }
    let separate = accounts.iter().filter(|account| {
        let said = before.get(&account.name);
        said.is_some_and(|said| *said != account.name && accounts.iter().any(|it| it.name == *said))
    });
    Ok(separate.map(|account| account.name.clone()).collect())
}

/// Every name of an account that has several, with the one in use.
pub(super) fn all(connection: &Connection) -> rusqlite::Result<BTreeMap<String, String>> {
    let mut statement = connection.prepare_cached("SELECT name, account FROM account_name")?;
    statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?.collect()
}

/// Every name that anything stands under, and every other name of those accounts, with the one in use.
pub(super) fn met(connection: &Connection) -> rusqlite::Result<BTreeMap<String, String>> {
    let mut names = all(connection)?;
    let mut statement = connection.prepare_cached(MET)?;
    for name in statement.query_map([], |row| row.get(0))? {
        let name: String = name?;
        names.entry(name.clone()).or_insert(name);
    }
    Ok(names)
}

/// Payments are many and accounts few: goes from each account to the next one in the index.
const MET: &str = "
    WITH RECURSIVE paid (account) AS (
        SELECT min(account) FROM payment
        UNION ALL
        SELECT (SELECT min(account) FROM payment WHERE account > paid.account) FROM paid
        WHERE paid.account IS NOT NULL
    )
    SELECT account FROM paid WHERE account IS NOT NULL
    UNION SELECT account FROM inbox_count
    UNION SELECT account FROM freeze";

/// `known`, as it is when `accounts` are configured.
pub(super) fn joined(
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
    // What nobody claims stays with whoever it was one account with.
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
