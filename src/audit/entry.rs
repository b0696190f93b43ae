//! One line's worth: what happened, to what, by whom. The list of members is closed; none of them can hold a secret.

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
    /// A call that moves money was written down; nothing was sent yet.
    #[strum(serialize = "payment.begun")]
    PaymentBegun,
    /// An attempt is about to leave.
    #[strum(serialize = "payment.sent")]
    PaymentSent,
    /// Whether it happened is not known.
    #[strum(serialize = "payment.unknown")]
    PaymentUnknown,
    /// It is known how it ended.
    #[strum(serialize = "payment.settled")]
    PaymentSettled,
    /// A notification of it came from the provider.
    #[strum(serialize = "payment.notified")]
    PaymentNotified,
    /// Payments of a process that died were taken over as unknown.
    #[strum(serialize = "payments.recovered")]
    PaymentsRecovered,
    /// Nothing of an account moves money until it is unfrozen.
    #[strum(serialize = "account.frozen")]
    Frozen,
    /// It may again.
    #[strum(serialize = "account.unfrozen")]
    Unfrozen,
    /// Events are to be delivered once more.
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
    /// The end of the file is not where it was: lines were taken away.
    #[strum(serialize = "audit.truncated")]
    Truncated,
    /// This many entries could not be written and are lost.
    #[strum(serialize = "audit.lost")]
    Lost,
}

/// What is written about it. Members in the order of a line; what does not apply is left out.
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
    /// What the provider says became of it, in the words of the events.
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
    /// True when the store's disk failed: it may or may not be so, also after a restart.
    pub uncertain: Option<bool>,
    /// The configuration's hash.
    pub configuration: Option<String>,
    /// The hash of what a torn line has.
    pub torn: Option<String>,
}

impl Entry {
    /// Nothing but what and who.
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
