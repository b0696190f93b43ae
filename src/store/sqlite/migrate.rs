//! Brings a database file to the schema this program knows: numbered SQL files, one transaction each.
//!
//! The version is SQLite's `user_version`. `application_id` marks the file as ours, so that no other program's database
//! is ever altered by a wrong path in the configuration.

use std::path::Path;

use rusqlite::{Connection, Transaction, TransactionBehavior};

use super::failure;
use crate::store::StoreError;

/// The schema, oldest first; the first entry makes version 1. Entries are only ever added.
pub(super) const MIGRATIONS: &[&str] = &[
    include_str!("migrations/0001_inbox.sql"),
    include_str!("migrations/0002_journal.sql"),
    include_str!("migrations/0003_trace.sql"),
    include_str!("migrations/0004_owed.sql"),
    include_str!("migrations/0005_place.sql"),
    include_str!("migrations/0006_time.sql"),
    include_str!("migrations/0007_conflicts.sql"),
];

/// "CSgn".
const APPLICATION_ID: i64 = 0x4353_676e;

/// Whether the file lacks any of `migrations`. Refuses one that is another program's or a later version's. Only looks.
pub(super) fn is_behind(
    connection: &Connection,
    path: &Path,
    migrations: &[&str],
) -> Result<bool, StoreError> {
    version(connection, path, migrations).map(|version| version < migrations.len())
}

/// Applies what is missing of `migrations`. Two processes may do this at the same time.
pub(super) fn migrate(
    connection: &mut Connection,
    path: &Path,
    migrations: &[&str],
) -> Result<(), StoreError> {
    loop {
        let transaction = connection
            .transaction_with_behavior(TransactionBehavior::Immediate)
            .map_err(|error| failure::explain(&error))?;
        let version = version(&transaction, path, migrations)?;
        let Some(sql) = migrations.get(version) else { return Ok(()) };
        apply(transaction, sql, version + 1).map_err(|error| failure::explain(&error))?;
        let store = path.display();
        tracing::info!(%store, version = version + 1, "store schema brought up to date");
    }
}

/// The file's version, 0 for an empty file, at most the number of `migrations`.
pub(super) fn version(
    connection: &Connection,
    path: &Path,
    migrations: &[&str],
) -> Result<usize, StoreError> {
    let number = |sql| {
        let read = connection.query_row(sql, [], |row| row.get::<_, i64>(0));
        read.map_err(|error| failure::explain(&error))
    };
    let tables = number("SELECT count(*) FROM sqlite_schema")?;
    if tables > 0 && number("PRAGMA application_id")? != APPLICATION_ID {
        let problem = "is a database of another program, expected a store of countersign";
        return Err(failure::cannot_open(path, problem));
    }
    let found = number("PRAGMA user_version")?;
    let version = usize::try_from(found).ok().filter(|version| *version <= migrations.len());
    version.ok_or_else(|| {
        let known = i64::try_from(migrations.len()).unwrap_or(i64::MAX);
        StoreError::Newer { store: path.display().to_string(), found, known }
    })
}

fn apply(transaction: Transaction<'_>, sql: &str, version: usize) -> rusqlite::Result<()> {
    transaction.execute_batch(sql)?;
    transaction.pragma_update(None, "application_id", APPLICATION_ID)?;
    transaction.pragma_update(None, "user_version", i64::try_from(version).unwrap_or(i64::MAX))?;
    transaction.commit()
}
