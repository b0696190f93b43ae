//! Checks the operations of a profile and completes them: addresses in place of short names, schemas from members.

use std::borrow::Borrow;
use std::collections::BTreeMap;
use std::sync::Arc;

use super::members;
use super::mistakes::{Mistakes, Sources, expected_one_of, malformed};
use crate::provider::member::{Fill, Member};
use crate::provider::operation::{Kind, Operation};

/// The operations that `rows` describe.
pub fn compile(
    mut rows: Vec<Operation>,
    sources: &Sources,
    mistakes: &mut Mistakes,
) -> Vec<Arc<Operation>> {
    names_and_paths(&rows, mistakes);
    if rows.is_empty() {
        mistakes.add("operation", "the list is empty, expected at least one operation");
    }
    for row in &mut rows {
        finish(row, sources, mistakes);
    }
    for row in &rows {
        resolution(row, &rows, mistakes);
    }
    rows.into_iter().map(Arc::new).collect()
}

/// Checks that names and paths are well formed and that a request can mean one operation only.
pub fn names_and_paths(rows: &[impl Borrow<Operation>], mistakes: &mut Mistakes) {
    let rows = || rows.iter().map(Borrow::<Operation>::borrow);
    mistakes.names("operation", "operations", rows().map(|row| row.name.as_str()), malformed);
    let mut paths: BTreeMap<&str, &str> = BTreeMap::new();
    for Operation { name, path, .. } in rows() {
        if !is_path(path) {
            let problem = format!("`{path}` is not a path, expected {PATH}");
            mistakes.add(format!("operation.{name}.path"), problem);
        }
        if let Some(other) = paths.insert(path, name) {
            let problem =
                format!("`{path}` is the path of `{other}` already, expected another path");
            mistakes.add(format!("operation.{name}.path"), problem);
        }
    }
    for (path, name) in &paths {
        let alias = path.strip_prefix('/').unwrap_or(path);
        if alias != *name && rows().any(|row| row.name == alias) {
            let problem =
                format!("`{path}` reads like the operation `{alias}`, expected another path");
            mistakes.add(format!("operation.{name}.path"), problem);
        }
    }
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

fn finish(row: &mut Operation, sources: &Sources, mistakes: &mut Mistakes) {
    let path = format!("operation.{}", row.name);
    sources.resolve(&mut row.source, &path, mistakes);
    members::finish(&mut row.members, row.confirmed, &path, sources, mistakes);
    let filled = row.members.iter().find(|member| member.fill == Some(Fill::Reference));
    if let Some(filled) = filled
        && row.reference.as_ref().is_none_or(|name| *name == filled.name)
    {
        mistakes.add(
            format!("{path}.member.{}.fill", filled.name),
            "`reference` needs the operation's `reference` to be another member",
        );
    }
    for name in row.requires_one_of.iter().filter(|name| row.member(name).is_none()) {
        mistakes.add(format!("{path}.requires_one_of"), not_a_member(name, &row.members));
    }
    if row.money_moving && row.kind == Kind::Query {
        mistakes.add(format!("{path}.money_moving"), "a query moves no money, expected false");
    }
    if let Some(reference) = &row.reference {
        match row.members.iter_mut().find(|member| member.name == *reference) {
            Some(member) => {
                if let Err((key, problem)) = members::bound_as_reference(member) {
                    mistakes.add(format!("{path}.member.{reference}.{key}"), problem);
                }
            }
            None => {
                mistakes.add(format!("{path}.reference"), not_a_member(reference, &row.members));
            }
        }
    }
    compile_schema(row, &path, mistakes);
}

/// Rebuilds schema and validator from the rows.
pub fn compile_schema(row: &mut Operation, path: &str, mistakes: &mut Mistakes) {
    if let Err(error) = row.compile_schema() {
        mistakes.add(path, format!("its members make no valid schema: {error}"));
    }
}

/// Checks that the query and the members named in a resolution exist.
fn resolution(operation: &Operation, all: &[Operation], mistakes: &mut Mistakes) {
    let Some(resolution) = &operation.resolved_by else { return };
    let path = format!("operation.{}.resolved_by", operation.name);
    let queries = || all.iter().filter(|other| other.kind == Kind::Query);
    let Some(query) = queries().find(|query| query.name == resolution.operation) else {
        let choices = expected_one_of(queries().map(|query| query.name.as_str()));
        let problem =
            format!("`{}` is not a query of this profile, {choices}", resolution.operation);
        return mistakes.add(format!("{path}.operation"), problem);
    };
    let mut known = |key: &str, name: &str, of: &Operation| {
        if of.member(name).is_none() {
            mistakes.add(format!("{path}.{key}"), not_a_member(name, &of.members));
        }
    };
    for (asked, taken) in &resolution.members {
        known("members", asked, query);
        known("members", taken, operation);
    }
    for (key, pairs) in [("echo", resolution.echo()), ("match", &resolution.matching)] {
        for (found, taken) in pairs {
            // The members of the query were checked above.
            if resolution.members.get(found) != Some(taken) {
                known(key, taken, operation);
            }
        }
    }
    if resolution.members.is_empty() {
        mistakes
            .add(format!("{path}.members"), "is empty, expected at least one member to query by");
    }
    let reference = operation.reference.as_deref();
    if operation.money_moving && reference.is_some() && !resolution.names(reference) {
        let key = if resolution.matching.is_empty() { "echo" } else { "match" };
        let problem = "does not name the operation's reference, expected the member of the answer \
            that carries it: without it nothing that is found is known to be this call";
        mistakes.add(format!("{path}.{key}"), problem);
    }
}

/// Says that `name` is not one of `members`.
pub fn not_a_member(name: &str, members: &[Member]) -> String {
    match members.is_empty() {
        true => format!("`{name}` is not a member of the operation, which has none"),
        false => {
            let choices = expected_one_of(members.iter().map(|member| member.name.as_str()));
            format!("`{name}` is not a member, {choices}")
        }
    }
}
