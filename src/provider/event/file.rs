//! Mirrors the parts of a profile file that describe notifications. Nothing is checked here but shape.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::amount::AmountUnit;
use super::kind::{EventKind, EventStatus};
use super::rule::{Acknowledgement, EventMembers, WithoutName};
use super::time::TimeFormat;
use crate::json::MemberNames;

/// What all notifications of a provider share, `[notification]`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NotificationFile {
    /// The member that holds the event's name.
    pub event: MemberNames,
    pub time_formats: Vec<TimeFormat>,
    pub amount_unit: AmountUnit,
    pub acknowledge: Acknowledgement,
    #[serde(default)]
    pub unrecognised: EventMembers,
}

/// One kind of notification, `[[event]]`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EventFile {
    pub name: String,
    pub title: String,
    pub kind: EventKind,
    /// Event name = what it says became of it.
    pub names: BTreeMap<String, EventStatus>,
    pub prefix: Option<String>,
    pub without_name: Option<WithoutName>,
    pub members: EventMembers,
    /// Status = the words of the status member that mean it.
    #[serde(default)]
    pub statuses: BTreeMap<EventStatus, Vec<String>>,
    #[serde(default)]
    pub required: Vec<String>,
    #[serde(default)]
    pub identity: Vec<String>,
    #[serde(default = "confirmed")]
    pub confirmed: bool,
    pub source: String,
    pub note: Option<String>,
}

fn confirmed() -> bool {
    true
}
