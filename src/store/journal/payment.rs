//! A money-moving call on its way through the journal: begun, attempted, in doubt, queried, settled.

use bytes::Bytes;

use crate::payment::{Final, Fingerprint, Forbidden, Payment, Place, Rules, Ruling, State};
use crate::provider::{CodeMeaning, EventStatus, Flag};
use crate::store::{EventId, PaymentId, StoreError};

/// A call that is about to be made for the first time.
#[derive(Clone, Debug)]
pub struct NewPayment {
    /// Made by the caller ([`PaymentId::generate`]).
    pub id: PaymentId,
    pub account: String,
    /// The provider profile's name.
    pub provider: String,
    pub operation: String,
    /// What notifications about it are about, as in `payout`; `None` when there are none.
    pub kind: Option<String>,
    /// The merchant's own order id.
    pub reference: String,
    pub fingerprint: Fingerprint,
    /// What the application posted, as it came. With the additions made anew it is what may be sent again after a
    /// restart: the ids stay the same.
    pub parameters: String,
    /// Where it is made.
    pub place: Option<Place>,
    /// Minor units, where the operation has an amount.
    pub amount_minor: Option<i64>,
    pub currency: Option<String>,
    /// An accepted payment is queried when no notification of it came for this long; `None` for never.
    pub notice_within_ms: Option<i64>,
    /// The place in a trace that it was made at, as a `traceparent`, for later events.
    pub trace: Option<String>,
    pub now_ms: i64,
    /// For how long this process answers for it, counted anew at every step it takes: longer than an attempt with all
    /// its waiting can last. Afterwards [`Journal::recover`](super::Journal::recover) takes it for abandoned.
    pub lease_ms: i64,
}

/// A call that never left, and whose caller could not be told for certain.
#[derive(Clone, Debug)]
pub enum Unsent {
    /// Beginning it failed with [`StoreError::Uncertain`].
    MaybeBegun(Box<NewPayment>),
    /// It was begun; giving it up could not be written.
    Begun(PaymentId),
}

/// The answer to a call that was offered to the journal.
#[derive(Clone, Debug)]
pub enum Begun {
    /// It is recorded, and no other caller makes it. The caller goes on with `about_to_send`.
    Fresh(PaymentView),
    /// The same call was begun before and still counts, whatever its state: nothing may be sent.
    Known(PaymentView),
    /// The reference belongs to a call with other parameters: nothing may be sent.
    Reused(PaymentView),
    /// The account is frozen; nothing was recorded.
    Frozen(Freeze),
}

/// Whether an attempt that was announced may still leave.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Leave {
    /// It is still the attempt under way, and this process's for long enough.
    Granted,
    /// The account was frozen after the announcement.
    Frozen(Freeze),
    /// Another process took the payment over, or it was settled.
    Withdrawn,
}

/// How one attempt ended.
#[derive(Clone, Debug)]
pub enum Conclusion {
    /// The provider's envelope came back.
    Answered {
        code: i64,
        meaning: CodeMeaning,
        provider_reference: Option<String>,
        answer: StoredAnswer,
    },
    /// It provably did not reach the provider. `reason` is short, and never a body.
    NotSent { reason: String },
    /// It may have.
    InDoubt { reason: String },
}

/// The result of a status query.
#[derive(Clone, Debug)]
pub enum QueryAnswer {
    Found {
        status: Option<EventStatus>,
        provider_reference: Option<String>,
        amount_minor: Option<i64>,
        /// It has an amount that cannot be read.
        amount_unreadable: bool,
        currency: Option<String>,
        /// The query's answer, for a caller who never got that of the create.
        answer: Option<StoredAnswer>,
    },
    NotFound,
    /// `reason` is short, and never a body.
    Unclear {
        reason: String,
    },
}

/// Which payments are due to be queried.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Due {
    /// It is not known whether they happened.
    InDoubt,
    /// They were accepted, no notification came in time, and no final status is known.
    Unnoticed,
}

impl Due {
    /// The word of their state.
    pub(in crate::store) fn state(self) -> &'static str {
        match self {
            Self::InDoubt => "unknown",
            Self::Unnoticed => "accepted",
        }
    }
}

/// When a query was made, and when to make the next one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct QueryTimes {
    /// When it left, in store time.
    pub queried_at_ms: i64,
    /// While the payment is not settled, or accepted with no final status, it is due again after this; `None` for never.
    pub query_after_ms: Option<i64>,
    pub now_ms: i64,
}

