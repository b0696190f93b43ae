//! What a test decides, and what the books say.

use std::sync::Arc;
use std::time::{Duration, Instant};

use serde_json::Value;

/// What becomes of one create.
#[derive(Clone, Debug, Default)]
pub struct Fate {
    /// It is refused with this code, and not executed.
    pub refused: Option<i64>,
    /// Something in front of the provider makes the call twice.
    pub repeated: bool,
    pub reply: Reply,
    pub notice: Notice,
}

/// What is sent back.
#[derive(Clone, Debug, Default)]
pub enum Reply {
    /// What is true.
    #[default]
    Usual,
    /// What is true, so much later.
    Late(Duration),
    /// Nothing: the connection ends in good order, or is reset.
    Close,
    Reset,
    /// Half of what is true.
    HalfWay,
    /// An HTTP answer as it stands: status, further header fields with their line ends, body.
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
    /// Which create under this reference it is, from 0.
    pub number: usize,
}

/// A question as the plan sees it.
#[derive(Clone, Debug)]
pub struct Question {
    pub place: String,
    pub reference: String,
    /// How long ago the first execution under the reference was, if there was one at this place.
    pub age: Option<Duration>,
}

/// What a question gets: what is true or the reply; `Usual` is the truth.
pub type Creates = Arc<dyn Fn(&Create) -> Fate + Send + Sync>;
pub type Questions = Arc<dyn Fn(&Question) -> Reply + Send + Sync>;

/// One line of the books.
#[derive(Clone, Debug)]
pub struct Entry {
    pub at: Instant,
    /// The path in front of the provider's own: one process is several places.
    pub place: String,
    pub reference: String,
    pub amount: u64,
    pub what: Did,
    /// The request as it came, or the text that was signed.
    pub bytes: Vec<u8>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Did {
    /// `own` when it made the call a second time by itself.
    Executed {
        transaction: String,
        own: bool,
    },
    Refused(i64),
    Recognised,
    /// What arrived was not signed by the merchant.
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
