//! Payments to be asked about: handed out for a while, and what asking brought.

use rusqlite::params;

use super::super::job::Work;
use super::super::names;
use super::announce::announce;
use super::moves::{find, keep_answer, notice_due};
use super::rows;
use super::save::{Entry, save, schedule, take_step};
use crate::payment::{Final, Finding, Input, Rules, State};
use crate::store::{
    ASK_PAUSE_MAX_MS, Announce, AskTimes, AskedAnswer, JournalError, PaymentId, PaymentRow,
    PaymentView,
};

/// Hands out payments of `account` in `state` that are due, and makes them due again when the lease ends.
pub(super) fn claim(
    work: &mut Work<'_>,
    holder: &str,
    account: &str,
    state: &str,
    now_ms: i64,
    limit: usize,
    lease_ms: i64,
) -> rusqlite::Result<Vec<PaymentView>> {
    let sql = format!("SELECT {} FROM payment {DUE}", rows::COLUMNS);
    let mut due: Vec<PaymentRow> = Vec::new();
    for name in names::of(work.connection, account)? {
        let room = i64::try_from(limit - due.len()).unwrap_or(i64::MAX);
        let mut statement = work.connection.prepare_cached(&sql)?;
        for row in statement.query_map(params![name, state, now_ms, room], rows::payment_row)? {
            due.push(row?);
        }
    }
    // At least a millisecond: a lease that ends as it begins would hand the payment out twice.
    let until = now_ms.saturating_add(lease_ms.max(1));
    due.into_iter()
        .map(|mut row| {
            work.connection
                .prepare_cached(
                    "UPDATE payment SET next_ask_at = ?2, holder = ?3 WHERE sequence = ?1",
                )?
                .execute(params![row.sequence, until, holder])?;
            row.next_ask_at_ms = Some(until);
            rows::view(work.connection, row)
        })
        .collect()
}

pub(super) const DUE: &str = "INDEXED BY payment_due
    WHERE account = ?1 AND state = ?2 AND next_ask_at <= ?3
    ORDER BY next_ask_at LIMIT ?4";

/// A place in the order in which payments are due.
#[derive(Clone, Copy)]
pub(super) struct Place {
    pub(super) next_ask_at: i64,
    pub(super) sequence: i64,
}

impl Place {
    /// Nothing before this one can have been scheduled by a clock that was set back far enough to matter.
    pub(super) fn beyond(now_ms: i64) -> Self {
        Self { next_ask_at: now_ms.saturating_add(ASK_PAUSE_MAX_MS), sequence: i64::MAX }
    }
}

/// After the clock was set back: what is due later than any pause of it can last is due now. Looks at some payments after
/// `from` and says where to go on.
pub(super) fn pull_in(
    work: &mut Work<'_>,
    account: &str,
    state: &str,
    now_ms: i64,
    from: Place,
) -> rusqlite::Result<Option<Place>> {
    let later: Vec<(Place, i64)> = work
        .connection
        .prepare_cached(LATER)?
        .query_map(params![account, state, from.next_ask_at, from.sequence, STEP as i64], |row| {
            Ok((Place { next_ask_at: row.get(0)?, sequence: row.get(1)? }, row.get(2)?))
        })?
        .collect::<rusqlite::Result<_>>()?;
    let mut update = work
        .connection
        .prepare_cached("UPDATE payment SET next_ask_at = ?2 WHERE sequence = ?1")?;
    for (Place { next_ask_at, sequence }, pause_max_ms) in &later {
        if next_ask_at.saturating_sub(now_ms) > *pause_max_ms {
            update.execute(params![sequence, now_ms])?;
        }
    }
    Ok(later.last().filter(|_| later.len() == STEP).map(|(place, _)| *place))
}

/// Payments looked at in one call.
const STEP: usize = 500;

/// With each its longest pause: while its own caller asks, `hold` covers that; afterwards none is longer than
/// [`ASK_PAUSE_MAX_MS`], which everything before the first place is within.
pub(super) const LATER: &str = "
    SELECT next_ask_at, sequence, max(hold, coalesce(notice_within, 0))
    FROM payment INDEXED BY payment_due
    WHERE account = ?1 AND state = ?2 AND next_ask_at >= ?3 AND (next_ask_at, sequence) > (?3, ?4)
    ORDER BY next_ask_at, sequence LIMIT ?5";

/// Writes down what asking brought.
pub(super) fn asked(
    work: &mut Work<'_>,
    id: &PaymentId,
    answer: &AskedAnswer,
    rules: &Rules,
    times: AskTimes,
    event: Option<Announce>,
) -> rusqlite::Result<Result<PaymentView, JournalError>> {
    let mut row = match find(work, id)? {
        Ok(row) => row,
        Err(error) => return Ok(Err(error)),
    };
    let (finding, detail) = describe(answer, &row, rules);
    let input = Input::Asked { asked_at_ms: times.asked_at_ms, finding };
    let transition = match take_step(&mut row, input, rules, times.now_ms) {
        Ok(transition) => transition,
        Err(error) => return Ok(Err(error)),
    };
    row.asks = row.asks.saturating_add(1);
    if let AskedAnswer::Found { provider_reference, amount_minor, currency, answer, .. } = answer {
        row.amount_differs |= row.differs_from(*amount_minor, currency.as_deref());
        if provider_reference.is_some() {
            row.provider_reference.clone_from(provider_reference);
        }
        let accepted = row.payment.state == State::Settled(Final::Accepted);
        if let (true, Some(answer)) = (accepted, answer) {
            keep_answer(work, &row, answer, "query")?;
        }
    }
    schedule(&mut row, times.next_ask_at_ms, times.next_ask_at_ms);
    if event.is_none() && row.is_over_unnoticed() {
        // Its caller was told, and nobody else: without a notification in time it is asked about once more, for the event.
        row.next_ask_at_ms = notice_due(work, &row, times.now_ms)?;
    }
    let detail = announce(work, &mut row, &transition, event, detail)?;
    let entry = Entry { what: "asked", attempt: None, detail: Some(&detail), at_ms: times.now_ms };
    save(work, &row, &entry)?;
    rows::view(work.connection, row).map(Ok)
}

fn describe(answer: &AskedAnswer, row: &PaymentRow, rules: &Rules) -> (Finding, String) {
    match answer {
        AskedAnswer::NotFound if row.payment.is_elsewhere(rules) => {
            let differs = row.payment.differs_from_here(rules);
            (Finding::Unclear, format!("unclear: not found, but it was made elsewhere ({differs})"))
        }
        AskedAnswer::Found { status, .. } => {
            let word = status.map_or("with a status that is not known", |status| status.word());
            (Finding::Found { status: *status }, format!("found, {word}"))
        }
        AskedAnswer::NotFound => (Finding::NotFound, "not found".to_owned()),
        AskedAnswer::Unclear { reason } => (Finding::Unclear, format!("unclear: {reason}")),
    }
}
