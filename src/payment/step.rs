//! The one transition function.
//!
//! Three ideas decide every case. An attempt is *open* until its own end is known, and while one is open only queries
//! are allowed. What the provider has, it has: any sign of the payment there settles it as accepted, whatever we
//! believed before. And a refusal of a later attempt says nothing about an earlier one.
//!
//! Where the provider contradicts itself, nothing is certain: a payment that it called a duplicate is never settled
//! because it does not find it.

use super::absence::{Absence, Rules};
use super::attempts::ATTEMPTS_MAX;
use super::input::{Finding, Input, Ruling};
use super::state::{Final, Next, Payment, Reported, State};
use crate::provider::{CodeMeaning, EventStatus};

/// A step that was taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Transition {
    pub payment: Payment,
    /// The provider has a payment that was settled as rejected or not sent, or says that it does: a person must look at
    /// it.
    pub contradicts: bool,
    /// It was in doubt, and now its outcome is known.
    pub resolves: bool,
    /// The provider had accepted it before, and now it is known how it ended there.
    pub ends: bool,
}

impl Transition {
    /// Whether it is news to an application that was already informed about the payment.
    pub fn is_news(&self) -> bool {
        self.resolves || self.contradicts || self.ends
    }
}

/// A step that must not be taken. Nothing changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Forbidden {
    #[error("attempt {attempt} is still on its way")]
    OnItsWay { attempt: u32 },
    #[error("an earlier attempt may have landed: the provider must be queried first")]
    QueryFirst,
    #[error("it was made at another place, and only that place can say that it does not have it")]
    Elsewhere,
    #[error("it is over: `{}`", .0.outcome().as_str())]
    Over(Final),
    #[error("it was attempted {ATTEMPTS_MAX} times")]
    TooManyAttempts,
    #[error("it is not in doubt: nothing of it is on its way")]
    NotInDoubt,
    #[error("attempt {attempt} was never announced, the last one is {last}")]
    NeverAnnounced { attempt: u32, last: u32 },
}

/// What `input`, at `now_ms` in store time, makes of `payment`.
pub fn step(payment: &Payment, input: Input, now_ms: i64) -> Result<Transition, Forbidden> {
    let mut after = *payment;
    match input {
        Input::FirstAttempt => after.announce_first()?,
        Input::AboutToSend { rules } => after.announce(&rules)?,
        Input::NotSent { attempt } => {
            after.known(attempt)?;
            after.had_no_effect(attempt, now_ms);
        }
        Input::Answered { attempt, meaning } => {
            after.known(attempt)?;
            after.answered(attempt, meaning, now_ms);
        }
        Input::InDoubt { attempt } => {
            after.known(attempt)?;
            after.in_doubt(attempt, now_ms);
        }
        Input::GaveUp => after.give_up()?,
        Input::Abandoned { rules } => after.abandon(&rules)?,
        Input::ByHand(ruling) => after.ruled(ruling)?,
        Input::Queried { queried_at_ms, finding, rules } => {
            // For a payment that was made before places were recorded, the first place that is queried is taken as its
            // own.
            after.place = after.place.or(rules.here());
            match finding {
                Finding::Found { status } => after.found(status),
                // "Not found" at another place proves nothing, and does not undo what is proved.
                Finding::NotFound if after.is_elsewhere(&rules) => {}
                Finding::NotFound => after.not_found(queried_at_ms, &rules, now_ms),
                Finding::Unclear => {}
            }
        }
        Input::Notified { status } => after.found(status),
        Input::Differs => after.ids_are_taken(now_ms),
        Input::Superseded => after.superseded(now_ms),
        Input::Restarted => after.restarted(now_ms),
    }
    let accepted = |payment: &Payment| payment.state == State::Settled(Final::Accepted);
    let over = |payment: &Payment| payment.status.is_some_and(EventStatus::is_final);
    let contradicts = payment.frees_its_reference() && !after.frees_its_reference();
    let resolves = payment.is_in_doubt() && matches!(after.state, State::Settled(_));
    let ends = accepted(payment) && !over(payment) && over(&after);
    Ok(Transition { payment: after, contradicts, resolves, ends })
}

