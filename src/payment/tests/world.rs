//! A model of everything around one reference: a process that sends and dies, a wire that delays, a provider that
//! executes, and queries and notifications on the way back. Time is a small number of ticks.
//!
//! It makes the assumption that the rules make: what is on the wire when the process stops arrives within `DELAY` or
//! never, and the query sees it `lag` later. The grace period is no shorter than both, except where a test says so.

use std::sync::LazyLock;

use super::super::*;
use crate::provider::{CodeMeaning, EventStatus};

pub const GRACE: i64 = 2;
const DELAY: i64 = 1;

/// What the provider does with ids that it has seen.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Duplicates {
    /// It refuses them, as documented.
    Refused,
    /// It refuses them, unless what they made has failed since.
    ForgottenOnceFailed,
    /// It executes them: nothing but our own rules keeps it from paying twice.
    Executed,
}

/// How the model behaves.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Setting {
    pub duplicates: Duplicates,
    pub lag: i64,
    /// Something on the way may deliver a create twice: the sidecar gets the answer to the second copy.
    pub repeats: bool,
    /// The query may find something under our ids that is not what was sent.
    pub mixes_up: bool,
    pub attempts_max: u32,
    pub generations_max: u32,
    pub ticks_max: i64,
    /// Whether the configuration may change to another provider and back.
    pub moves: bool,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct World {
    pub now: i64,
    pub payment: Payment,
    pub generation: u32,
    /// Whether the configuration names the other provider.
    pub is_away: bool,
    /// Creates that the provider has not seen yet.
    pub wire: Vec<Create>,
    /// Answers on their way back: attempt, generation, and what they say.
    answers: Vec<(u32, u32, Said)>,
    /// A query whose answer is on its way: when it was sent, whether to the other provider, and its result.
    question: Option<(i64, bool, Brings)>,
    pub executions: Vec<Execution>,
    notices: Vec<EventStatus>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Create {
    attempt: u32,
    generation: u32,
    is_away: bool,
    /// Known once the process has stopped sending it.
    arrives_by: Option<i64>,
    /// Whether a caller still waits for the answer.
    heard: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Execution {
    landed_at: i64,
    is_away: bool,
    pub status: EventStatus,
}

/// The result of a query.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Brings {
    Nothing,
    Found(EventStatus),
    SomethingElse,
}

/// What an answer says, as far as the rules distinguish answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Said {
    Accepted,
    Refused,
    NotNow,
    Landed,
    Unclear,
}

/// Everything that can happen next, by any participant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Act {
    /// A caller, a second caller, the attempt loop or the resolver tries to send.
    Send,
    /// The attempt turns out not to have left.
    NotSent,
    TimeOut,
    GiveUp,
    /// It was sent in vain as often as allowed.
    Abandon,
    /// A person looks at the wire and at the provider, and settles it correctly.
    ByHand,
    Crash,
    /// The process outlives its lease: another one takes over while it still listens.
    Overtaken,
    /// The create at this place of the wire arrives.
    Arrive {
        place: usize,
        said: Said,
    },
    /// It arrives twice, and the second copy is called a duplicate.
    ArriveTwice {
        place: usize,
    },
    /// An answer arrives.
    Hear {
        place: usize,
    },
    /// An answer is lost.
    Lose {
        place: usize,
    },
    /// A query is sent; within the lag the provider may or may not find what it has.
    Ask {
        sees_all: bool,
    },
    /// A query is sent, and returns something that is not ours.
    AskAmiss,
    HearFinding,
    /// A pending execution ends, and a notification goes out.
    Finish {
        succeeded: bool,
    },
    Notify,
    /// A free reference is used again.
    BeginAnew,
    /// The configuration changes to the other provider, or back.
    Move,
    Tick,
}

/// What an act led to.
pub struct Step {
    pub world: World,
    pub contradicts: bool,
    pub resolves: bool,
}

/// Made once: a place is a digest.
fn rules(is_away: bool) -> Rules {
    static AT: LazyLock<[Rules; 2]> = LazyLock::new(|| {
        ["https://x.example", "https://y.example"].map(|base_url| {
            Rules::new(GRACE, 2).at(Place::of("model", base_url, "app", "/create", Some("/query")))
        })
    });
    AT[usize::from(is_away)]
}

