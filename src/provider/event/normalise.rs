//! Turns one notification into one event, by the profile's rules.
//!
//! The status member decides, or the event's name if there is no status member. If neither is known, it becomes an
//! unrecognised event: to call a payment succeeded or failed because of an unknown word could lead to a second payment.

use std::borrow::Cow;

use jiff::Timestamp;
use jiff::tz::Offset;
use serde::Serialize;

use super::amount::Amount;
use super::kind::{EventKind, EventStatus, Flag, UNRECOGNISED};
use super::reading::{Found, Reading};
use super::rule::{EventRule, EventTable};
use super::time::EventTime;
use crate::json::{JsonError, Object, parse_object};
use crate::provider::{Operation, Provider};
use crate::sign::Hash;

/// The context of a notification.
#[derive(Clone, Copy, Debug)]
pub struct NormaliseContext<'a> {
    /// The account's name.
    pub account: &'a str,
    /// The account's currency, an ISO 4217 code.
    pub currency: Option<&'a str>,
    /// How the provider's zone-less times are read.
    pub timezone: Offset,
    pub received_at: Timestamp,
    /// The event's id, the same on every repeat.
    pub id: &'a str,
}

/// A notification in our own words. Serialised, it is the `data` of the delivered event: its members and their order
/// are a promise to applications.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Normalised {
    #[serde(skip)]
    pub id: String,
    pub account: String,
    /// The provider's name.
    pub provider: String,
    /// Missing when no rule names the event.
    pub kind: Option<EventKind>,
    /// One of the kind's; missing when the event is unrecognised.
    pub status: Option<EventStatus>,
    /// The merchant's own order id.
    pub reference: Option<String>,
    pub provider_reference: Option<String>,
    /// The provider's id of the payment that a refund gives back.
    #[serde(skip)]
    pub original_reference: Option<String>,
    pub amount: Option<Amount>,
    /// For a refund: the fee that is given back.
    pub fee: Option<Amount>,
    pub channel: Option<String>,
    /// When it happened, as far as known: completed, created or received.
    #[serde(skip)]
    pub time: EventTime,
    pub created_at: Option<EventTime>,
    pub completed_at: Option<EventTime>,
    pub failure: Option<Failure>,
    pub remark: Option<String>,
    /// The merchant account that it says it is about.
    #[serde(skip)]
    pub client_id: Option<String>,
    /// In the order they were raised; see [`Normalised::raise`].
    pub flags: Vec<Flag>,
    pub notification: NotificationText,
    /// The trace context in which its payment was made; set where it is known.
    #[serde(skip)]
    pub traceparent: Option<String>,
    /// What was missing or unexpected, for one line in the log. Names of members, no values.
    #[serde(skip)]
    pub notes: Vec<String>,
    #[serde(skip)]
    pub(super) is_listed: bool,
    #[serde(skip)]
    pub(super) dedupe_key: String,
}

/// Why it failed, in the provider's words.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Failure {
    /// Always a text: providers send numbers and texts alike.
    pub code: Option<String>,
    pub message: Option<String>,
}

/// What the provider said.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct NotificationText {
    /// The event's name.
    pub event: Option<String>,
    /// The word in its status member.
    pub status: Option<String>,
    /// The exact text that was signed.
    pub param: String,
}

/// A text that is not one JSON object, or that is ambiguous: a dead letter.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the notification is not usable JSON: {error}")]
pub struct Unparsable {
    pub error: JsonError,
    /// Like [`Normalised::dedupe_key`].
    pub dedupe_key: String,
}

impl Provider {
    /// Turns a verified notification's exact text into an event.
    pub fn normalise(
        &self,
        param: &str,
        context: &NormaliseContext<'_>,
    ) -> Result<Normalised, Unparsable> {
        let object = parse_object(param.as_bytes())
            .map_err(|error| Unparsable { error, dedupe_key: key_of_text(param) })?;
        let mut reading = Reading::new(&object);
        let (event, rule) = self.event(&mut reading);
        if let Some(rule) = rule {
            reading.require(&rule.required);
        }
        Ok(self.read_event(param, context, &object, reading, event, rule))
    }