impl Payment {
    fn announce(&mut self, rules: &Rules) -> Result<(), Forbidden> {
        match (self.next(rules), self.state) {
            (Next::Send | Next::Query, _) if self.is_elsewhere(rules) => Err(Forbidden::Elsewhere),
            (Next::Send, _) if self.attempts >= ATTEMPTS_MAX => Err(Forbidden::TooManyAttempts),
            (Next::Send, _) => {
                // Before the first attempt it may go to any place.
                self.place = match self.attempts {
                    0 => rules.here().or(self.place),
                    _ => self.place.or(rules.here()),
                };
                self.begin_attempt();
                Ok(())
            }
            (Next::Wait, _) => Err(Forbidden::OnItsWay { attempt: self.attempts }),
            (Next::Query, _) => Err(Forbidden::QueryFirst),
            (Next::Rest(end), _) => Err(Forbidden::Over(end)),
        }
    }

    fn announce_first(&mut self) -> Result<(), Forbidden> {
        match self.state {
            State::Ready if self.attempts == 0 => {
                self.begin_attempt();
                Ok(())
            }
            State::Ready | State::Unknown { .. } => Err(Forbidden::QueryFirst),
            State::Sending { attempt } => Err(Forbidden::OnItsWay { attempt }),
            State::Settled(end) => Err(Forbidden::Over(end)),
        }
    }

    fn begin_attempt(&mut self) {
        self.attempts += 1;
        self.open.insert(self.attempts);
        self.state = State::Sending { attempt: self.attempts };
    }

    fn known(&self, attempt: u32) -> Result<(), Forbidden> {
        match (1..=self.attempts).contains(&attempt) {
            true => Ok(()),
            false => Err(Forbidden::NeverAnnounced { attempt, last: self.attempts }),
        }
    }

    fn answered(&mut self, attempt: u32, meaning: CodeMeaning, now_ms: i64) {
        match meaning {
            CodeMeaning::Accepted => {
                self.open.remove(attempt);
                self.found(None);
            }
            CodeMeaning::Refused | CodeMeaning::NotFound => {
                self.note(Reported::Refused);
                self.doubt_anew(now_ms);
                self.had_no_effect(attempt, now_ms);
            }
            CodeMeaning::StaleTimestamp | CodeMeaning::Throttled => {
                self.note(Reported::NotNow);
                self.had_no_effect(attempt, now_ms);
            }
            CodeMeaning::Landed => {
                self.open.remove(attempt);
                self.ids_are_taken(now_ms);
            }
            CodeMeaning::InDoubt => self.in_doubt(attempt, now_ms),
        }
    }

    /// A weaker statement does not replace a stronger one.
    fn note(&mut self, reported: Reported) {
        let weight = |reported| match reported {
            Reported::Nothing => 0,
            Reported::NotNow => 1,
            Reported::Refused => 2,
            Reported::Duplicate => 3,
        };
        if weight(reported) >= weight(self.reported) {
            self.reported = reported;
        }
    }

    /// The provider has something under these ids that is not known to be this payment: nothing leaves any more. An
    /// attempt that is on its way still ends by itself.
    fn ids_are_taken(&mut self, now_ms: i64) {
        if self.state == State::Settled(Final::Accepted) {
            return;
        }
        self.note(Reported::Duplicate);
        self.doubt_anew(now_ms);
        self.state = State::Unknown { attempt: self.attempts, since_ms: now_ms };
    }

    /// The call was made earlier, under the same reference. A payment that provably did not happen is over; one that
    /// may have left is in doubt; neither is sent any more.
    fn superseded(&mut self, now_ms: i64) {
        match (self.state, self.open.is_empty()) {
            (State::Settled(_), _) => {}
            (_, true) => self.state = State::Settled(self.unsent()),
            (_, false) => self.ids_are_taken(now_ms),
        }
    }

    /// The attempt itself moved nothing. What follows depends on the others.
    fn had_no_effect(&mut self, attempt: u32, now_ms: i64) {
        self.open.remove(attempt);
        match self.state {
            State::Settled(_) => return,
            // A late answer to an attempt that is not the one on its way.
            State::Sending { attempt: current } if current != attempt => return,
            State::Ready | State::Sending { .. } | State::Unknown { .. } => {}
        }
        self.state = match (self.open.is_empty(), self.reported) {
            (false, _) | (true, Reported::Duplicate) => {
                let since_ms = *self.doubtful_since_ms.get_or_insert(now_ms);
                State::Unknown { attempt: self.attempts, since_ms }
            }
            (true, Reported::Refused) => State::Settled(Final::Rejected),
            (true, Reported::Nothing | Reported::NotNow) => State::Ready,
        };
    }

