//! What a step reads and writes in the writer's transaction, and the steps of many payments at once.

use std::collections::HashMap;
use std::path::Path;

use aws_lc_rs::digest::{SHA256, digest};
use rusqlite::params;

use super::super::inbox::receive;
use super::super::job::Work;
use super::super::{holder, names};
use super::{freeze, load, rows, save};
use crate::store::journal::steps::{self, Changes, Neighbour};
use crate::store::journal::take::{self, Transaction};
use crate::store::{
    Due, Freeze, JournalError, NewEvent, Notification, PaymentId, PaymentRow, PaymentView,
    Received, Recovered,
};

/// Payments looked at by one call of [`recover`].
const RECOVERED_AT_ONCE: usize = 200;

impl Transaction for Work<'_> {
    type Error = rusqlite::Error;

    fn now_ms(&self) -> i64 {
        self.now_ms
    }

    fn refused(error: JournalError) -> rusqlite::Error {
        rusqlite::Error::ToSqlConversionFailure(error.into())
    }

    fn view(&self, id: &PaymentId) -> rusqlite::Result<Option<PaymentView>> {
        load::view(self.connection, id)
    }

    fn latest(
        &self,
        account: &str,
        operation: &str,
        reference: &str,
    ) -> rusqlite::Result<Vec<PaymentView>> {
        load::latest(self.connection, account, operation, reference)
    }

    fn younger(&self, row: &PaymentRow) -> rusqlite::Result<Vec<PaymentRow>> {
        load::rows_of(self.connection, &row.account, load::YOUNGER, |name| {
            (name, &row.operation, &row.reference, row.generation)
        })
    }

    fn is_of_a_sibling(&self, row: &PaymentRow, found: &str) -> rusqlite::Result<bool> {
        let mut statement = self.connection.prepare_cached(load::SIBLING)?;
        for name in names::of(self.connection, &row.account)? {
            if statement.exists(params![name, row.operation, row.reference, found, row.sequence])? {
                return Ok(true);
            }
        }
        Ok(false)
    }

    fn freeze_of(&self, account: &str) -> rusqlite::Result<Option<Freeze>> {
        freeze::of(self.connection, account)
    }

    fn candidates(&self, notice: &Notification) -> rusqlite::Result<Vec<PaymentRow>> {
        let Some((is_by_reference, key)) = load::key(notice) else { return Ok(Vec::new()) };
        let conditions =
            if is_by_reference { load::BY_REFERENCE } else { load::BY_PROVIDER_REFERENCE };
        load::rows_of(self.connection, &notice.account, conditions, |name| {
            (name, &notice.kind, key, load::GENERATIONS_MAX)
        })
    }

    fn neighbours(&self, notice: &Notification) -> rusqlite::Result<Vec<Neighbour>> {
        let mut found = Vec::new();
        let mut stored = self.connection.prepare_cached(load::STORED)?;
        for account in &notice.neighbours {
            for name in names::of(self.connection, account)? {
                let has_event = stored.exists(params![name, notice.dedupe_key])?;
                let payment = load::theirs(self.connection, notice, &name)?;
                found.push(Neighbour { payment, has_event });
            }
        }
        Ok(found)
    }

    fn insert(&mut self, view: PaymentView) -> rusqlite::Result<PaymentView> {
        save::insert(self, view)
    }

    fn receive(&mut self, event: NewEvent) -> rusqlite::Result<Received> {
        let hash = digest(&SHA256, event.param.as_bytes());
        receive::receive(self, &event, hash.as_ref())
    }

    fn keep(&mut self, changes: &Changes) -> rusqlite::Result<()> {
        save::keep(self, changes)
    }
}

/// Hands out payments of `account` that are `due` to `owner`.
pub(super) fn claim(
    work: &mut Work<'_>,
    owner: &str,
    account: &str,
    due: Due,
    limit: usize,
    lease_ms: i64,
) -> rusqlite::Result<Vec<PaymentView>> {
    let limit = limit.min(steps::CLAIM_MAX);
    let values = |name| (name, due.state(), work.now_ms, limit as i64);
    let mut due = load::rows_of(work.connection, account, load::DUE, values)?;
    due.truncate(limit);
    let claim = |row: PaymentRow| {
        let row = steps::claim(&row, owner, lease_ms, work.now_ms);
        save::save_row(work, &row)?;
        rows::view(work.connection, row)
    };
    due.into_iter().map(claim).collect()
}

/// Looks at some payments under way after `from` (a sequence), and says where to go on.
pub(super) fn recover(
    work: &mut Work<'_>,
    store: &Path,
    from: i64,
    now_ms: i64,
) -> rusqlite::Result<(Recovered, Option<i64>)> {
    let under_way = load::rows(work.connection, load::UNDER_WAY, (from, RECOVERED_AT_ONCE as i64))?;
    let is_full = under_way.len() == RECOVERED_AT_ONCE;
    let next = under_way.last().filter(|_| is_full).map(|row| row.sequence);
    Ok((take::recover(work, under_way, living(store), now_ms)?, next))
}

/// Payments in doubt that only a dead process would have queried later are due now, and `owner`'s.
pub(super) fn take_over(
    work: &mut Work<'_>,
    store: &Path,
    owner: &str,
    now_ms: i64,
) -> rusqlite::Result<()> {
    let mut waiting = load::rows(work.connection, load::WAITING, (work.now_ms, owner))?;
    let mut lives = living(store);
    waiting.retain(|row| !lives(&row.owner));
    take::take_over(work, &waiting, owner, now_ms)
}

/// Whether the process of a name lives: looked up once for each.
fn living(store: &Path) -> impl FnMut(&str) -> bool {
    let mut known = HashMap::new();
    move |name| *known.entry(name.to_owned()).or_insert_with(|| holder::lives(store, name))
}
