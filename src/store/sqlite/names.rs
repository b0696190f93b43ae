//! Accounts that were renamed. Rows keep the name they were written under; this says which names are one account's.

use std::collections::BTreeMap;

use rusqlite::{Connection, params};

use super::job::Work;
use crate::store::AccountNames;
use crate::store::journal::names::{joined, separated};

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

/// Records what accounts are called now; returns those that were another one's former name before.
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
    Ok(separated(&before, accounts))
}

/// Every name of an account that has several, with the one in use.
pub(super) fn all(connection: &Connection) -> rusqlite::Result<BTreeMap<String, String>> {
    let mut statement = connection.prepare_cached("SELECT name, account FROM account_name")?;
    statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?.collect()
}

/// Every name that anything is recorded under, and every other name of those accounts, with the one in use.
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