    /// Turns a query's answer about a lost call of `operation` into an event, flagged as synthesised. `data` is the
    /// exact text of what the provider knows about the call. `None` when the profile does not say how to read it, or it
    /// is not an object.
    pub fn synthesise(
        &self,
        operation: &Operation,
        data: &str,
        context: &NormaliseContext<'_>,
    ) -> Option<Normalised> {
        let rule = self.event_rule(operation)?;
        let object = parse_object(data.as_bytes()).ok()?;
        let mut event =
            self.read_event(data, context, &object, Reading::new(&object), None, Some(rule));
        event.raise(Flag::Synthesised);
        Some(event)
    }

    fn read_event(
        &self,
        param: &str,
        context: &NormaliseContext<'_>,
        object: &Object<'_>,
        mut reading: Reading<'_, '_>,
        event: Option<String>,
        rule: Option<&EventRule>,
    ) -> Normalised {
        let members = rule.map_or(&self.events.unrecognised, |rule| &rule.members);
        let word = members.status.as_ref().map_or(Found::Nothing, |names| reading.find(names));
        let (status, mut flags) = rule.map_or_else(Default::default, |rule| {
            judge(rule, event.as_deref(), &word, &mut reading)
        });
        let dedupe_key = rule
            .and_then(|rule| key_of_identity(rule, event.as_deref(), object))
            .unwrap_or_else(|| key_of_text(param));
        let EventTable { time_formats, amount_unit, .. } = &self.events;
        let created_at = reading.time(members.created.as_ref(), time_formats, context.timezone);
        let completed_at = reading.time(members.completed.as_ref(), time_formats, context.timezone);
        let amount = reading.amount(members.amount.as_ref(), *amount_unit, context.currency);
        if amount.is_err() {
            flags.push(Flag::AmountUnreadable);
        }
        let blank = self.blank_event(context);
        Normalised {
            kind: rule.map(|rule| rule.kind),
            status,
            reference: reading.text(members.reference.as_ref()),
            provider_reference: reading.text(members.provider_reference.as_ref()),
            original_reference: reading.text(members.original_reference.as_ref()),
            amount: amount.unwrap_or_default(),
            fee: reading
                .amount(members.fee.as_ref(), *amount_unit, context.currency)
                .unwrap_or_default(),
            channel: reading.text(members.channel.as_ref()),
            time: completed_at.or(created_at).unwrap_or(blank.time),
            created_at,
            completed_at,
            failure: Failure::of_texts(
                reading.text(members.failure_code.as_ref()),
                reading.text(members.failure_message.as_ref()),
            ),
            remark: reading.text(members.remark.as_ref()),
            client_id: reading.text(members.client_id.as_ref()),
            flags,
            is_listed: event.as_deref().is_some_and(|event| self.events.lists(event)),
            notification: NotificationText {
                event,
                status: match word {
                    Found::Text(word) => Some(word.into_owned()),
                    Found::Nothing | Found::Odd => None,
                },
                param: param.to_owned(),
            },
            notes: reading.into_notes(),
            dedupe_key,
            ..blank
        }
    }

    /// An event of which only the context is known.
    pub(super) fn blank_event(&self, context: &NormaliseContext<'_>) -> Normalised {
        Normalised {
            id: context.id.to_owned(),
            account: context.account.to_owned(),
            provider: self.name.clone(),
            time: EventTime { timestamp: context.received_at, offset: context.timezone },
            ..Normalised::default()
        }
    }

