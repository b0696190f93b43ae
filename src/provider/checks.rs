//! Checks a profile file row by row and builds the compiled values, collecting every mistake with its key path.
//!
//! Building goes on after a mistake, so that one run reports them all; what was built is thrown away then.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use serde_json::Value;
use url::Url;

use super::codes::{Code, CodeMeaning, CodeTable};
use super::compile::{Lost, Provider};
use super::event;
use super::file::{CodeFile, OperationFile, ProfileFile, ResolutionFile, SigningFile};
use super::members;
use super::operation::{Fill, Kind, Member, Operation, Resolution};
use super::schema;
use crate::mistake::Mistake;

/// The mistakes found so far.
#[derive(Default)]
pub struct Mistakes(Vec<Mistake>);

impl Mistakes {
    pub fn add(&mut self, path: impl Into<String>, problem: impl Into<String>) {
        self.0.push(Mistake::new(path, problem));
    }

    /// `value` when nothing was wrong.
    pub fn into_result<T>(self, value: T) -> Result<T, Vec<Mistake>> {
        match self.0.is_empty() {
            true => Ok(value),
            false => Err(self.0),
        }
    }
}

/// Builds the provider that `file` describes.
pub fn provider(file: ProfileFile, mistakes: &mut Mistakes) -> Provider {
    if !is_name(&file.name) {
        mistakes.add("name", format!("`{}` is not a name, expected {NAME}", file.name));
    }
    let sources = Sources::new(file.sources, mistakes);
    answer_members(&[&file.answer.code, &file.answer.message, &file.answer.data], mistakes);
    let codes = code_table(file.codes, &sources, mistakes);
    names_and_paths(
        file.operations.iter().map(|row| (row.name.as_str(), row.path.as_str())),
        mistakes,
    );
    if file.operations.is_empty() {
        mistakes.add("operation", "the list is empty, expected at least one operation");
    }
    let operations: Vec<Arc<Operation>> = file
        .operations
        .into_iter()
        .map(|row| Arc::new(operation(row, &sources, mistakes)))
        .collect();
    for operation in &operations {
        resolution(operation, &operations, mistakes);
    }
    recipes(&file.signing, mistakes);
    event::acknowledgement(&file.notification.acknowledge, mistakes);
    let acknowledgement = file.notification.acknowledge.clone();
    let events = event::table(file.notification, file.events, &sources, mistakes);
    for operation in &operations {
        let Some(event) = &operation.event else { continue };
        if !events.rules.iter().any(|rule| rule.name == *event) {
            let names: Vec<&str> = events.rules.iter().map(|rule| rule.name.as_str()).collect();
            let problem = format!(
                "`{event}` is no event of this profile, expected one of {}",
                names.join(", ")
            );
            mistakes.add(format!("operation.{}.event", operation.name), problem);
        }
    }
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
            not_found_needed: file.lost.not_found_needed.max(1),
        },
        acknowledgement,
    }
}

/// That both recipes can be carried out: an impossible one is no reason to panic at the first message.
fn recipes(signing: &SigningFile, mistakes: &mut Mistakes) {
    let checked =
        [("request", signing.request.check()), ("notification", signing.notification.check())];
    for (direction, result) in checked {
        if let Err(problem) = result {
            mistakes.add(format!("signing.{direction}"), problem);
        }
    }
}

/// Pages by their short names.
pub struct Sources(BTreeMap<String, String>);

impl Sources {
    fn new(pages: BTreeMap<String, String>, mistakes: &mut Mistakes) -> Self {
        for (name, address) in &pages {
            if !is_address(address) {
                mistakes.add(
                    format!("sources.{name}"),
                    format!(
                        "`{address}` is not an address, expected one beginning with `https://`"
                    ),
                );
            }
        }
        Self(pages)
    }

    /// The address that `source` stands for.
    pub fn address(&self, source: String, path: &str, mistakes: &mut Mistakes) -> String {
        match self.0.get(&source) {
            Some(address) => address.clone(),
            None => {
                if !is_address(&source) {
                    let problem = format!(
                        "`{source}` is neither an address nor a name from `[sources]` ({})",
                        self.0.keys().map(String::as_str).collect::<Vec<_>>().join(", ")
                    );
                    mistakes.add(format!("{path}.source"), problem);
                }
                source
            }
        }
    }
}

