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
    /// What the provider is answered once its notification is stored.
    pub acknowledge: Acknowledgement,
    /// What is read from events that no rule names.
    #[serde(default)]
    pub unrecognised: EventMembers,
    /// In the order of the profile.
    #[serde(skip)]
    pub rules: Vec<EventRule>,
}

/// What the provider wants to hear once a notification is safe.
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
    /// The event names, each with what it says became of it.
    pub names: BTreeMap<String, EventStatus>,
    /// Further event names begin with this.
    pub prefix: Option<String>,
    /// Notifications without an event name that are of this kind all the same.
    pub without_name: Option<WithoutName>,
    pub members: EventMembers,
    /// The words of the status member by what they mean. Empty where the event's name is all there is.
    #[serde(default)]
    pub statuses: BTreeMap<EventStatus, Vec<String>>,
    /// Members whose absence is worth a line in the log.
    #[serde(default)]
    pub required: Vec<String>,
    /// Members that, with the event's name, tell the same event from another one. Empty: only the same text is the same.
    #[serde(default)]
    pub identity: Vec<String>,
    /// Whether the provider's own documentation confirms names and members.
    #[serde(default = "crate::provider::confirmed")]
    pub confirmed: bool,
    /// Address of the page the row comes from.
    pub source: String,
    pub note: Option<String>,
}

/// How a notification without an event name is known: by the value of another member.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WithoutName {
    pub member: String,
    #[serde(rename = "in")]
    pub values: Vec<String>,
}

/// Which member holds what.
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
    /// The rule for an event name. A name that is listed goes before prefixes.
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
    /// What an event's name says became of it.
    pub fn claim(&self, event: Option<&str>) -> Option<EventStatus> {
        let listed = event.and_then(|event| self.names.get(event).copied());
        listed.or_else(|| self.kind.only_status())
    }

    /// What a word of the status member means; capitals make no difference. Where a word means several things, `claimed`
    /// (what the event's name says) picks among them, else the kind's first is taken.
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
    /// Every role with the member names that play it.
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
