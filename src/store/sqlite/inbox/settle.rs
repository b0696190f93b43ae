//! The end of a claim: delivered, to be tried again, given up, or handed back.

use rusqlite::{OptionalExtension, params};

use super::super::job::Work;
use super::order;
use super::rows::{self, Queued, select_queued};
use crate::store::inbox::steps;
use crate::store::{AttemptRecord, Lease, Settled, Settlement};

/// Ends the claim under `lease` on `date_ms`.
pub(super) fn settle(
    work: &mut Work<'_>,
    lease: &Lease,
    settlement: &Settlement,
    date_ms: i64,
) -> rusqlite::Result<Settled> {
    let found = work.connection.prepare_cached(FIND)?.query_row([lease.id.as_str()], rows::queued);
    let Some(Queued { sequence, account, reference, progress }) = found.optional()? else {
        return Ok(Settled::Superseded);
    };
    if let Some(attempt) = steps::attempt(settlement) {
        record(work, sequence, &attempt)?;
    }
    let earliest = order::earliest(work, &account, reference.as_deref(), sequence)?;
    let now_ms = work.now_ms;
    let stepped =
        steps::settle(progress.clone(), sequence, lease, settlement, earliest, now_ms, date_ms);
    let Some(stepped) = stepped else { return Ok(Settled::Superseded) };
    rows::save(work, sequence, &progress, &stepped)?;
    work.wake(&account);
    Ok(Settled::Done)
}

pub(super) const FIND: &str = concat!(select_queued!(), " WHERE id = ?1");

fn record(work: &Work<'_>, sequence: i64, record: &AttemptRecord) -> rusqlite::Result<()> {
    let AttemptRecord { attempt, error } = record;
    let values =
        params![sequence, attempt.started_at_ms, attempt.duration_ms, attempt.http_status, error];
    work.connection.prepare_cached(RECORD)?.execute(values).map(|_| ())
}

pub(super) const RECORD: &str = "
    INSERT INTO delivery_attempt (sequence, attempt, started_at, duration_ms, http_status, error)
    SELECT ?1, coalesce(max(attempt), 0) + 1, ?2, ?3, ?4, ?5
    FROM delivery_attempt WHERE sequence = ?1";
