//! What an operator does to events: replay and discard, in steps that are small enough for traffic to get in between.

use rusqlite::types::Value;
use rusqlite::{OptionalExtension, params, params_from_iter};

use super::super::job::Work;
use super::order;
use super::rows;
use crate::store::{EventId, EventState, Filter, Selection, Tally};

/// Events changed in one call.
const STEP: usize = 200;

#[derive(Clone)]
pub(super) enum Change {
    Replay,
    /// `now_ms` is the wall clock's.
    Discard {
        reason: String,
        now_ms: i64,
    },
}

/// What is left to do of a selection.
pub(super) enum Steps {
    Ids(Vec<EventId>),
    /// Events after `after`; up to `last`, so that what arrives meanwhile is left alone.
    Matching {
        filter: Filter,
        after: i64,
        last: Option<i64>,
    },
}

impl Steps {
    pub(super) fn new(selection: Selection) -> Self {
        match selection {
            Selection::Ids(ids) => Self::Ids(ids),
            Selection::Matching(filter) => Self::Matching { filter, after: 0, last: None },
        }
    }
}

/// Changes the next few events; returns what is left.
pub(super) fn step(
    work: &mut Work<'_>,
    steps: Steps,
    change: &Change,
) -> rusqlite::Result<(Tally, Option<Steps>)> {
    let mut tally = Tally::default();
    let (sequences, rest) = match steps {
        Steps::Ids(ids) => chosen(work, ids, &mut tally)?,
        Steps::Matching { filter, after, last } => matching(work, filter, after, last)?,
    };
    for sequence in sequences {
        match change_one(work, sequence, change)? {
            Outcome::Changed => tally.changed += 1,
            Outcome::InFlight => tally.in_flight += 1,
            Outcome::Unchanged => tally.unchanged += 1,
        }
    }
    Ok((tally, rest))
}

fn chosen(
    work: &Work<'_>,
    mut ids: Vec<EventId>,
    tally: &mut Tally,
) -> rusqlite::Result<(Vec<i64>, Option<Steps>)> {
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
    Ok((sequences, (!rest.is_empty()).then_some(Steps::Ids(rest))))
}

fn matching(
    work: &Work<'_>,
    filter: Filter,
    after: i64,
    last: Option<i64>,
) -> rusqlite::Result<(Vec<i64>, Option<Steps>)> {
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
    let rest = match sequences.last() {
        Some(&after) if sequences.len() == STEP => {
            Some(Steps::Matching { filter, after, last: Some(last) })
        }
        _ => None,
    };
    Ok((sequences, rest))
}

enum Outcome {
    Changed,
    InFlight,
    Unchanged,
}

struct Target {
    sequence: i64,
    account: String,
    reference: Option<String>,
    state: EventState,
    next_attempt_at: Option<i64>,
    claimed: bool,
}

fn change_one(work: &mut Work<'_>, sequence: i64, change: &Change) -> rusqlite::Result<Outcome> {
    let target = target(work, sequence)?;
    if target.claimed && target.next_attempt_at.is_some_and(|until| until > work.now_ms) {
        return Ok(Outcome::InFlight);
    }
    let outcome = match change {
        Change::Replay if target.state.is_open() => bring_forward(work, &target)?,
        Change::Replay => reopen(work, &target)?,
        Change::Discard { reason, now_ms } => discard(work, &target, reason, *now_ms)?,
    };
    if matches!(outcome, Outcome::Changed) {
        work.wake(&target.account);
    }
    Ok(outcome)
}

fn target(work: &Work<'_>, sequence: i64) -> rusqlite::Result<Target> {
    let sql = "SELECT account, reference, state, next_attempt_at, lease IS NOT NULL \
               FROM inbox WHERE sequence = ?1";
    work.connection.prepare_cached(sql)?.query_row([sequence], |row| {
        Ok(Target {
            sequence,
            account: row.get(0)?,
            reference: row.get(1)?,
            state: rows::state(row, 2)?,
            next_attempt_at: row.get(3)?,
            claimed: row.get(4)?,
        })
    })
}

/// An open event that only waits for its time is tried at once.
fn bring_forward(work: &mut Work<'_>, target: &Target) -> rusqlite::Result<Outcome> {
    if target.next_attempt_at.is_none_or(|at| at <= work.now_ms) {
        return Ok(Outcome::Unchanged);
    }
    work.connection
        .prepare_cached("UPDATE inbox SET next_attempt_at = ?2 WHERE sequence = ?1")?
        .execute(params![target.sequence, work.now_ms])?;
    Ok(Outcome::Changed)
}

fn reopen(work: &mut Work<'_>, target: &Target) -> rusqlite::Result<Outcome> {
    let reference = target.reference.as_deref();
    let leads = order::take_the_lead(work, &target.account, reference, target.sequence)?;
    work.connection
        .prepare_cached(REOPEN)?
        .execute(params![target.sequence, leads.then_some(work.now_ms)])?;
    Ok(Outcome::Changed)
}

const REOPEN: &str = "
    UPDATE inbox SET state = 'pending', replays = replays + 1, attempts = 0, first_attempt_at = NULL,
        next_attempt_at = ?2, closed_at = NULL, closed_tick = NULL, discard_reason = NULL
    WHERE sequence = ?1";

fn discard(
    work: &mut Work<'_>,
    target: &Target,
    reason: &str,
    now_ms: i64,
) -> rusqlite::Result<Outcome> {
    match target.state {
        EventState::Delivered | EventState::Discarded => return Ok(Outcome::Unchanged),
        EventState::Pending | EventState::Retrying | EventState::Dead => {}
    }
    work.connection.prepare_cached(DISCARD)?.execute(params![
        target.sequence,
        now_ms,
        reason,
        work.now_ms
    ])?;
    if target.next_attempt_at.is_some() {
        order::promote_next(work, &target.account, target.reference.as_deref())?;
    }
    Ok(Outcome::Changed)
}

const DISCARD: &str = "
    UPDATE inbox SET state = 'discarded', lease = NULL, next_attempt_at = NULL, closed_at = ?2,
        closed_tick = ?4, discard_reason = ?3
    WHERE sequence = ?1";
