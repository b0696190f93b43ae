//! Turns a profile file into a [`Provider`], or into the list of everything wrong with it.
//!
//! Building continues after a mistake, so that one run reports all of them; the result is then discarded.

mod events;
mod file;
mod members;
mod mistakes;
mod operations;
mod overrides;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, LazyLock};
use std::time::Duration;

use super::codes::{Code, CodeMeaning, CodeTable};
use super::event::EventTable;
use super::operation::{Operation, OperationOverride};
use super::profile::{Lost, Provider};
use crate::mistake::Mistake;
use file::{LostFile, ProfileFile, SigningFile};
use mistakes::{Mistakes, Sources, expected_one_of, malformed};

static BLUEPAY: LazyLock<Provider> = LazyLock::new(|| {
    Provider::from_toml(include_str!("../../../config/providers/bluepay.toml"))
        .expect("the built-in profile has no mistakes: a test compiles it")
});

/// The names of the profiles compiled into the program.
pub fn builtin_names() -> &'static [&'static str] {
    &["bluepay"]
}

impl Provider {
    /// The profile of that name compiled into the program, see [`builtin_names`].
    pub fn builtin(name: &str) -> Option<Self> {
        match name {
            "bluepay" => Some(BLUEPAY.clone()),
            _ => None,
        }
    }

    /// Compiles a profile's TOML text. Mistakes have key paths like `operation.payout_create.member.amount.pattern`;
    /// where the text is not TOML or not a profile at all, the path is the line and column.
    pub fn from_toml(text: &str) -> Result<Self, Vec<Mistake>> {
        let file: ProfileFile =
            toml::from_str(text).map_err(|error| vec![unreadable(text, &error)])?;
        let mut mistakes = Mistakes::default();
        let provider = provider(file, &mut mistakes);
        mistakes.into_result(provider)
    }

    /// The same provider with some rows changed; keys are operation names. Mistakes have paths below the account.
    pub fn with_overrides(
        &self,
        overrides: &BTreeMap<String, OperationOverride>,
    ) -> Result<Self, Vec<Mistake>> {
        let mut mistakes = Mistakes::default();
        let mut provider = self.clone();
        overrides::apply(&mut provider, overrides, &mut mistakes);
        mistakes.into_result(provider)
    }
}

/// A text that cannot be read as a profile at all.
fn unreadable(text: &str, error: &toml::de::Error) -> Mistake {
    let problem = error.message().trim_end();
    let Some(before) = error.span().and_then(|span| text.get(..span.start)) else {
        return Mistake::new("", problem);
    };
    let line = before.matches('\n').count() + 1;
    let column = before.rsplit('\n').next().unwrap_or_default().chars().count() + 1;
    Mistake::new(format!("line {line}, column {column}"), problem)
}

/// Builds the provider that `file` describes.
fn provider(file: ProfileFile, mistakes: &mut Mistakes) -> Provider {
    if let Some(problem) = malformed(&file.name) {
        mistakes.add("name", problem);
    }
    let sources = Sources::new(file.sources, mistakes);
    answer_members([&file.answer.code, &file.answer.message, &file.answer.data], mistakes);
    let codes = code_table(file.codes, &sources, mistakes);
    let operations = operations::compile(file.operations, &sources, mistakes);
    recipes(&file.signing, mistakes);
    lost(&file.lost, mistakes);
    let mut events = EventTable { rules: file.events, ..file.notification };
    events::check(&mut events, &sources, mistakes);
    event_references(&operations, &events, mistakes);
    Provider {
        name: file.name,
        title: file.title,
        operations,
        request: file.signing.request,
        notification: file.signing.notification,
        answer: file.answer,
        codes,
        events,
        lost: Lost {
            grace: Duration::from_secs(file.lost.grace_seconds.into()),
            not_found_needed: file.lost.not_found_needed,
        },
    }
}

/// A call may still be on its way when a query does not find it: with no wait, or with no answer required, it would be
/// made twice.
fn lost(file: &LostFile, mistakes: &mut Mistakes) {
    if file.grace_seconds == 0 {
        mistakes.add("lost.grace_seconds", "found 0, expected at least 1 second");
    }
    if file.not_found_needed == 0 {
        mistakes.add("lost.not_found_needed", "found 0, expected at least 1 answer");
    }
}

fn answer_members(names: [&String; 3], mistakes: &mut Mistakes) {
    let distinct = BTreeSet::from(names);
    if distinct.len() < names.len() || names.iter().any(|name| name.is_empty()) {
        mistakes.add("answer", "expected three different member names, none of them empty");
    }
}

fn code_table(
    rows: BTreeMap<String, Code>,
    sources: &Sources,
    mistakes: &mut Mistakes,
) -> CodeTable {
    let mut codes = BTreeMap::new();
    for (key, mut row) in rows {
        let path = format!("codes.{key}");
        sources.resolve(&mut row.source, &path, mistakes);
        let Ok(number) = key.parse::<i64>() else {
            mistakes.add(path, "is not a whole number, expected the code as the provider sends it");
            continue;
        };
        if codes.insert(number, row).is_some() {
            mistakes.add(path, format!("code {number} is listed twice"));
        }
    }
    if !codes.values().any(|code| code.meaning == CodeMeaning::Accepted) {
        mistakes.add("codes", "no code means `accepted`, expected at least one");
    }
    CodeTable { codes }
}

/// Checks that both recipes can be executed: an impossible one must not panic at the first message.
fn recipes(signing: &SigningFile, mistakes: &mut Mistakes) {
    let checked =
        [("request", signing.request.check()), ("notification", signing.notification.check())];
    for (direction, result) in checked {
        if let Err(problem) = result {
            mistakes.add(format!("signing.{direction}"), problem);
        }
    }
}

/// Checks that the events used to read queries' answers exist.
fn event_references(operations: &[Arc<Operation>], events: &EventTable, mistakes: &mut Mistakes) {
    let names = || events.rules.iter().map(|rule| rule.name.as_str());
    for operation in operations {
        let Some(event) = &operation.event else { continue };
        if !names().any(|name| name == event) {
            let choices = expected_one_of(names());
            let problem = format!("`{event}` is not an event of this profile, {choices}");
            mistakes.add(format!("operation.{}.event", operation.name), problem);
        }
    }
}