/// What ends a payment in doubt without the provider's word.
#[derive(Clone, Debug)]
pub enum Closure {
    /// It is not at the provider, and was sent in vain as often as it may be.
    Abandoned { reason: String, rules: Rules },
    /// An operator says so.
    ByHand { ruling: Ruling, reason: String },
}

/// An answer as it is repeated to a caller, byte for byte.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredAnswer {
    /// The HTTP status the provider answered with.
    pub status: u16,
    /// A body longer than [`ANSWER_BYTES_MAX`] is not kept.
    pub body: Bytes,
}

/// Answers are a few hundred bytes; this leaves room for much more without letting one fill the disk.
pub const ANSWER_BYTES_MAX: usize = 256 * 1024;

/// What a notification says about a payment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Notification {
    pub account: String,
    /// What it is about, as in [`NewPayment::kind`].
    pub kind: String,
    pub reference: Option<String>,
    pub provider_reference: Option<String>,
    pub status: Option<EventStatus>,
    pub amount_minor: Option<i64>,
    /// It has an amount that cannot be read.
    pub amount_unreadable: bool,
    pub currency: Option<String>,
    /// When the provider made the payment, by its own clock.
    pub created_at_ms: Option<i64>,
    /// Whether the journal knows payments of its kind.
    pub is_journalled: bool,
    /// It says that it is about another merchant account than this one.
    pub names_another: bool,
    /// Accounts whose notifications the same key verifies: what was signed for one of them verifies here too.
    pub neighbours: Vec<String>,
    pub event_id: EventId,
    /// As in [`NewEvent::dedupe_key`](crate::store::NewEvent::dedupe_key).
    pub dedupe_key: String,
    pub received_at_ms: i64,
}

/// What the journal makes of a notification.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Noticed {
    /// The payment that it is about; never one of another account.
    pub row: Option<PaymentRow>,
    /// What contradicts it, or what its recipient must know.
    pub flags: Vec<Flag>,
}

/// A payment without its texts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PaymentRow {
    pub id: PaymentId,
    /// Order of beginning.
    pub sequence: i64,
    pub account: String,
    pub provider: String,
    pub operation: String,
    pub kind: Option<String>,
    pub reference: String,
    /// 1 for the first call under this reference; one more each time a rejected or unsent one was begun anew.
    pub generation: u32,
    pub fingerprint: Fingerprint,
    pub amount_minor: Option<i64>,
    pub currency: Option<String>,
    pub provider_reference: Option<String>,
    /// Where it stands.
    pub payment: Payment,
    /// The code of the provider's last answer to a create.
    pub provider_code: Option<i64>,
    pub begun_at_ms: i64,
    pub last_attempt_at_ms: Option<i64>,
    /// The same moment in store time.
    pub last_attempt_tick: Option<i64>,
    pub settled_at_ms: Option<i64>,
    /// The same moment in store time.
    pub settled_tick: Option<i64>,
    /// How often the provider was queried about it.
    pub queries: u32,
    /// When it is queried next, in store time (a date where payments are listed or shown); `None` when it need
    /// not be.
    pub next_query_at_ms: Option<i64>,
    /// As in [`NewPayment::notice_within_ms`].
    pub notice_within_ms: Option<i64>,
    pub notified_at_ms: Option<i64>,
    /// A reported amount differs from the one that was sent.
    pub amount_differs: bool,
    /// It was settled as rejected or not sent, and then the provider turned out to have it, or said so.
    pub contradicted: bool,
    /// An event of its outcome is owed: a caller was told to wait for it, or could not be answered.
    pub owes_event: bool,
    /// The provider's id of another transaction that was reported under the same reference.
    pub conflicting_reference: Option<String>,
    /// Whether the step that returned this row made an unknown outcome known. False where it was only read.
    pub just_resolved: bool,
    /// Whether that step settled it, or settled it anew.
    pub just_settled: bool,
    /// What the step that returned this row found to speak against it. Empty where it was only read.
    pub just_flagged: Vec<Flag>,
    /// As in [`NewPayment::trace`].
    pub trace: Option<String>,
    /// The process that works on it.
    pub owner: String,
    /// As in [`NewPayment::lease_ms`].
    pub lease_ms: i64,
    /// Until then, in store time, it is the owner's while that lives.
    pub leased_until_ms: i64,
}

/// A payment with its texts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PaymentView {
    pub row: PaymentRow,
    /// What the application posted.
    pub parameters: String,
    /// The provider's answer, when there is one to repeat.
    pub answer: Option<StoredAnswer>,
    /// Whether `answer` is that of a query, because the create's own was lost.
    pub answer_from_query: bool,
}

/// A payment with everything that happened to it.
#[derive(Clone, Debug)]
pub struct PaymentDetail {
    pub view: PaymentView,
    /// Oldest first.
    pub history: Vec<HistoryEntry>,
}

