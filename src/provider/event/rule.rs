//! What a profile says about notifications, compiled: which event a name means, and which member holds what.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::amount::AmountUnit;
use super::kind::{EventKind, EventStatus};
use super::time::TimeFormat;
use crate::json::MemberNames;

/// All rules of a profile, and the conventions they share: `[notification]`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EventTable {
    /// The member that holds the event's name.
    #[serde(rename = "event")]
    pub name_member: MemberNames,
    /// Tried in this order.
    pub time_formats: Vec<TimeFormat>,
    pub amount_unit: AmountUnit,
    /// The answer to the provider once its notification is stored.
    pub acknowledge: Acknowledgement,
    /// The members read from events that no rule names.
    #[serde(default)]
    pub unrecognised: EventMembers,
    /// In the order of the profile.
    #[serde(skip)]
    pub rules: Vec<EventRule>,
}

/// The answer that the provider expects once a notification is stored.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Acknowledgement {
    /// HTTP status.
    pub status: u16,
    pub content_type: String,
    pub body: String,
}

/// One kind of notification, `[[event]]`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EventRule {
    pub name: String,
    pub title: String,
    pub kind: EventKind,
    /// The event names, each with the status it stands for.
    pub names: BTreeMap<String, EventStatus>,
    /// The prefix of further event names.
    pub prefix: Option<String>,
    /// How notifications of this kind without an event name are recognised.
    pub without_name: Option<WithoutName>,
    pub members: EventMembers,
    /// The words of the status member by their meaning. Empty if there is only the event's name.
    #[serde(default)]
    pub statuses: BTreeMap<EventStatus, Vec<String>>,
    /// Members whose absence is worth a line in the log.
    #[serde(default)]
    pub required: Vec<String>,
    /// Members that, with the event's name, identify the event. Empty: only the same text is the same event.
    #[serde(default)]
    pub identity: Vec<String>,
    /// Whether the provider's own documentation confirms names and members.
    #[serde(default = "crate::provider::confirmed")]
    pub confirmed: bool,
    /// Address of the page the row comes from.
    pub source: String,
    pub note: Option<String>,
}

/// How a notification without an event name is recognised: by the value of another member.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WithoutName {
    pub member: String,
    #[serde(rename = "in")]
    pub values: Vec<String>,
}

/// Which member has which role.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EventMembers {
    pub status: Option<MemberNames>,
    /// The merchant's own order id.
    pub reference: Option<MemberNames>,
    pub provider_reference: Option<MemberNames>,
    /// The provider's id of the payment that a refund gives back.
    pub original_reference: Option<MemberNames>,
    pub amount: Option<MemberNames>,
    pub fee: Option<MemberNames>,
    pub channel: Option<MemberNames>,
    pub created: Option<MemberNames>,
    pub completed: Option<MemberNames>,
    pub failure_code: Option<MemberNames>,
    pub failure_message: Option<MemberNames>,
    pub remark: Option<MemberNames>,
    /// The merchant account that it is about, which must be the account's `app_id`.
    pub client_id: Option<MemberNames>,
}

impl EventTable {
    /// The rule for an event name. A listed name has priority over prefixes.
    pub fn find(&self, event: &str) -> Option<&EventRule> {
        let listed = self.rules.iter().find(|rule| rule.names.contains_key(event));
        listed.or_else(|| {
            self.rules
                .iter()
                .find(|rule| rule.prefix.as_deref().is_some_and(|prefix| event.starts_with(prefix)))
        })
    }

    /// Whether a rule lists the event name itself.
    pub fn lists(&self, event: &str) -> bool {
        self.rules.iter().any(|rule| rule.names.contains_key(event))
    }
}

impl EventRule {
    /// The status that an event's name stands for.
    pub fn claim(&self, event: Option<&str>) -> Option<EventStatus> {
        let listed = event.and_then(|event| self.names.get(event).copied());
        listed.or_else(|| self.kind.only_status())
    }

    /// What a word of the status member means; case does not matter. If a word has several meanings, `claimed` (what
    /// the event's name says) chooses between them; otherwise the first one of the kind applies.
    pub fn meaning(&self, word: &str, claimed: Option<EventStatus>) -> Option<EventStatus> {
        let means = |status: &EventStatus| {
            let words = self.statuses.get(status).map_or(&[][..], Vec::as_slice);
            words.iter().any(|known| known.eq_ignore_ascii_case(word))
        };
        let statuses = self.kind.statuses().iter().copied();
        claimed.into_iter().chain(statuses).find(means)
    }
}

impl EventMembers {
    /// Every role with its member names.
    pub fn roles(&self) -> impl Iterator<Item = (&'static str, &MemberNames)> {
        [
            ("status", &self.status),
            ("reference", &self.reference),
            ("provider_reference", &self.provider_reference),
            ("original_reference", &self.original_reference),
            ("amount", &self.amount),
            ("fee", &self.fee),
            ("channel", &self.channel),
            ("created", &self.created),
            ("completed", &self.completed),
            ("failure_code", &self.failure_code),
            ("failure_message", &self.failure_message),
            ("remark", &self.remark),
            ("client_id", &self.client_id),
        ]
        .into_iter()
        .filter_map(|(role, names)| Some((role, names.as_ref()?)))
    }

    /// The names of the role whose preferred member name is `name`.
    pub fn named(&self, name: &str) -> Option<&MemberNames> {
        self.roles().map(|(_, names)| names).find(|names| names.preferred() == name)
    }
}