    /// The event's name, and the rule that names it.
    fn event(&self, reading: &mut Reading<'_, '_>) -> (Option<String>, Option<&EventRule>) {
        let names = &self.events.name_member;
        match reading.find(names) {
            Found::Text(event) => {
                let rule = self.events.find(&event);
                if rule.is_none() {
                    reading.note(names, "is an event that the profile does not know");
                }
                (Some(event.into_owned()), rule)
            }
            Found::Nothing => {
                reading.note(names, "is missing");
                (None, self.events.rules.iter().find(|rule| fits_without_name(rule, reading)))
            }
            Found::Odd => (None, None),
        }
    }
}

fn fits_without_name(rule: &EventRule, reading: &Reading<'_, '_>) -> bool {
    let Some(without_name) = &rule.without_name else { return false };
    let value = reading.peek(rule.members.named(&without_name.member));
    value.is_some_and(|value| without_name.values.iter().any(|known| *known == value))
}

impl Failure {
    fn of_texts(code: Option<String>, message: Option<String>) -> Option<Self> {
        (code.is_some() || message.is_some()).then_some(Self { code, message })
    }
}

impl Normalised {
    /// The event's type, as in `countersign.payout.succeeded`.
    pub fn event_type(&self) -> String {
        match (self.kind, self.status) {
            (Some(kind), Some(status)) => format!("countersign.{kind}.{status}"),
            _ => UNRECOGNISED.to_owned(),
        }
    }

    /// The same for notifications of the same event, whatever their text; at one account only. 70 characters at most.
    pub fn dedupe_key(&self) -> &str {
        &self.dedupe_key
    }

    /// The key by which deliveries are kept in order: the reference, or the provider's if there is none.
    pub fn order_key(&self) -> Option<&str> {
        self.reference.as_deref().or(self.provider_reference.as_deref())
    }

    /// The event's name for a metric's label: one that the profile lists, or `other`.
    pub fn event_label(&self) -> &str {
        match &self.notification.event {
            Some(event) if self.is_listed => event,
            _ => "other",
        }
    }

    /// Adds a flag, once.
    pub fn raise(&mut self, flag: Flag) {
        if !self.flags.contains(&flag) {
            self.flags.push(flag);
        }
    }
}

/// The status, and whether name and status member agree on it.
fn judge(
    rule: &EventRule,
    event: Option<&str>,
    word: &Found<'_>,
    reading: &mut Reading<'_, '_>,
) -> (Option<EventStatus>, Vec<Flag>) {
    let claimed = rule.claim(event);
    let Some(names) = rule.members.status.as_ref().filter(|_| !rule.statuses.is_empty()) else {
        return (claimed, Vec::new());
    };
    match word {
        Found::Nothing => (claimed, Vec::new()),
        Found::Odd => (None, Vec::new()),
        Found::Text(word) => {
            let status = rule.meaning(word, claimed);
            if status.is_none() {
                reading.note(names, "holds a word that the profile does not know");
            }
            let disagree = status.zip(claimed).is_some_and(|(status, claimed)| status != claimed);
            (status, disagree.then_some(Flag::StatusMismatch).into_iter().collect())
        }
    }
}

/// The key of the event itself, when the notification has all members that distinguish it from others.
fn key_of_identity(rule: &EventRule, event: Option<&str>, object: &Object<'_>) -> Option<String> {
    if rule.identity.is_empty() {
        return None;
    }
    let reading = Reading::new(object);
    let mut parts = vec![event.unwrap_or_default().to_owned()];
    for name in &rule.identity {
        parts.push(reading.peek(rule.members.named(name))?.into_owned());
    }
    // A notification that settles a payment must not be taken for a repetition of one with another reference or amount.
    for names in [&rule.members.reference, &rule.members.amount] {
        let value = reading.peek(names.as_ref());
        parts.push(value.map(Cow::into_owned).unwrap_or_default());
    }
    // A JSON list keeps the parts apart, whatever they contain.
    let parts = serde_json::Value::from(parts).to_string();
    Some(format!("event:{}", Hash::Sha256.digest_hex(parts.as_bytes())))
}

fn key_of_text(param: &str) -> String {
    format!("text:{}", Hash::Sha256.digest_hex(param.as_bytes()))
}