/// One thing that happened to a payment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HistoryEntry {
    pub at_ms: i64,
    /// `begun`, `sending`, `resending`, `not_sent`, `answered`, `in_doubt`, `gave_up`, `abandoned`, `asked`,
    /// `notified`, `restarted`, `settled_by_hand`, `superseded`, `told` (an event that was owed).
    pub what: String,
    pub attempt: Option<u32>,
    /// The state it led to.
    pub state: String,
    /// Codes and reasons; the id of the event it became.
    pub detail: Option<String>,
}

/// Money that left, or may have, within a minute. Payments without an amount are not in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Spending {
    pub account: String,
    pub operation: String,
    /// When the last of it left, in store time.
    pub at_ms: i64,
    pub amount_minor: u64,
}

/// A stop for everything of an account that moves money.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Freeze {
    pub account: String,
    pub reason: String,
    pub since_ms: i64,
}

/// What [`Journal::recover`](super::Journal::recover) found.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Recovered {
    /// Attempts of dead processes whose outcome is now unknown.
    pub unknown: u64,
    /// Calls of dead processes that were never sent, or refused: closed.
    pub closed: u64,
    /// Calls that a living process is making.
    pub under_way: u64,
}

/// Why a payment did not take a step. Nothing changed, unless it [may be written](JournalError::may_be_written).
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum JournalError {
    /// It could not be recorded. A caller that was about to send must not.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The rules do not allow it now.
    #[error("payment `{id}`: {why}")]
    Forbidden { id: PaymentId, why: Forbidden },
    /// The account is frozen: nothing may be sent.
    #[error("account `{}` is frozen: {}", .0.account, .0.reason)]
    Frozen(Freeze),
    #[error("no payment `{0}` in the journal")]
    NoSuchPayment(PaymentId),
}

impl JournalError {
    /// As [`StoreError::may_be_written`].
    pub fn may_be_written(&self) -> bool {
        matches!(self, Self::Store(error) if error.may_be_written())
    }
}

impl QueryAnswer {
    /// The provider's id of what was found.
    pub fn provider_reference(&self) -> Option<&String> {
        match self {
            Self::Found { provider_reference, .. } => provider_reference.as_ref(),
            Self::NotFound | Self::Unclear { .. } => None,
        }
    }
}

impl Closure {
    pub fn reason(&self) -> &str {
        match self {
            Self::Abandoned { reason, .. } | Self::ByHand { reason, .. } => reason,
        }
    }
}

impl PaymentRow {
    /// How it ended, if it did.
    pub fn end(&self) -> Option<Final> {
        match self.payment.state {
            State::Settled(end) => Some(end),
            State::Ready | State::Sending { .. } | State::Unknown { .. } => None,
        }
    }

    /// Whether its outcome at the provider is known although no notification of it came.
    pub fn is_over_unnoticed(&self) -> bool {
        self.end() == Some(Final::Accepted)
            && self.payment.status.is_some_and(EventStatus::is_final)
            && self.notified_at_ms.is_none()
    }

    /// Why the provider's report may not be about this very payment, as it was sent.
    pub fn objections(
        &self,
        provider_reference: Option<&str>,
        amount_minor: Option<i64>,
        amount_unreadable: bool,
        currency: Option<&str>,
    ) -> Vec<Flag> {
        let known = self.provider_reference.as_deref().zip(provider_reference);
        [
            (known.is_some_and(|(known, told)| known != told), Flag::ConflictingReference),
            (self.differs_from(amount_minor, currency), Flag::AmountMismatch),
            (amount_unreadable && self.amount_minor.is_some(), Flag::AmountUnreadable),
        ]
        .into_iter()
        .filter_map(|(holds, flag)| holds.then_some(flag))
        .collect()
    }

    /// Keeps on record what speaks against it.
    pub(super) fn object(&mut self, flags: &[Flag], provider_reference: Option<&String>) {
        self.amount_differs |= flags.contains(&Flag::AmountMismatch);
        if flags.contains(&Flag::ConflictingReference) {
            self.conflicting_reference = provider_reference.cloned();
        }
    }

    /// Whether amount or currency contradict what was sent. What either side leaves out contradicts nothing.
    pub fn differs_from(&self, amount_minor: Option<i64>, currency: Option<&str>) -> bool {
        let amounts = self.amount_minor.zip(amount_minor);
        let currencies = self.currency.as_deref().zip(currency);
        amounts.is_some_and(|(sent, told)| sent != told)
            || currencies.is_some_and(|(sent, told)| sent != told)
    }
}
