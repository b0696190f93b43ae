//! Checks the member rows of one operation and builds them.

use std::collections::BTreeSet;

use regex::Regex;

use super::checks::{Mistakes, Sources};
use super::file::MemberFile;
use super::operation::{Fill, Member, MemberType, Pattern, RequiredWhen};

/// Builds the members of the operation whose key path is `operation_path`; they take its `confirmed` mark.
pub fn compile(
    rows: Vec<MemberFile>,
    confirmed: bool,
    operation_path: &str,
    sources: &Sources,
    mistakes: &mut Mistakes,
) -> Vec<Member> {
    names(&rows, operation_path, mistakes);
    let known: Vec<String> = rows.iter().map(|row| row.name.clone()).collect();
    rows.into_iter()
        .map(|row| {
            let path = format!("{operation_path}.member.{}", row.name);
            check(&row, &known, &path, mistakes);
            member(row, confirmed, &path, sources, mistakes)
        })
        .collect()
}

fn names(rows: &[MemberFile], operation_path: &str, mistakes: &mut Mistakes) {
    let mut seen = BTreeSet::new();
    for (index, row) in rows.iter().enumerate() {
        let path = format!("{operation_path}.member[{index}].name");
        if row.name.is_empty() {
            mistakes.add(path, "is empty, expected the member's name");
        } else if !seen.insert(&row.name) {
            mistakes.add(path, format!("`{}` names two members, expected another name", row.name));
        }
    }
}

fn check(row: &MemberFile, known: &[String], path: &str, mistakes: &mut Mistakes) {
    if let Some([least, most]) = row.length
        && (least > most || most == 0)
    {
        mistakes.add(
            format!("{path}.length"),
            format!("[{least}, {most}] is not a range, expected the least and the most characters"),
        );
    }
    if let (Some(minimum), Some(maximum)) = (row.minimum, row.maximum)
        && minimum > maximum
    {
        mistakes.add(
            format!("{path}.minimum"),
            format!("{minimum} is more than the maximum {maximum}"),
        );
    }
    if let Some(condition) = &row.required_when {
        if !known.contains(&condition.member) || condition.member == row.name {
            mistakes.add(
                format!("{path}.required_when.member"),
                format!("`{}` is not another member of the operation", condition.member),
            );
        }
        if condition.r#in.is_empty() {
            mistakes.add(format!("{path}.required_when.in"), "is empty, expected values");
        }
        if row.required || row.fill.is_some() {
            mistakes.add(
                format!("{path}.required_when"),
                "the member is always there, expected neither `required` nor `fill` beside it",
            );
        }
    }
    if row.pattern_means.is_some() && row.pattern.is_none() {
        mistakes
            .add(format!("{path}.pattern_means"), "says what a `pattern` means, but there is none");
    }
    for (key, given, fits) in type_bound_keys(row) {
        if given && !fits {
            mistakes.add(format!("{path}.{key}"), "does not go with the member's `type`");
        }
    }
}

/// Keys that only some types understand: (key, whether it is given, whether the type understands it).
fn type_bound_keys(row: &MemberFile) -> [(&'static str, bool, bool); 6] {
    let text = row.r#type == MemberType::String;
    let number = matches!(row.r#type, MemberType::Integer | MemberType::Amount);
    let fill = match row.fill {
        Some(Fill::TimestampMs | Fill::TimestampS) => row.r#type == MemberType::Timestamp,
        Some(Fill::Reference | Fill::NotifyUrl) => text,
        None => true,
    };
    [
        ("length", row.length.is_some(), text),
        ("pattern", row.pattern.is_some(), text),
        ("values", !row.values.is_empty(), text),
        ("minimum", row.minimum.is_some(), number),
        ("maximum", row.maximum.is_some(), number),
        ("fill", row.fill.is_some(), fill),
    ]
}

fn member(
    row: MemberFile,
    confirmed: bool,
    path: &str,
    sources: &Sources,
    mistakes: &mut Mistakes,
) -> Member {
    let required_when = row
        .required_when
        .map(|condition| RequiredWhen { member: condition.member, values: condition.r#in });
    Member {
        pattern: pattern(row.pattern, row.pattern_means, path, mistakes),
        source: row.source.map(|source| sources.address(source, path, mistakes)),
        name: row.name,
        title: row.title,
        member_type: row.r#type,
        required: row.required,
        required_when,
        length: row.length.map(|[least, most]| (least, most)),
        values: row.values,
        minimum: row.minimum,
        maximum: row.maximum,
        fill: row.fill,
        unit: row.unit,
        confirmed: row.confirmed.unwrap_or(confirmed),
        note: row.note,
    }
}

/// The pattern, unless it does not compile: one broken pattern should not hide other mistakes behind a broken schema.
fn pattern(
    regex: Option<String>,
    means: Option<String>,
    path: &str,
    mistakes: &mut Mistakes,
) -> Option<Pattern> {
    let regex = regex?;
    match Regex::new(&regex) {
        Ok(_) => Some(Pattern { regex, means }),
        Err(error) => {
            // The last line of the error is the reason; those before it draw the place.
            let text = error.to_string();
            let reason = text.lines().last().unwrap_or_default().trim_start_matches("error: ");
            mistakes.add(
                format!("{path}.pattern"),
                format!("`{regex}` is not a regular expression: {reason}"),
            );
            None
        }
    }
}