/// That names and paths are well formed and that a request can mean one operation only.
pub fn names_and_paths<'a>(
    rows: impl Iterator<Item = (&'a str, &'a str)> + Clone,
    mistakes: &mut Mistakes,
) {
    let mut names = BTreeSet::new();
    let mut paths: BTreeMap<&str, &str> = BTreeMap::new();
    for (index, (name, path)) in rows.enumerate() {
        if !is_name(name) {
            mistakes.add(
                format!("operation[{index}].name"),
                format!("`{name}` is not a name, expected {NAME}"),
            );
        }
        if !names.insert(name) {
            mistakes.add(
                format!("operation[{index}].name"),
                format!("`{name}` names two operations, expected another name"),
            );
        }
        if !is_path(path) {
            mistakes.add(
                format!("operation.{name}.path"),
                format!("`{path}` is not a path, expected {PATH}"),
            );
        }
        if let Some(other) = paths.insert(path, name) {
            mistakes.add(
                format!("operation.{name}.path"),
                format!("`{path}` is the path of `{other}` already, expected another path"),
            );
        }
    }
    for (path, name) in &paths {
        let alias = path.strip_prefix('/').unwrap_or(path);
        if alias != *name && names.contains(alias) {
            mistakes.add(
                format!("operation.{name}.path"),
                format!("`{path}` reads like the operation `{alias}`, expected another path"),
            );
        }
    }
}

pub(super) const NAME: &str = "lower-case letters, digits, `_` and `-`, beginning with a letter";

pub(super) fn is_name(name: &str) -> bool {
    name.starts_with(|first: char| first.is_ascii_lowercase())
        && name.bytes().all(|byte| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'_' | b'-'))
}

const PATH: &str =
    "segments of letters, digits, `-`, `_`, `.` and `~`, each after a `/`, and no `/` at the end";

fn is_path(path: &str) -> bool {
    let Some(rest) = path.strip_prefix('/') else { return false };
    rest.split('/').all(|segment| {
        !matches!(segment, "" | "." | "..")
            && segment.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.~".contains(&byte))
    })
}

fn is_address(text: &str) -> bool {
    Url::parse(text).is_ok_and(|url| matches!(url.scheme(), "https" | "http"))
}

fn answer_members(names: &[&String], mistakes: &mut Mistakes) {
    let distinct: BTreeSet<_> = names.iter().collect();
    if distinct.len() < names.len() || names.iter().any(|name| name.is_empty()) {
        mistakes.add("answer", "expected three different member names, none of them empty");
    }
}

fn code_table(
    rows: BTreeMap<String, CodeFile>,
    sources: &Sources,
    mistakes: &mut Mistakes,
) -> CodeTable {
    let mut codes = BTreeMap::new();
    for (key, row) in rows {
        let path = format!("codes.{key}");
        let source = sources.address(row.source, &path, mistakes);
        let (meaning, title, confirmed, note) = (row.meaning, row.title, row.confirmed, row.note);
        let Ok(number) = key.parse::<i64>() else {
            mistakes.add(path, "is not a whole number, expected the code as the provider sends it");
            continue;
        };
        if codes.insert(number, Code { meaning, title, confirmed, source, note }).is_some() {
            mistakes.add(path, format!("code {number} is listed twice"));
        }
    }
    if !codes.values().any(|code| code.meaning == CodeMeaning::Accepted) {
        mistakes.add("codes", "no code means `accepted`, expected at least one");
    }
    CodeTable { codes }
}

