//! Checks what a profile says about notifications and completes it: addresses in place of short names.

use std::collections::BTreeMap;

use super::mistakes::{Mistakes, Sources, expected_one_of, malformed};
use crate::provider::event::{
    Acknowledgement, EventKind, EventMembers, EventRule, EventStatus, EventTable, WithoutName,
};

/// Checks `table` and completes its rules.
pub fn check(table: &mut EventTable, sources: &Sources, mistakes: &mut Mistakes) {
    acknowledgement(&table.acknowledge, mistakes);
    if let Err(problem) = table.name_member.check() {
        mistakes.add("notification.event", format!("has {problem}"));
    }
    if table.time_formats.is_empty() {
        mistakes.add("notification.time_formats", "is empty, expected at least one format");
    }
    members(&table.unrecognised, "notification.unrecognised", mistakes);
    let names = table.rules.iter().map(|rule| rule.name.as_str());
    mistakes.names("event", "events", names, malformed);
    event_names(&table.rules, mistakes);
    prefixes(&table.rules, mistakes);
    for rule in &mut table.rules {
        finish(rule, sources, mistakes);
    }
}

/// Checks that the acknowledgement can be sent and acknowledges.
fn acknowledgement(given: &Acknowledgement, mistakes: &mut Mistakes) {
    let path = "notification.acknowledge";
    if !(200..300).contains(&given.status) {
        let problem = format!("{} does not acknowledge, expected 200 to 299", given.status);
        mistakes.add(format!("{path}.status"), problem);
    }
    let plain = given.content_type.bytes().all(|byte| (b' '..=b'~').contains(&byte));
    if given.content_type.is_empty() || !plain {
        let problem = "is not a media type, expected one such as `application/json`";
        mistakes.add(format!("{path}.content_type"), problem);
    }
}

/// Checks that an event name has one meaning only.
fn event_names(rows: &[EventRule], mistakes: &mut Mistakes) {
    let mut owners: BTreeMap<&str, &str> = BTreeMap::new();
    for row in rows {
        for event in row.names.keys() {
            let path = format!("event.{}.names", row.name);
            if event.is_empty() {
                mistakes.add(path, "has an empty name, expected the event's name");
            } else if let Some(owner) = owners.insert(event, &row.name) {
                mistakes.add(path, format!("`{event}` is a name of `{owner}` already"));
            }
        }
    }
}

fn prefixes(rows: &[EventRule], mistakes: &mut Mistakes) {
    let mut seen: Vec<(&str, &str)> = Vec::new();
    for row in rows {
        let Some(prefix) = row.prefix.as_deref() else { continue };
        let path = format!("event.{}.prefix", row.name);
        if prefix.is_empty() {
            mistakes.add(path.as_str(), "is empty and would take every event");
        } else if row.kind.only_status().is_none() {
            let problem = format!(
                "a name that is not listed does not say the outcome of a {}, expected `names` only",
                row.kind
            );
            mistakes.add(path.as_str(), problem);
        }
        let other =
            seen.iter().find(|(other, _)| other.starts_with(prefix) || prefix.starts_with(other));
        if let Some((other, owner)) = other {
            mistakes
                .add(path, format!("`{prefix}` and `{other}` of `{owner}` take the same events"));
        }
        seen.push((prefix, &row.name));
    }
}

fn finish(row: &mut EventRule, sources: &Sources, mistakes: &mut Mistakes) {
    let path = format!("event.{}", row.name);
    if row.names.is_empty() && row.prefix.is_none() {
        mistakes.add(format!("{path}.names"), "is empty, expected event names");
    }
    for (event, claimed) in &row.names {
        status(row.kind, *claimed, &format!("{path}.names.{event}"), mistakes);
    }
    members(&row.members, &format!("{path}.members"), mistakes);
    words(row, &path, mistakes);
    for (key, names) in [("required", &row.required), ("identity", &row.identity)] {
        for name in names.iter().filter(|name| row.members.named(name).is_none()) {
            mistakes.add(format!("{path}.{key}"), not_a_member(name, &row.members));
        }
    }
    if let Some(WithoutName { member, values }) = &row.without_name {
        let path = format!("{path}.without_name");
        if row.members.named(member).is_none() {
            mistakes.add(format!("{path}.member"), not_a_member(member, &row.members));
        }
        if values.is_empty() {
            mistakes.add(format!("{path}.in"), "is empty, expected values");
        }
    }
    sources.resolve(&mut row.source, &path, mistakes);
}

/// Checks the status words: each for a status that the kind has, and a member to find them in.
fn words(row: &EventRule, path: &str, mistakes: &mut Mistakes) {
    let path = format!("{path}.statuses");
    let has_several = row.kind.only_status().is_none();
    match (&row.members.status, row.statuses.is_empty()) {
        (None, false) => {
            mistakes.add(path.as_str(), "there are words but no member, expected `members.status`");
        }
        (Some(_), true) if has_several => {
            mistakes.add(path.as_str(), "is empty, expected the words of the status member");
        }
        _ => {}
    }
    for (meant, words) in &row.statuses {
        let path = format!("{path}.{meant}");
        status(row.kind, *meant, &path, mistakes);
        if words.is_empty() || words.iter().any(String::is_empty) {
            mistakes.add(path, "holds no word or an empty one, expected the provider's words");
        }
    }
}

fn status(kind: EventKind, found: EventStatus, path: &str, mistakes: &mut Mistakes) {
    if !kind.statuses().contains(&found) {
        let known: Vec<&str> = kind.statuses().iter().map(|status| status.word()).collect();
        let problem =
            format!("`{found}` is not a status of a {kind}, expected {}", known.join(", "));
        mistakes.add(path, problem);
    }
}

fn members(members: &EventMembers, path: &str, mistakes: &mut Mistakes) {
    for (role, names) in members.roles() {
        if let Err(problem) = names.check() {
            mistakes.add(format!("{path}.{role}"), format!("has {problem}"));
        }
    }
}

fn not_a_member(name: &str, members: &EventMembers) -> String {
    let choices = expected_one_of(members.roles().map(|(_, names)| names.preferred()));
    format!("`{name}` is not one of `members`, {choices}")
}
