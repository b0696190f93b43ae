//! The one transition function.
//!
//! Three ideas decide every case. An attempt is *open* until its own end is known, and while one is open nothing but
//! asking is allowed. What the provider has, it has: any sign of the payment there settles it as accepted, whatever we
//! believed before. And a refusal of a later attempt says nothing about an earlier one.
//!
//! Where the provider contradicts itself, nobody knows: what it called a duplicate is never settled by its not finding it.

use super::absence::{Absence, Rules};
use super::attempts::ATTEMPTS_MAX;
use super::input::{Finding, Input, Ruling};
use super::state::{Final, Next, Payment, Reported, State};
use crate::provider::{CodeMeaning, EventStatus};

/// A step that was taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Transition {
    pub payment: Payment,
    /// The provider has a payment that was settled as rejected or not sent, or says that it does: somebody must look at it.
    pub contradicts: bool,
    /// It was in doubt, and now it is known what became of it.
    pub resolves: bool,
    /// The provider took it before, and now it is known how it ended there.
    pub ends: bool,
}

impl Transition {
    /// Whether it tells something that whoever was told about the payment before does not know.
    pub fn is_news(&self) -> bool {
        self.resolves || self.contradicts || self.ends
    }
}

/// A step that must not be taken. Nothing changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Forbidden {
    #[error("attempt {attempt} is still on its way")]
    OnItsWay { attempt: u32 },
    #[error("an earlier attempt may have landed: the provider must be asked first")]
    QueryFirst,
    #[error("it was made at another place, and only that one can say that it is not there")]
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
            // Of one that was made before places were written down, the first that is asked is taken for it.
            after.place = after.place.or(rules.here());
            match finding {
                Finding::Found { status } => after.found(status),
                // That it is not elsewhere proves nothing, and takes nothing away from what is proved.
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
                // Until something left it may go anywhere.
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

    /// A word that says more is not taken back by one that says less.
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

    /// The provider has something under these ids, and it is not known to be this payment: nothing leaves any more. An attempt
    /// that is on its way still has its own end to come.
    fn ids_are_taken(&mut self, now_ms: i64) {
        if self.state == State::Settled(Final::Accepted) {
            return;
        }
        self.note(Reported::Duplicate);
        self.doubt_anew(now_ms);
        self.state = State::Unknown { attempt: self.attempts, since_ms: now_ms };
    }

    /// The call was made earlier, under the same reference. What provably came to nothing is over; what may have left is in
    /// doubt, and nothing of it leaves any more.
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
            // A late word about another attempt than the one on its way.
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
        // The end of an attempt that is known is not made unknown again.
        if of_another || over || !self.open.contains(attempt) {
            return;
        }
        self.doubt_anew(now_ms);
        self.state = State::Unknown { attempt: self.attempts, since_ms: now_ms };
    }

    /// What was shown so far about absence says nothing about what happened now.
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

    /// How it ends when nothing of it is at the provider and nothing more is sent.
    fn unsent(&self) -> Final {
        match self.reported {
            Reported::Nothing => Final::NotSent,
            Reported::NotNow | Reported::Refused | Reported::Duplicate => Final::Rejected,
        }
    }

    /// Where another attempt would be allowed nothing is at the provider: without one it is over.
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

    /// A person's word counts only where asking and waiting are all that is left to do.
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
            // Store time went on from a little earlier, after a restart of the machine. The whole proof begins anew.
            self.doubt_anew(now_ms);
            self.state = State::Unknown { attempt, since_ms: now_ms };
            return;
        }
        self.absence = self.absence.with(queried_at_ms, since_ms, rules);
        if !self.absence.is_established(since_ms, rules) {
            return;
        }
        match self.reported {
            // The provider said no to the last attempt, and has none of the earlier ones.
            Reported::Refused => self.state = State::Settled(Final::Rejected),
            // It says that it has these ids, and that it has not: a query that lags, an attempt that somebody on the way
            // delivered twice, ids that another system used. Only asking on is safe; a person may know more.
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
