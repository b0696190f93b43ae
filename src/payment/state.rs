//! What is known about one payment, and which next step that allows.

use strum::{EnumString, IntoStaticStr};

use super::absence::{Absence, Rules};
use super::attempts::OpenAttempts;
use super::place::Place;
use crate::outcome::Outcome;
use crate::provider::EventStatus;

/// Everything that the rules depend on. Small and `Copy`; starts as [`Payment::new`] and changes only through
/// [`step`](super::step()).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Payment {
    pub state: State,
    /// Attempts announced so far, including the one on its way.
    pub attempts: u32,
    /// Those of them whose end is not known.
    pub open: OpenAttempts,
    /// The strongest statement that the provider made about it, short of having it.
    pub reported: Reported,
    /// Since when it is in doubt: the last moment at which a create may have left. Kept while a further attempt runs.
    pub doubtful_since_ms: Option<i64>,
    pub absence: Absence,
    /// Its status at the provider, once that is known.
    pub status: Option<EventStatus>,
    /// Where its first attempt went; `None` for a payment that was made before places were recorded and has not been
    /// queried since.
    pub place: Option<Place>,
}

/// The state of a payment.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum State {
    /// It is neither at the provider nor on the way: not yet sent, or provably not sent, or refused for now.
    Ready,
    /// This attempt may be on its way.
    Sending { attempt: u32 },
    /// It may have happened.
    Unknown { attempt: u32, since_ms: i64 },
    /// Over.
    Settled(Final),
}

/// How a payment ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Final {
    /// The provider accepted it; its status says whether it was carried out.
    Accepted,
    /// The provider refused every attempt that reached it; nothing happened, and the reference is free again.
    Rejected,
    /// No attempt reached the provider; the reference is free again.
    NotSent,
}

/// What the provider said about a payment that it is not known to have.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, EnumString, IntoStaticStr)]
#[strum(serialize_all = "snake_case")]
pub enum Reported {
    /// Nothing, or nothing that could be understood.
    #[default]
    Nothing,
    /// Not now: throttled, or its timestamp was stale. Nothing happened; it may be sent again.
    NotNow,
    /// No.
    Refused,
    /// That it has one with these ids already, whether or not it is this one.
    Duplicate,
}

/// What may be done next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Next {
    /// A create may be sent; if there was one before, with the same ids.
    Send,
    /// Wait for the attempt that is on its way. No create may be sent.
    Wait,
    /// Query the provider. No create may be sent.
    Query,
    /// Nothing.
    Rest(Final),
}

impl Payment {
    /// A payment that has only been recorded.
    pub fn new() -> Self {
        Self {
            state: State::Ready,
            attempts: 0,
            open: OpenAttempts::default(),
            reported: Reported::Nothing,
            doubtful_since_ms: None,
            absence: Absence::default(),
            status: None,
            place: None,
        }
    }

    /// What may be done next.
    pub fn next(&self, rules: &Rules) -> Next {
        match self.state {
            State::Ready => Next::Send,
            State::Sending { .. } => Next::Wait,
            State::Unknown { .. } if self.is_elsewhere(rules) => Next::Query,
            State::Unknown { since_ms, .. } => match self.reported {
                Reported::Nothing | Reported::NotNow
                    if self.absence.is_established(since_ms, rules) =>
                {
                    Next::Send
                }
                Reported::Nothing | Reported::NotNow | Reported::Refused | Reported::Duplicate => {
                    Next::Query
                }
            },
            State::Settled(end) => Next::Rest(end),
        }
    }

    /// Whether one of its attempts went to a different place from that of `rules`: a payment not found here may be
    /// there.
    pub fn is_elsewhere(&self, rules: &Rules) -> bool {
        self.attempts > 0 && self.place.is_some_and(|place| rules.here() != Some(place))
    }

    /// What differs from that place, such as `base_url`; empty where nothing does.
    pub fn differs_from_here(&self, rules: &Rules) -> String {
        let places = self.place.zip(rules.here());
        places.map(|(place, here)| place.differences(&here)).unwrap_or_default()
    }

    /// What its caller may learn now: `None` while nothing is known because the call is still under way.
    pub fn outcome(&self) -> Option<Outcome> {
        match self.state {
            State::Ready | State::Sending { .. } => None,
            State::Unknown { .. } => Some(Outcome::Unknown),
            State::Settled(end) => Some(end.outcome()),
        }
    }

    /// Whether it is not known if it happened, also while a further attempt runs.
    pub fn is_in_doubt(&self) -> bool {
        !matches!(self.state, State::Settled(_)) && self.doubtful_since_ms.is_some()
    }

    /// Whether a caller may make a new call under the same reference.
    pub fn frees_its_reference(&self) -> bool {
        matches!(self.state, State::Settled(Final::Rejected | Final::NotSent))
    }
}

impl Default for Payment {
    fn default() -> Self {
        Self::new()
    }
}

impl Final {
    pub fn outcome(self) -> Outcome {
        match self {
            Self::Accepted => Outcome::Accepted,
            Self::Rejected => Outcome::Rejected,
            Self::NotSent => Outcome::NotSent,
        }
    }
}

impl State {
    pub const WORDS: [&str; 6] =
        ["ready", "sending", "unknown", "accepted", "rejected", "not_sent"];

    /// The word used in the database, in metrics and on the command line.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Ready => "ready",
            Self::Sending { .. } => "sending",
            Self::Unknown { .. } => "unknown",
            Self::Settled(end) => end.outcome().as_str(),
        }
    }
}

impl Reported {
    /// The word used in the database.
    pub fn as_str(self) -> &'static str {
        self.into()
    }

    pub fn from_word(word: &str) -> Option<Self> {
        word.parse().ok()
    }
}
