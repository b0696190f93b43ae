//! The steps of a payment, as data: a store may repeat one as often as its transaction needs it.

use super::{Closure, Conclusion, OutcomeEvent, QueryAnswer, QueryTimes};
use crate::payment::Rules;

/// What happens to a payment. `now_ms` is a date for the history.
#[derive(Clone, Debug)]
pub enum Step {
    /// The next attempt is about to leave; the payment comes back with its number. Take it right before sending: also before
    /// a resend of an unknown payment, which is allowed only once the payment's absence is established.
    AboutToSend { rules: Rules, now_ms: i64 },
    /// An attempt ended, however late that is known. A payment that is then in doubt is due to be queried after
    /// `query_after_ms`: choose a longer time where the caller itself goes on querying.
    Conclude {
        attempt: u32,
        conclusion: Conclusion,
        query_after_ms: i64,
        event: Option<Box<OutcomeEvent>>,
        now_ms: i64,
    },
    /// The caller will not send it again: a payment of which nothing is at the provider is settled as not sent, or as
    /// rejected if the provider said "not now". One that is unknown or settled stays as it is.
    GiveUp { reason: String, now_ms: i64 },
    /// A payment in doubt ends without the provider's word, where the rules allow it.
    Close { closure: Closure, event: Option<Box<OutcomeEvent>>, now_ms: i64 },
    /// A payment that is to be queried some time is due at once: its caller no longer queries.
    HandOver,
    /// A status query brought an answer, by these rules.
    Queried {
        answer: QueryAnswer,
        rules: Rules,
        times: QueryTimes,
        event: Option<Box<OutcomeEvent>>,
    },
    /// A caller waits for the payment's end: an event reports it. A settled payment stays as it is, for its end can be
    /// reported at once.
    PromiseEvent,
    /// The answer to a caller could not be delivered: an event reports the payment's end, unless a notification does or did.
    NoteUnheard,
    /// The event that is owed of the payment is stored, unless that has been done meanwhile.
    TellOwed { event: Box<OutcomeEvent>, now_ms: i64 },
}