fn operation(row: OperationFile, sources: &Sources, mistakes: &mut Mistakes) -> Operation {
    let path = format!("operation.{}", row.name);
    let source = sources.address(row.source, &path, mistakes);
    let mut members = members::compile(row.members, row.confirmed, &path, sources, mistakes);
    let known = |name: &String| members.iter().any(|member| member.name == *name);
    let filled = members.iter().find(|member| member.fill == Some(Fill::Reference));
    if let Some(filled) =
        filled.filter(|filled| row.reference.as_ref().is_none_or(|name| *name == filled.name))
    {
        mistakes.add(
            format!("{path}.member.{}.fill", filled.name),
            "`reference` needs the operation's `reference` to be another member",
        );
    }
    for name in row.requires_one_of.iter().filter(|name| !known(name)) {
        mistakes.add(format!("{path}.requires_one_of"), not_a_member(name, &members));
    }
    if row.money_moving && row.kind == Kind::Query {
        mistakes.add(format!("{path}.money_moving"), "a query moves no money, expected false");
    }
    if let Some(reference) = &row.reference {
        match members.iter_mut().find(|member| member.name == *reference) {
            Some(member) => {
                if let Err((key, problem)) = member.bound_as_reference() {
                    mistakes.add(format!("{path}.member.{reference}.{key}"), problem);
                }
            }
            None => mistakes.add(format!("{path}.reference"), not_a_member(reference, &members)),
        }
    }
    let mut operation = Operation {
        schema: Value::Bool(true),
        validator: schema::anything(),
        name: row.name,
        title: row.title,
        path: row.path,
        kind: row.kind,
        money_moving: row.money_moving,
        gives_back: row.gives_back,
        reference: row.reference,
        members,
        requires_one_of: row.requires_one_of,
        resolved_by: row.resolved_by.map(ResolutionFile::into),
        event: row.event,
        confirmed: row.confirmed,
        source,
        note: row.note,
    };
    operation.compile_schema(&path, mistakes);
    operation
}

impl Operation {
    /// Makes schema and validator anew from the rows.
    pub(super) fn compile_schema(&mut self, path: &str, mistakes: &mut Mistakes) {
        self.schema =
            schema::schema(&self.title, self.note.as_deref(), &self.members, &self.requires_one_of);
        match schema::validator(&self.schema) {
            Ok(validator) => self.validator = Arc::new(validator),
            Err(error) => mistakes.add(path, format!("its members make no valid schema: {error}")),
        }
    }
}

/// That the query and the members a resolution names exist.
fn resolution(operation: &Operation, all: &[Arc<Operation>], mistakes: &mut Mistakes) {
    let Some(resolution) = &operation.resolved_by else { return };
    let path = format!("operation.{}.resolved_by", operation.name);
    let queries = || all.iter().filter(|other| other.kind == Kind::Query);
    let Some(query) = queries().find(|query| query.name == resolution.operation) else {
        let names: Vec<&str> = queries().map(|query| query.name.as_str()).collect();
        let problem = format!(
            "`{}` is not a query of this profile, expected one of {}",
            resolution.operation,
            names.join(", ")
        );
        return mistakes.add(format!("{path}.operation"), problem);
    };
    if resolution.members.is_empty() {
        mistakes.add(format!("{path}.members"), "is empty, expected at least one member to ask by");
    }
    for (asked, taken) in &resolution.members {
        if query.member(asked).is_none() {
            mistakes.add(format!("{path}.members"), not_a_member(asked, &query.members));
        }
        if operation.member(taken).is_none() {
            mistakes.add(format!("{path}.members"), not_a_member(taken, &operation.members));
        }
    }
    for (key, pairs) in [("echo", &resolution.echo), ("match", &resolution.matching)] {
        for (_, taken) in pairs.iter().filter(|pair| !resolution.members.contains(pair)) {
            if operation.member(taken).is_none() {
                mistakes.add(format!("{path}.{key}"), not_a_member(taken, &operation.members));
            }
        }
    }
    let reference = operation.reference.as_deref();
    if operation.money_moving && reference.is_some() && !resolution.names(reference) {
        let key = if resolution.matching.is_empty() { "echo" } else { "match" };
        let problem = "does not name the operation's reference, expected the member of the answer \
            that carries it: without it nothing that is found is known to be this call";
        mistakes.add(format!("{path}.{key}"), problem);
    }
}

/// That `name` is none of `members`.
pub fn not_a_member(name: &str, members: &[Member]) -> String {
    let names: Vec<&str> = members.iter().map(|member| member.name.as_str()).collect();
    match names.is_empty() {
        true => format!("`{name}` is not a member of the operation, which has none"),
        false => format!("`{name}` is not a member, expected one of {}", names.join(", ")),
    }
}

impl From<ResolutionFile> for Resolution {
    fn from(file: ResolutionFile) -> Self {
        let echo = file.echo.unwrap_or_else(|| file.members.clone());
        Self {
            operation: file.operation,
            members: file.members.into_iter().collect(),
            echo: echo.into_iter().collect(),
            matching: file.r#match.into_iter().collect(),
        }
    }
}
