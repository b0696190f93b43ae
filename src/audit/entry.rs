//! The content of one line: what happened, to what, by whom. The list of members is closed; none of them can contain a
//! secret.

use jiff::Timestamp;
use serde::Serialize;
use strum::IntoStaticStr;

use super::actor::Actor;
use crate::sign::KeyUse;
use crate::store::PaymentRow;
use crate::wire::RequestId;

/// What happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq, IntoStaticStr)]
pub enum Action {
    /// A sidecar began to run.
    #[strum(serialize = "sidecar.started")]
    Started,
    /// A call that moves money was recorded; nothing was sent yet.
    #[strum(serialize = "payment.begun")]
    PaymentBegun,
    /// An attempt is about to leave.
    #[strum(serialize = "payment.sent")]
    PaymentSent,
    /// Whether it happened is not known.
    #[strum(serialize = "payment.unknown")]
    PaymentUnknown,
    /// Its outcome is known.
    #[strum(serialize = "payment.settled")]
    PaymentSettled,
    /// A notification about it came from the provider.
    #[strum(serialize = "payment.notified")]
    PaymentNotified,
    /// Payments of a process that died were taken over as unknown.
    #[strum(serialize = "payments.recovered")]
    PaymentsRecovered,
    /// The account moves no money until it is unfrozen.
    #[strum(serialize = "account.frozen")]
    Frozen,
    /// The account may move money again.
    #[strum(serialize = "account.unfrozen")]
    Unfrozen,
    /// Events are to be delivered again.
    #[strum(serialize = "inbox.replayed")]
    Replayed,
    /// Events are not to be delivered.
    #[strum(serialize = "inbox.discarded")]
    Discarded,
    /// A key came into use, at a start or a reload.
    #[strum(serialize = "key.added")]
    KeyAdded,
    /// A key went out of use.
    #[strum(serialize = "key.removed")]
    KeyRemoved,
    /// The configuration was read again; the outcome says whether it is in use.
    #[strum(serialize = "configuration.reloaded")]
    Reloaded,
    /// A line was cut short by a crash or a full disk; it stays in the file, and this names its hash.
    #[strum(serialize = "audit.torn")]
    Torn,
    /// The file is shorter than it was: lines were removed.
    #[strum(serialize = "audit.truncated")]
    Truncated,
    /// This many entries could not be written and are lost.
    #[strum(serialize = "audit.lost")]
    Lost,
}

/// What is recorded about it. Members in the order of a line; those that do not apply are left out.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Entry {
    pub time: Option<Timestamp>,
    pub action: &'static str,
    pub actor: String,
    /// The request of the application in which it was done, as in the log.
    pub request_id: Option<String>,
    pub account: Option<String>,
    pub operation: Option<String>,
    pub reference: Option<String>,
    pub payment: Option<String>,
    pub attempt: Option<u32>,
    pub amount_minor: Option<i64>,
    pub currency: Option<String>,
    pub outcome: Option<String>,
    /// Its status according to the provider, in the words of the events.
    pub status: Option<String>,
    /// The provider's code.
    pub code: Option<i64>,
    pub provider_reference: Option<String>,
    /// Event ids, or a filter in words.
    pub events: Option<String>,
    /// How many payments, events, entries or bytes.
    pub count: Option<u64>,
    /// An operator's own words.
    pub reason: Option<String>,
    pub key: Option<String>,
    /// `sign` or `verify`.
    pub key_use: Option<&'static str>,
    /// True when the store's disk failed: it may or may not be recorded, also after a restart.
    pub uncertain: Option<bool>,
    /// The configuration's hash.
    pub configuration: Option<String>,
    /// The hash of a torn line's bytes.
    pub torn: Option<String>,
}

impl Entry {
    /// An entry with only what and who.
    pub fn new(action: Action, actor: Actor) -> Self {
        Self { action: action.into(), actor: actor.to_string(), ..Self::default() }
    }

    /// Done in the application's request with this id.
    pub fn within(mut self, request_id: &RequestId) -> Self {
        self.request_id = Some(request_id.to_string());
        self
    }

    /// About a payment.
    pub fn about_payment(mut self, row: &PaymentRow) -> Self {
        self.account = Some(row.account.clone());
        self.operation = Some(row.operation.clone());
        self.reference = Some(row.reference.clone());
        self.payment = Some(row.id.to_string());
        self.amount_minor = row.amount_minor;
        self.currency.clone_from(&row.currency);
        self.provider_reference.clone_from(&row.provider_reference);
        self.outcome = row.payment.outcome().map(|outcome| outcome.as_str().to_owned());
        self.status = row.payment.status.map(|status| status.word().to_owned());
        self
    }

    /// About an account.
    pub fn of_account(mut self, account: &str) -> Self {
        self.account = Some(account.to_owned());
        self
    }

    /// About a key.
    pub fn of_key(mut self, id: &str, key_use: KeyUse) -> Self {
        self.key = Some(id.to_owned());
        self.key_use = Some(key_use.into());
        self
    }

    /// How often, or how many.
    pub fn counting(mut self, count: u64) -> Self {
        self.count = Some(count);
        self
    }

    /// Done for this reason, in an operator's words.
    pub fn because(mut self, reason: &str) -> Self {
        self.reason = Some(reason.to_owned());
        self
    }

    pub(super) fn at(mut self, now: Timestamp) -> Self {
        self.time = Some(now);
        self
    }
}
