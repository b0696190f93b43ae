//! One transaction for many jobs: each undoes at most itself, and all are committed together.

use std::collections::BTreeSet;

use rusqlite::Connection;

use super::failure;
use super::job::{Job, Work};
use super::time::StoreTime;
use crate::store::StoreError;

pub(super) fn run_all(
    connection: &Connection,
    batch: &mut [Box<dyn Job>],
    time: &StoreTime,
    woken: &mut BTreeSet<String>,
) -> Result<Vec<Result<(), StoreError>>, Failed> {
    execute(connection, "BEGIN IMMEDIATE")?;
    let mut outcomes = Vec::with_capacity(batch.len());
    for job in batch {
        outcomes.push(run_one(connection, job.as_mut(), time, woken)?);
    }
    execute(connection, "COMMIT").map_err(Failed::Commit)?;
    Ok(outcomes)
}

/// Where a transaction failed.
pub(super) enum Failed {
    /// Before COMMIT: nothing of it can ever be valid.
    Before(rusqlite::Error),
    /// In COMMIT: all of it may be in the log.
    Commit(rusqlite::Error),
}

impl From<rusqlite::Error> for Failed {
    fn from(error: rusqlite::Error) -> Self {
        Self::Before(error)
    }
}

/// Runs one job so that its own failure undoes only what it did itself.
fn run_one(
    connection: &Connection,
    job: &mut dyn Job,
    time: &StoreTime,
    woken: &mut BTreeSet<String>,
) -> rusqlite::Result<Result<(), StoreError>> {
    execute(connection, "SAVEPOINT job")?;
    let outcome = match job.run(&mut Work::new(connection, time, woken)) {
        Ok(()) => Ok(()),
        Err(error) if failure::concerns_everyone(&error) || connection.is_autocommit() => {
            return Err(error);
        }
        Err(error) => {
            execute(connection, "ROLLBACK TO job")?;
            Err(failure::explain(&error))
        }
    };
    execute(connection, "RELEASE job")?;
    Ok(outcome)
}

pub(super) fn execute(connection: &Connection, sql: &str) -> rusqlite::Result<()> {
    connection.prepare_cached(sql)?.execute([]).map(|_| ())
}