impl World {
    pub fn new() -> Self {
        Self {
            now: 0,
            payment: Payment::new(),
            generation: 1,
            is_away: false,
            wire: Vec::new(),
            answers: Vec::new(),
            question: None,
            executions: Vec::new(),
            notices: Vec::new(),
        }
    }

    /// Whether the payment was made at the provider that the configuration does not name.
    pub fn is_elsewhere(&self) -> bool {
        self.payment.is_elsewhere(&rules(self.is_away))
    }

    /// Payments of the provider that moved, or still may move, money.
    pub fn moves(&self) -> usize {
        self.executions.iter().filter(|made| made.status != EventStatus::Failed).count()
    }

    pub fn acts(&self, setting: &Setting) -> Vec<Act> {
        let mut acts = vec![
            Act::Send,
            Act::GiveUp,
            Act::Abandon,
            Act::ByHand,
            Act::Crash,
            Act::Overtaken,
            Act::Tick,
        ];
        if setting.moves {
            acts.push(Act::Move);
        }
        if matches!(self.payment.state, State::Sending { .. }) {
            acts.extend([Act::NotSent, Act::TimeOut]);
        }
        for place in 0..self.wire.len() {
            let can_say =
                match (self.knows_ids(self.wire[place].is_away, setting), setting.duplicates) {
                    (true, Duplicates::Refused | Duplicates::ForgottenOnceFailed) => {
                        &[Said::Landed, Said::Refused][..]
                    }
                    (true, Duplicates::Executed) | (false, _) => {
                        &[Said::Accepted, Said::Refused, Said::NotNow, Said::Unclear][..]
                    }
                };
            acts.extend(can_say.iter().map(|said| Act::Arrive { place, said: *said }));
            if setting.repeats && !self.knows_ids(self.wire[place].is_away, setting) {
                acts.push(Act::ArriveTwice { place });
            }
        }
        for place in 0..self.answers.len() {
            acts.extend([Act::Hear { place }, Act::Lose { place }]);
        }
        match self.question {
            None => acts.extend([Act::Ask { sees_all: true }, Act::Ask { sees_all: false }]),
            Some(_) => acts.push(Act::HearFinding),
        }
        if self.question.is_none() && setting.mixes_up {
            acts.push(Act::AskAmiss);
        }
        if self.executions.iter().any(|made| made.status == EventStatus::Pending) {
            acts.extend([Act::Finish { succeeded: true }, Act::Finish { succeeded: false }]);
        }
        if !self.notices.is_empty() {
            acts.push(Act::Notify);
        }
        if self.payment.frees_its_reference() {
            acts.push(Act::BeginAnew);
        }
        acts
    }

