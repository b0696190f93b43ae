//! One line's worth: what happened, to what, by whom. The list of members is closed; none of them can hold a secret.

use jiff::Timestamp;
use serde::Serialize;

use super::actor::Actor;
use crate::store::{PaymentId, PaymentRow};
use crate::wire::RequestId;

/// What happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub enum Action {
    /// A sidecar began to run.
    #[serde(rename = "sidecar.started")]
    Started,
    /// A call that moves money was written down; nothing was sent yet.
    #[serde(rename = "payment.begun")]
    PaymentBegun,
    /// An attempt is about to leave.
    #[serde(rename = "payment.sent")]
    PaymentSent,
    /// Whether it happened is not known.
    #[serde(rename = "payment.unknown")]
    PaymentUnknown,
    /// It is known how it ended.
    #[serde(rename = "payment.settled")]
    PaymentSettled,
    /// The provider told of it.
    #[serde(rename = "payment.notified")]
    PaymentNotified,
    /// Payments of a process that died were taken over as unknown.
    #[serde(rename = "payments.recovered")]
    PaymentsRecovered,
    /// Nothing of an account moves money until it is unfrozen.
    #[serde(rename = "account.frozen")]
    Frozen,
    /// It may again.
    #[serde(rename = "account.unfrozen")]
    Unfrozen,
    /// Events are to be delivered once more.
    #[serde(rename = "inbox.replayed")]
    Replayed,
    /// Events are not to be delivered.
    #[serde(rename = "inbox.discarded")]
    Discarded,
    /// A key came into use, at a start or a reload.
    #[serde(rename = "key.added")]
    KeyAdded,
    /// A key went out of use.
    #[serde(rename = "key.removed")]
    KeyRemoved,
    /// The configuration was read again; the outcome says whether it is in use.
    #[serde(rename = "configuration.reloaded")]
    Reloaded,
    /// A line was cut short by a crash or a full disk; it stays in the file, and this names its hash.
    #[serde(rename = "audit.torn")]
    Torn,
    /// The end of the file is not where it was: lines were taken away.
    #[serde(rename = "audit.truncated")]
    Truncated,
    /// This many entries could not be written and are lost.
    #[serde(rename = "audit.lost")]
    Lost,
}

/// What is written about it. Members in the order of a line; what does not apply is left out.
#[derive(Clone, Debug, Serialize)]
pub struct Entry {
    pub time: Option<Timestamp>,
    pub action: Action,
    pub actor: String,
    /// The request of the application in which it was done, as in the log.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub request_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub account: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub operation: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reference: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub payment: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub attempt: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub amount_minor: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub currency: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub outcome: Option<String>,
    /// What the provider says became of it, in the words of the events.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub status: Option<String>,
    /// The provider's code.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub code: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub provider_reference: Option<String>,
    /// Event ids, or a filter in words.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub events: Option<String>,
    /// How many payments, events, entries or bytes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub count: Option<u64>,
    /// An operator's own words.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub key: Option<String>,
    /// `sign` or `verify`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub key_use: Option<&'static str>,
    /// True when the store's disk failed: it may or may not be so, also after a restart.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub uncertain: Option<bool>,
    /// The configuration's hash.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub configuration: Option<String>,
    /// The hash of what a torn line has.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub torn: Option<String>,
}

impl Entry {
    /// Nothing but what and who.
    pub fn new(action: Action, actor: Actor) -> Self {
        Self {
            time: None,
            action,
            actor: actor.to_string(),
            request_id: None,
            account: None,
            operation: None,
            reference: None,
            payment: None,
            attempt: None,
            amount_minor: None,
            currency: None,
            outcome: None,
            status: None,
            code: None,
            provider_reference: None,
            events: None,
            count: None,
            reason: None,
            key: None,
            key_use: None,
            uncertain: None,
            configuration: None,
            torn: None,
        }
    }

    /// Done in the application's request with this id.
    pub fn within(mut self, request_id: &RequestId) -> Self {
        self.request_id = Some(request_id.to_string());
        self
    }

    /// About a payment of which no more is at hand than its id.
    pub fn about(mut self, id: &PaymentId) -> Self {
        self.payment = Some(id.to_string());
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

    /// About a key; `key_use` is `sign` or `verify`.
    pub fn of_key(mut self, id: &str, key_use: &'static str) -> Self {
        self.key = Some(id.to_owned());
        self.key_use = Some(key_use);
        self
    }

    /// How often, or how many.
    pub fn counting(mut self, count: u64) -> Self {
        self.count = Some(count);
        self
    }

    /// What was to be done failed, and may be found done.
    pub fn uncertain(mut self) -> Self {
        self.uncertain = Some(true);
        self
    }

    pub(super) fn at(mut self, now: Timestamp) -> Self {
        self.time = Some(now);
        self
    }
}
