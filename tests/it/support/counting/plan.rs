//! The decisions of a test, and the contents of the books.

use std::sync::Arc;
use std::time::{Duration, Instant};

use serde_json::Value;

/// The fate of one create.
#[derive(Clone, Debug, Default)]
pub struct Fate {
    /// It is refused with this code, and not executed.
    pub refused: Option<i64>,
    /// An intermediary in front of the provider makes the call twice.
    pub repeated: bool,
    pub reply: Reply,
    pub notice: Notice,
}

/// What is sent back.
#[derive(Clone, Debug, Default)]
pub enum Reply {
    /// The real answer.
    #[default]
    Usual,
    /// The real answer, after this delay.
    Late(Duration),
    /// Nothing: the connection is closed in an orderly way, or reset.
    Close,
    Reset,
    /// Half of the real answer.
    HalfWay,
    /// This HTTP answer: status, further header fields with their line ends, body.
    Http(u16, &'static str, String),
    /// The envelope with this code and no data.
    Code(i64),
    /// The envelope of success with this data.
    Data(Value),
}

/// How an execution is notified.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Notice {
    Usual,
    #[default]
    None,
    /// Before the create is answered.
    First,
    Twice,
    Late(Duration),
    /// The end first, an earlier state afterwards.
    Reversed,
}

/// A create as the plan sees it.
#[derive(Clone, Debug)]
pub struct Create {
    pub reference: String,
    /// The number of this create under its reference, from 0.
    pub number: usize,
}

/// A status query as the plan sees it.
#[derive(Clone, Debug)]
pub struct Question {
    pub place: String,
    pub reference: String,
    /// The age of the first execution under the reference, if there was one at this place.
    pub age: Option<Duration>,
}

/// The answer to a query: the real one or this reply; `Usual` is the real one.
pub type Creates = Arc<dyn Fn(&Create) -> Fate + Send + Sync>;
pub type Questions = Arc<dyn Fn(&Question) -> Reply + Send + Sync>;

/// One line of the books.
#[derive(Clone, Debug)]
pub struct Entry {
    pub at: Instant,
    /// The path in front of the provider's own: one process plays several places.
    pub place: String,
    pub reference: String,
    pub amount: u64,
    pub what: Did,
    /// The request as received, or the text that was signed.
    pub bytes: Vec<u8>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Did {
    /// `own` when the provider repeated the call by itself.
    Executed {
        transaction: String,
        own: bool,
    },
    Refused(i64),
    Recognised,
    /// The received text was not signed by the merchant.
    Unsigned,
    Asked {
        found: bool,
    },
    /// A notification was acknowledged.
    Acknowledged {
        event: String,
        transaction: String,
        status: String,
    },
}