    /// The world after `act`; `None` when it is not possible, or beyond what is explored.
    pub fn after(&self, act: Act, setting: &Setting) -> Option<Step> {
        let mut world = self.clone();
        let input = match act {
            Act::Send => {
                if self.payment.attempts >= setting.attempts_max {
                    return None;
                }
                Some(Input::AboutToSend { rules: rules(self.is_away) })
            }
            Act::NotSent => {
                let State::Sending { attempt } = self.payment.state else { return None };
                let mine = |create: &Create| {
                    (create.attempt, create.generation) == (attempt, self.generation)
                };
                // Only a create that did not arrive can provably not have been sent.
                let place = self.wire.iter().position(mine)?;
                world.wire.remove(place);
                Some(Input::NotSent { attempt })
            }
            Act::TimeOut => {
                let State::Sending { attempt } = self.payment.state else { return None };
                world.stop_sending(true);
                Some(Input::InDoubt { attempt })
            }
            Act::GiveUp => Some(Input::GaveUp),
            Act::Abandon => Some(Input::Abandoned { rules: rules(self.is_away) }),
            Act::ByHand => {
                if !self.wire.is_empty() {
                    return None;
                }
                Some(Input::ByHand(match self.executions.is_empty() {
                    true => Ruling::Rejected,
                    false => Ruling::Accepted,
                }))
            }
            Act::Crash => {
                world.stop_sending(false);
                world.answers.clear();
                world.question = None;
                Some(Input::Restarted)
            }
            Act::Overtaken => {
                world.stop_sending(true);
                Some(Input::Restarted)
            }
            Act::Arrive { place, said } => {
                world.arrive(place, said);
                None
            }
            Act::ArriveTwice { place } => {
                world.arrive(place, Said::Accepted);
                if let Some(answer) = world.answers.last_mut().filter(|_| self.wire[place].heard) {
                    answer.2 = Said::Landed;
                }
                None
            }
            Act::Hear { place } => {
                let (attempt, generation, said) = *self.answers.get(place)?;
                world.answers.remove(place);
                // An answer to an earlier generation does not concern this one.
                (generation == self.generation)
                    .then_some(Input::Answered { attempt, meaning: said.meaning() })
            }
            Act::Lose { place } => {
                world.answers.remove(place);
                None
            }
            Act::Ask { sees_all } => {
                let seen = |made: &&Execution| {
                    made.is_away == self.is_away
                        && (sees_all || made.landed_at + setting.lag <= self.now)
                };
                let found = self.executions.iter().rev().find(seen).map(|made| made.status);
                world.question =
                    Some((self.now, self.is_away, found.map_or(Brings::Nothing, Brings::Found)));
                None
            }
            Act::AskAmiss => {
                world.question = Some((self.now, self.is_away, Brings::SomethingElse));
                None
            }
            Act::HearFinding => {
                let (queried_at_ms, is_away, brings) = world.question.take()?;
                // A query ends under the configuration under which it began.
                let rules = rules(is_away);
                let asked = |finding| Input::Queried { queried_at_ms, finding, rules };
                Some(match brings {
                    Brings::Found(status) => asked(Finding::Found { status: Some(status) }),
                    Brings::Nothing => asked(Finding::NotFound),
                    Brings::SomethingElse => Input::Differs,
                })
            }
            Act::Finish { succeeded } => {
                let pending =
                    world.executions.iter_mut().find(|made| made.status == EventStatus::Pending)?;
                pending.status =
                    if succeeded { EventStatus::Succeeded } else { EventStatus::Failed };
                world.notices.push(pending.status);
                None
            }
            Act::Notify => Some(Input::Notified { status: world.notices.pop() }),
            Act::BeginAnew => {
                if self.generation >= setting.generations_max {
                    return None;
                }
                world.payment = Payment::new();
                world.generation += 1;
                None
            }
            Act::Move => {
                world.is_away = !self.is_away;
                None
            }
            Act::Tick => {
                if self.now >= setting.ticks_max {
                    return None;
                }
                world.now += 1;
                let now = world.now;
                world.wire.retain(|create| create.arrives_by.is_none_or(|by| by >= now));
                None
            }
        };
        let (mut contradicts, mut resolves) = (false, false);
        if let Some(input) = input {
            // What is forbidden does not happen.
            let done = step(&self.payment, input, self.now).ok()?;
            world.payment = done.payment;
            (contradicts, resolves) = (done.contradicts, done.resolves);
        }
        if act == Act::Send {
            world.wire.push(Create {
                attempt: world.payment.attempts,
                generation: world.generation,
                is_away: world.is_away,
                arrives_by: None,
                heard: true,
            });
        }
        Some(Step { world, contradicts, resolves })
    }

    fn knows_ids(&self, is_away: bool, setting: &Setting) -> bool {
        let there = self.executions.iter().filter(|made| made.is_away == is_away);
        there.into_iter().any(|made| match setting.duplicates {
            Duplicates::Refused => true,
            Duplicates::ForgottenOnceFailed => made.status != EventStatus::Failed,
            Duplicates::Executed => false,
        })
    }

    fn stop_sending(&mut self, heard: bool) {
        for create in &mut self.wire {
            create.arrives_by.get_or_insert(self.now + DELAY);
            create.heard &= heard;
        }
    }

    fn arrive(&mut self, place: usize, said: Said) {
        let create = self.wire.remove(place);
        // An unclear answer comes from a provider that executed it; from one that did not, it would be like a lost
        // create.
        if matches!(said, Said::Accepted | Said::Unclear) {
            self.executions.push(Execution {
                landed_at: self.now,
                is_away: create.is_away,
                status: EventStatus::Pending,
            });
        }
        if create.heard {
            self.answers.push((create.attempt, create.generation, said));
        }
    }
}

impl Said {
    fn meaning(self) -> CodeMeaning {
        match self {
            Self::Accepted => CodeMeaning::Accepted,
            Self::Refused => CodeMeaning::Refused,
            Self::NotNow => CodeMeaning::Throttled,
            Self::Landed => CodeMeaning::Landed,
            Self::Unclear => CodeMeaning::InDoubt,
        }
    }
}
