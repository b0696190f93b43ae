//! What each step makes of a payment: plain functions from what was loaded, an input and a moment to [`Changes`].
//!
//! A store loads, calls one of them and saves what it returns, in one transaction that it may repeat. Nothing here reads or
//! writes anything, so everything that a step looks at is one of its arguments.

mod attempt;
mod begin;
mod close;
mod notification;
mod owed;
mod query;
mod recover;
mod siblings;
mod spent;

#[cfg(test)]
mod tests;

pub use attempt::{first_attempt, may_leave};
pub use begin::{begin, begun, end_unsent, may_be_begun_late, standing};
pub use notification::{Neighbour, NeighbourPayment, judge, notified};
pub use query::claim;
pub use recover::{is_abandoned, restart, take_over};
pub use spent::Spent;

use super::{
    ANSWER_BYTES_MAX, HistoryEntry, JournalError, OutcomeEvent, PAYMENTS_KEPT_MIN_MS, PaymentRow,
    PaymentView, Step, StoredAnswer, resolver_key,
};
use crate::payment::{Final, Input, State, Transition, step};
use crate::provider::Flag;
use crate::store::{EventId, Freeze, NewEvent};

/// Payments handed out by one claim at most.
pub const CLAIM_MAX: usize = 256;

/// Characters kept of a reason: enough to know it by, too few to smuggle a body in.
const DETAIL_CHARS_MAX: usize = 300;

/// Entries of one payment's history from which on queries that changed nothing are no longer listed; they are counted still.
const QUERIES_LISTED_MAX: u32 = 200;

/// When a step is taken.
#[derive(Clone, Copy, Debug)]
pub struct Moment {
    /// Store time: what is decided by.
    pub time_ms: i64,
    /// The caller's wall clock: what is shown to people.
    pub date_ms: i64,
}

impl Moment {
    fn after(self, ms: i64) -> i64 {
        self.time_ms.saturating_add(ms)
    }
}

/// What a step comes to: what is to be written, or `None` when everything stays as it is.
pub type Decision = Result<Option<Changes>, JournalError>;

/// What a store knows besides the payment that takes a step.
#[derive(Clone, Debug, Default)]
pub struct Facts {
    /// Where the payment came to nothing: the later calls under its reference that are not over.
    pub younger: Vec<PaymentRow>,
    /// For [`Step::Queried`]: whether what was found is the transaction of another call under the reference.
    pub is_of_a_sibling: bool,
    /// For [`Step::AboutToSend`]: the freeze that holds for the account.
    pub freeze: Option<Freeze>,
    /// For [`Step::AboutToSend`]: the name of this process.
    pub owner: Option<String>,
}

/// What a step makes of a payment at `time_ms`, in store time.
pub fn decide(step: &Step, view: &PaymentView, facts: Facts, time_ms: i64) -> Decision {
    let row = &view.row;
    let at = |date_ms: i64| Moment { time_ms, date_ms };
    match step {
        Step::AboutToSend { rules, now_ms } => {
            attempt::about_to_send(row, facts, *rules, at(*now_ms))
        }
        Step::Conclude { attempt, conclusion, query_after_ms, event, now_ms } => {
            let (younger, event, at) = (facts.younger, event.as_deref(), at(*now_ms));
            attempt::conclude(view, younger, *attempt, conclusion, *query_after_ms, event, at)
        }
        Step::GiveUp { reason, now_ms } => attempt::give_up(row, reason, at(*now_ms)),
        Step::Close { closure, event, now_ms } => {
            close::close(row, closure, event.as_deref(), at(*now_ms))
        }
        Step::HandOver => Ok(query::hand_over(row, time_ms)),
        Step::Queried { answer, rules, times, event } => {
            query::asked(view, facts, answer, *rules, *times, event.as_deref(), at(times.now_ms))
        }
        Step::PromiseEvent => Ok(owed::promise(row)),
        Step::NoteUnheard => Ok(owed::unheard(row)),
        Step::TellOwed { event, now_ms } => Ok(owed::tell(row, event, at(*now_ms))),
    }
}

/// What is to be written, all of it or nothing.
#[derive(Clone, Debug)]
pub struct Changes {
    pub row: PaymentRow,
    /// What the history says of it; nothing where only a due time or a debt changes.
    pub entry: Option<HistoryEntry>,
    /// The answer that callers get from now on.
    pub answer: Option<KeptAnswer>,
    /// To be received by the inbox first: see [`Changes::event_stored`].
    pub event: Option<NewEvent>,
    /// Other calls under the same reference.
    pub siblings: Vec<Changes>,
}

/// An answer for callers who repeat their call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeptAnswer {
    pub answer: StoredAnswer,
    pub is_from_query: bool,
}

impl Changes {
    /// The row alone.
    fn of(row: PaymentRow) -> Self {
        Self { row, entry: None, answer: None, event: None, siblings: Vec::new() }
    }

    /// The row and its history.
    fn told(
        row: PaymentRow,
        what: &str,
        attempt: Option<u32>,
        detail: Option<String>,
        at: Moment,
    ) -> Self {
        let entry = entry(&row, what, attempt, detail, at.date_ms);
        Self { entry: Some(entry), ..Self::of(row) }
    }

