//! Steps in the writer's transaction: what they look at is loaded, what they come to is saved.

use std::collections::HashMap;
use std::path::Path;

use rusqlite::Connection;

use super::super::holder;
use super::super::job::Work;
use super::save::{insert, receive_event, save, save_row};
use super::{freeze, load, rows};
use crate::store::journal::steps::{self, Changes, Facts};
use crate::store::{
    Begun, Due, JournalError, NewPayment, Noticed, Notification, NotificationEvent, PaymentId,
    PaymentRow, PaymentView, Received, Recovered, Step, Unsent,
};

/// Payments looked at by one call of [`recover`].
const RECOVERED_AT_ONCE: usize = 200;

/// What a step within the transaction comes to. The inner error changes nothing.
type Taken<T> = rusqlite::Result<Result<T, JournalError>>;

/// Lets one payment take `step`. `owner` is this process, if the step is its to take.
pub(super) fn take(
    work: &mut Work<'_>,
    id: &PaymentId,
    step: &Step,
    owner: Option<String>,
) -> Taken<PaymentView> {
    let Some(view) = load::view(work.connection, id)? else {
        return Ok(Err(JournalError::NoSuchPayment(id.clone())));
    };
    let facts = facts(work.connection, &view.row, step, owner)?;
    match steps::decide(step, &view, facts, work.now_ms) {
        Ok(Some(changes)) => finish(work, view, changes).map(Ok),
        Ok(None) => Ok(Ok(view)),
        Err(error) => Ok(Err(error)),
    }
}

fn facts(
    connection: &Connection,
    row: &PaymentRow,
    step: &Step,
    owner: Option<String>,
) -> rusqlite::Result<Facts> {
    Ok(Facts {
        younger: load::younger(connection, row)?,
        is_of_a_sibling: match step {
            Step::Queried { answer, .. } => load::is_of_a_sibling(connection, row, answer)?,
            _ => false,
        },
        freeze: match step {
            Step::AboutToSend { .. } => freeze::of(connection, &row.account)?,
            _ => None,
        },
        owner,
    })
}

fn finish(
    work: &mut Work<'_>,
    before: PaymentView,
    mut changes: Changes,
) -> rusqlite::Result<PaymentView> {
    save(work, &mut changes)?;
    Ok(changes.into_view(before))
}

/// Writes the payment down for `owner`, unless its reference is taken or its account frozen.
pub(super) fn begin(work: &mut Work<'_>, new: &NewPayment, owner: &str) -> rusqlite::Result<Begun> {
    let connection = work.connection;
    let latest = load::latest(connection, &new.account, &new.operation, &new.reference)?;
    let freeze = freeze::of(connection, &new.account)?;
    match steps::begin(new, latest, freeze, owner, work.now_ms) {
        Begun::Fresh(view) => insert(work, view).map(Begun::Fresh),
        other @ (Begun::Known(_) | Begun::Reused(_) | Begun::Frozen(_)) => Ok(other),
    }
}

/// The same, and the first attempt is announced with it.
pub(super) fn begin_sending(
    work: &mut Work<'_>,
    new: &NewPayment,
    owner: &str,
) -> rusqlite::Result<Begun> {
    let view = match begin(work, new, owner)? {
        Begun::Fresh(view) => view,
        other @ (Begun::Known(_) | Begun::Reused(_) | Begun::Frozen(_)) => return Ok(other),
    };
    match steps::first_attempt(&view.row, work.at(new.now_ms)) {
        Ok(Some(changes)) => finish(work, view, changes).map(Begun::Fresh),
        Ok(None) => Ok(Begun::Fresh(view)),
        // A payment that was only written down may be sent.
        Err(error) => Err(rusqlite::Error::ToSqlConversionFailure(error.into())),
    }
}

/// Settles a call that never left, and owes its event. `None` when there is nothing to settle or to tell.
pub(super) fn end_unsent(
    work: &mut Work<'_>,
    unsent: &Unsent,
    reason: &str,
    owner: &str,
    now_ms: i64,
) -> Taken<Option<PaymentView>> {
    let connection = work.connection;
    let known = |id| load::view(connection, id);
    let view = match unsent {
        Unsent::Begun(id) => known(id)?,
        Unsent::MaybeBegun(new) => match known(&new.id)? {
            Some(view) => Some(view),
            None => begin_late(work, new, owner)?,
        },
    };
    let Some(view) = view else { return Ok(Ok(None)) };
    match steps::end_unsent(&view.row, reason, work.at(now_ms)) {
        Ok(Some(changes)) => finish(work, view, changes).map(|view| Ok(Some(view))),
        Ok(None) => Ok(Ok(None)),
        Err(error) => Ok(Err(error)),
    }
}

/// As it was to be begun, where its reference was not used since.
fn begin_late(
    work: &mut Work<'_>,
    new: &NewPayment,
    owner: &str,
) -> rusqlite::Result<Option<PaymentView>> {
    let latest = load::latest(work.connection, &new.account, &new.operation, &new.reference)?;
    if !steps::may_be_begun_late(new, &latest) {
        return Ok(None);
    }
    match steps::begin(new, latest, None, owner, work.now_ms) {
        Begun::Fresh(view) => insert(work, view).map(Some),
        Begun::Known(_) | Begun::Reused(_) | Begun::Frozen(_) => Ok(None),
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
        save_row(work, &row)?;
        rows::view(work.connection, row)
    };
    due.into_iter().map(claim).collect()
}

/// Stores the event of a notification, and lets the payment take the step.
pub(super) fn receive(
    work: &mut Work<'_>,
    notice: &Notification,
    event: &NotificationEvent,
) -> rusqlite::Result<(Received, Noticed)> {
    let candidates = load::candidates(work.connection, notice)?;
    let neighbours = load::neighbours(work.connection, notice)?;
    let mut noticed = steps::judge(notice, candidates, &neighbours);
    let received = receive_event(work, &event.complete(notice, &noticed))?;
    if received != Received::Stored {
        return Ok((received, Noticed::default()));
    }
    if let Some(row) = &noticed.row {
        let younger = load::younger(work.connection, row)?;
        let at = work.at(notice.received_at_ms);
        if let Some(mut changes) = steps::notified(row, younger, notice, &noticed.flags, at) {
            save(work, &mut changes)?;
            noticed.row = Some(changes.row);
        }
    }
    Ok((received, noticed))
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
    let mut recovered = Recovered::default();
    let mut lives = living(store);
    for row in under_way {
        if !steps::is_abandoned(&row, work.now_ms, &mut lives) {
            recovered.under_way += 1;
        } else if let Some(mut changes) = steps::restart(&row, work.at(now_ms), &mut recovered) {
            save(work, &mut changes)?;
        }
    }
    Ok((recovered, next))
}

/// Payments in doubt that only a dead process would have queried later are due now, and `owner`'s.
pub(super) fn take_over(
    work: &mut Work<'_>,
    store: &Path,
    owner: &str,
    now_ms: i64,
) -> rusqlite::Result<()> {
    let waiting = load::rows(work.connection, load::WAITING, (work.now_ms, owner))?;
    let mut lives = living(store);
    for row in waiting.iter().filter(|row| !lives(&row.owner)) {
        save(work, &mut steps::take_over(row, owner, work.at(now_ms)))?;
    }
    Ok(())
}

/// Whether the process of a name lives: looked up once for each.
fn living(store: &Path) -> impl FnMut(&str) -> bool {
    let mut known = HashMap::new();
    move |name| *known.entry(name.to_owned()).or_insert_with(|| holder::lives(store, name))
}