    fn in_doubt(&mut self, attempt: u32, now_ms: i64) {
        let of_another =
            matches!(self.state, State::Sending { attempt: current } if current != attempt);
        let over = matches!(self.state, State::Settled(_));
        // A known end of an attempt does not become unknown again.
        if of_another || over || !self.open.contains(attempt) {
            return;
        }
        self.doubt_anew(now_ms);
        self.state = State::Unknown { attempt: self.attempts, since_ms: now_ms };
    }

    /// What earlier queries showed about absence says nothing about what happened now.
    fn doubt_anew(&mut self, now_ms: i64) {
        self.doubtful_since_ms = Some(now_ms);
        self.absence = Absence::default();
    }

    fn give_up(&mut self) -> Result<(), Forbidden> {
        match self.state {
            State::Ready => {
                self.state = State::Settled(self.unsent());
                Ok(())
            }
            State::Sending { attempt } => Err(Forbidden::OnItsWay { attempt }),
            State::Unknown { .. } | State::Settled(_) => Ok(()),
        }
    }

    /// How it ends when the provider has none of it and nothing more is sent.
    fn unsent(&self) -> Final {
        match self.reported {
            Reported::Nothing => Final::NotSent,
            Reported::NotNow | Reported::Refused | Reported::Duplicate => Final::Rejected,
        }
    }

    /// If another attempt would be allowed, the provider has none of it: without that attempt it is over.
    fn abandon(&mut self, rules: &Rules) -> Result<(), Forbidden> {
        match (self.state, self.next(rules)) {
            (State::Unknown { .. }, Next::Send) => {
                self.state = State::Settled(self.unsent());
                Ok(())
            }
            (State::Unknown { .. }, _) if self.is_elsewhere(rules) => Err(Forbidden::Elsewhere),
            (State::Unknown { .. }, _) => Err(Forbidden::QueryFirst),
            (State::Sending { attempt }, _) => Err(Forbidden::OnItsWay { attempt }),
            (State::Ready, _) => Err(Forbidden::NotInDoubt),
            (State::Settled(end), _) => Err(Forbidden::Over(end)),
        }
    }

    /// A person's word counts only where the only other choices are to query and to wait.
    fn ruled(&mut self, ruling: Ruling) -> Result<(), Forbidden> {
        match self.state {
            State::Unknown { .. } => {
                self.state = State::Settled(match ruling {
                    Ruling::Accepted => Final::Accepted,
                    Ruling::Rejected => Final::Rejected,
                });
                Ok(())
            }
            State::Sending { attempt } => Err(Forbidden::OnItsWay { attempt }),
            State::Ready => Err(Forbidden::NotInDoubt),
            State::Settled(end) => Err(Forbidden::Over(end)),
        }
    }

    fn found(&mut self, status: Option<EventStatus>) {
        self.state = State::Settled(Final::Accepted);
        let over = self.status.is_some_and(EventStatus::is_final);
        match status {
            // An old state that arrives late.
            Some(EventStatus::Pending) if over => {}
            Some(status) => self.status = Some(status),
            None => {}
        }
    }

    fn not_found(&mut self, queried_at_ms: i64, rules: &Rules, now_ms: i64) {
        let State::Unknown { since_ms, attempt } = self.state else { return };
        if now_ms < since_ms.max(self.absence.last_ms) {
            // After a restart of the machine, store time continued from a little earlier. The whole proof starts again.
            self.doubt_anew(now_ms);
            self.state = State::Unknown { attempt, since_ms: now_ms };
            return;
        }
        self.absence = self.absence.with(queried_at_ms, since_ms, rules);
        if !self.absence.is_established(since_ms, rules) {
            return;
        }
        match self.reported {
            // The provider refused the last attempt, and has none of the earlier ones.
            Reported::Refused => self.state = State::Settled(Final::Rejected),
            // It says that it has these ids, and that it does not: a query that lags, an attempt that was delivered
            // twice on the way, ids that another system used. Only further queries are safe; a person may know more.
            Reported::Duplicate => {}
            // The same ids may be sent again.
            Reported::Nothing | Reported::NotNow => {}
        }
    }

    fn restarted(&mut self, now_ms: i64) {
        match self.state {
            State::Ready => {
                // A ready payment can always be given up.
                let _ = self.give_up();
            }
            State::Sending { attempt } => self.in_doubt(attempt, now_ms),
            State::Unknown { .. } | State::Settled(_) => {}
        }
    }
}