    /// Adds the event of a step that is news, or of a payment that is over without a notification or an event so far:
    /// the event of one end has one key, so it is stored once.
    fn with_event(mut self, transition: &Transition, event: Option<&OutcomeEvent>) -> Self {
        let is_news = transition.is_news() || self.row.is_over_unnoticed();
        if let Some(event) = event.filter(|_| is_news) {
            self.event = Some(event.complete(&self.row));
            self.row.owes_event = false;
        }
        self
    }

    /// Stops the `younger` calls under the reference, where the step shows that a payment which had come to nothing was made
    /// after all.
    fn stopping(mut self, transition: &Transition, younger: Vec<PaymentRow>, at: Moment) -> Self {
        if transition.contradicts {
            self.siblings = siblings::supersede(&mut self.row, younger, at);
        }
        self
    }

    /// The event is stored, or was before, as `id`: the history names it.
    pub fn event_stored(&mut self, id: &EventId) {
        if let Some(entry) = &mut self.entry {
            let before = entry.detail.as_ref().map(|detail| format!("{detail}, "));
            entry.detail = Some(shortened(format!("{}event {id}", before.unwrap_or_default())));
        }
    }

    /// The keys of those who wait for what is written: the payment's callers, and the resolver of its account.
    pub fn woken(&self) -> impl Iterator<Item = String> {
        let row = &self.row;
        let payment = self.entry.is_some().then(|| row.id.to_string());
        let is_due = row.next_query_at_ms.is_some() || (row.owes_event && row.end().is_some());
        payment.into_iter().chain(is_due.then(|| resolver_key(&row.account)))
    }

    /// The payment as it is once this is written.
    pub fn into_view(self, before: PaymentView) -> PaymentView {
        let view = PaymentView { row: self.row, ..before };
        match self.answer {
            Some(KeptAnswer { answer, is_from_query }) => {
                PaymentView { answer: Some(answer), answer_from_query: is_from_query, ..view }
            }
            None => view,
        }
    }
}

/// Whether the history of a payment that has `entries` gets this one too.
pub fn is_listed(entry: &HistoryEntry, entries: u32) -> bool {
    entry.what != "asked" || entry.state != "unknown" || entries < QUERIES_LISTED_MAX
}

/// The moment before which payments must have been settled to be removed.
pub fn kept_since_ms(kept_ms: i64, now_ms: i64) -> i64 {
    now_ms.saturating_sub(kept_ms.max(PAYMENTS_KEPT_MIN_MS))
}

/// Lets `input` happen to `row`, as far as the rules allow it.
fn take(row: &mut PaymentRow, input: Input, at: Moment) -> Result<Transition, JournalError> {
    let transition = step(&row.payment, input, at.time_ms)
        .map_err(|why| JournalError::Forbidden { id: row.id.clone(), why })?;
    let was_settled = row.end().is_some();
    row.payment = transition.payment;
    row.just_resolved |= transition.resolves;
    if transition.contradicts {
        row.contradicted = true;
        row.just_flagged.push(Flag::Contradicted);
    }
    match row.end() {
        Some(_) if !was_settled || transition.contradicts => {
            row.just_settled = true;
            (row.settled_at_ms, row.settled_tick) = (Some(at.date_ms), Some(at.time_ms));
        }
        Some(_) => {}
        None => (row.settled_at_ms, row.settled_tick) = (None, None),
    }
    Ok(transition)
}

/// When the provider is queried next, in store time: at `in_doubt_ms` while the payment is unknown, at `accepted_ms` while it is
/// accepted and nothing final is known of it.
fn schedule(row: &mut PaymentRow, in_doubt_ms: Option<i64>, accepted_ms: Option<i64>) {
    let over = row.payment.status.is_some_and(|status| status.is_final());
    row.next_query_at_ms = match row.payment.state {
        State::Unknown { .. } => in_doubt_ms,
        State::Settled(Final::Accepted) if !over => accepted_ms,
        State::Ready | State::Sending { .. } | State::Settled(_) => None,
    };
}

/// When a notification is overdue, in store time, if one is expected.
fn notice_due(row: &PaymentRow, at: Moment) -> Option<i64> {
    row.notice_within_ms.map(|within_ms| at.after(within_ms))
}

/// The answer, unless it is too long, or would replace that of the create by one of a query.
fn keep(view: &PaymentView, answer: &StoredAnswer, is_from_query: bool) -> Option<KeptAnswer> {
    let is_better = view.answer.is_some() && !view.answer_from_query;
    let is_kept = answer.body.len() <= ANSWER_BYTES_MAX && !(is_from_query && is_better);
    is_kept.then(|| KeptAnswer { answer: answer.clone(), is_from_query })
}

fn entry(
    row: &PaymentRow,
    what: &str,
    attempt: Option<u32>,
    detail: Option<String>,
    at_ms: i64,
) -> HistoryEntry {
    HistoryEntry {
        at_ms,
        what: what.to_owned(),
        attempt,
        state: row.payment.state.as_str().to_owned(),
        detail: detail.map(shortened),
    }
}

fn shortened(detail: String) -> String {
    match detail.char_indices().nth(DETAIL_CHARS_MAX) {
        Some((end, _)) => detail[..end].to_owned(),
        None => detail,
    }
}
