//! What an operator does to events: replay and discard, in steps that are small enough for traffic to get in between.

use rusqlite::types::Value;
use rusqlite::{OptionalExtension, params_from_iter};

use super::super::job::Work;
use super::rows::{self, Queued, select_queued};
use super::{order, steps};
use crate::store::inbox::steps::{Operated, Operation, STEP};
use crate::store::{EventId, Filter, Selection, Tally};

/// What is left to do of a selection.
pub(super) enum Rest {
    Ids(Vec<EventId>),
    /// Events after `after`; up to `last`, so that what arrives meanwhile is left alone.
    Matching {
        filter: Filter,
        after: i64,
        last: Option<i64>,
    },
}

impl Rest {
    pub(super) fn all(selection: Selection) -> Self {
        match selection {
            Selection::Ids(ids) => Self::Ids(ids),
            Selection::Matching(filter) => Self::Matching { filter, after: 0, last: None },
        }
    }
}

/// Changes the next few events and adds them to `tally`; returns what is left.
pub(super) fn some(
    work: &mut Work<'_>,
    rest: Rest,
    operation: &Operation,
    mut tally: Tally,
) -> rusqlite::Result<(Tally, Option<Rest>)> {
    let (sequences, rest) = match rest {
        Rest::Ids(ids) => chosen(work, ids, &mut tally)?,
        Rest::Matching { filter, after, last } => matching(work, filter, after, last)?,
    };
    for sequence in sequences {
        match operate(work, sequence, operation)? {
            Operated::Changed(_) => tally.changed += 1,
            Operated::InFlight => tally.in_flight += 1,
            Operated::Unchanged => tally.unchanged += 1,
        }
    }
    Ok((tally, rest))
}

fn chosen(
    work: &Work<'_>,
    mut ids: Vec<EventId>,
    tally: &mut Tally,
) -> rusqlite::Result<(Vec<i64>, Option<Rest>)> {
    let rest = ids.split_off(ids.len().min(STEP));
    let mut sequences = Vec::with_capacity(ids.len());
    let mut find = work.connection.prepare_cached("SELECT sequence FROM inbox WHERE id = ?1")?;
    for id in ids {
        match find.query_row([id.as_str()], |row| row.get(0)).optional()? {
            Some(sequence) => sequences.push(sequence),
            None => tally.unknown += 1,
        }
    }
    sequences.sort_unstable();
    Ok((sequences, (!rest.is_empty()).then_some(Rest::Ids(rest))))
}

fn matching(
    work: &Work<'_>,
    filter: Filter,
    after: i64,
    last: Option<i64>,
) -> rusqlite::Result<(Vec<i64>, Option<Rest>)> {
    let last = match last {
        Some(last) => last,
        None => work.connection.query_row(
            "SELECT coalesce(max(sequence), 0) FROM inbox",
            [],
            |row| row.get(0),
        )?,
    };
    let (conditions, mut values) = rows::conditions(&filter);
    values.extend([Value::Integer(after), Value::Integer(last)]);
    let sql = format!(
        "SELECT sequence FROM inbox WHERE {conditions} AND sequence > ? AND sequence <= ? \
         ORDER BY sequence LIMIT {STEP}"
    );
    let sequences: Vec<i64> = work
        .connection
        .prepare_cached(&sql)?
        .query_map(params_from_iter(values), |row| row.get(0))?
        .collect::<rusqlite::Result<_>>()?;
    let rest = sequences.last().filter(|_| sequences.len() == STEP);
    let rest = rest.map(|&after| Rest::Matching { filter, after, last: Some(last) });
    Ok((sequences, rest))
}

fn operate(
    work: &mut Work<'_>,
    sequence: i64,
    operation: &Operation,
) -> rusqlite::Result<Operated> {
    let mut find =
        work.connection.prepare_cached(concat!(select_queued!(), " WHERE sequence = ?1"))?;
    let Queued { progress, account, reference, .. } = find.query_row([sequence], rows::queued)?;
    let reference = reference.as_deref();
    let earliest = order::earliest(work, &account, reference, sequence)?;
    let head = match steps::needs_head(sequence, operation, earliest) {
        true => order::head(work, &account, reference, sequence)?,
        false => None,
    };
    let now_ms = work.now_ms;
    let operated = steps::operate(progress.clone(), sequence, operation, earliest, head, now_ms);
    if let Operated::Changed(stepped) = &operated {
        rows::save(work, sequence, &progress, stepped)?;
        work.wake(&account);
    }
    Ok(operated)
}
