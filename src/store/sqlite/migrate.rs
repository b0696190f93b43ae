//! Brings a database file to the schema this program knows: numbered SQL files, one transaction each.
//!
//! The version is SQLite's `user_version`. `application_id` marks the file as ours, so that no other program's database
//! is ever altered by a wrong path in the configuration.

use std::path::Path;

use rusqlite::{Connection, Transaction, TransactionBehavior};

use super::failure;
use crate::store::StoreError;

/// The schema, oldest first; the first entry makes version 1. Entries are only ever added.
pub(super) const MIGRATIONS: &[&str] = &[include_str!("migrations/0001_inbox.sql")];

/// "CSgn".
const APPLICATION_ID: i64 = 0x4353_676e;

/// Applies what is missing of `migrations`. Two processes may do this at the same time.
pub(super) fn migrate(
    connection: &mut Connection,
    path: &Path,
    migrations: &[&str],
) -> Result<(), StoreError> {
    let known = i64::try_from(migrations.len()).unwrap_or(i64::MAX);
    loop {
        let transaction = connection
            .transaction_with_behavior(TransactionBehavior::Immediate)
            .map_err(|error| failure::explain(&error))?;
        let version = version(&transaction, path).map_err(|error| failure::explain(&error))??;
        if version > known {
            return Err(StoreError::Newer { path: path.to_owned(), found: version, known });
        }
        let next = usize::try_from(version).ok().and_then(|version| migrations.get(version));
        let Some(sql) = next else { return Ok(()) };
        apply(transaction, sql, version + 1).map_err(|error| failure::explain(&error))?;
        tracing::info!(store = %path.display(), version = version + 1, "store schema brought up to date");
    }
}

/// The file's version, 0 for an empty file; an error if the file is another program's.
fn version(
    transaction: &Transaction<'_>,
    path: &Path,
) -> rusqlite::Result<Result<i64, StoreError>> {
    let number = |sql| transaction.query_row(sql, [], |row| row.get::<_, i64>(0));
    let tables = number("SELECT count(*) FROM sqlite_schema")?;
    if tables > 0 && number("PRAGMA application_id")? != APPLICATION_ID {
        let problem = "is a database of another program, expected a store of countersign".into();
        return Ok(Err(StoreError::CannotOpen { path: path.to_owned(), problem }));
    }
    Ok(Ok(number("PRAGMA user_version")?))
}

fn apply(transaction: Transaction<'_>, sql: &str, version: i64) -> rusqlite::Result<()> {
    transaction.execute_batch(sql)?;
    transaction.pragma_update(None, "application_id", APPLICATION_ID)?;
    transaction.pragma_update(None, "user_version", version)?;
    transaction.commit()
}
