//! Checks the members of one operation and completes them.

use regex::Regex;

use super::mistakes::{Mistakes, Sources};
use crate::provider::member::{Fill, Member, MemberType};

/// Completes the members of the operation whose key path is `operation_path`; a member that does not say whether it is
/// confirmed gets the operation's mark.
pub fn finish(
    rows: &mut [Member],
    confirmed: bool,
    operation_path: &str,
    sources: &Sources,
    mistakes: &mut Mistakes,
) {
    let names: Vec<String> = rows.iter().map(|row| row.name.clone()).collect();
    let list = format!("{operation_path}.member");
    let malformed =
        |name: &str| name.is_empty().then(|| "is empty, expected the member's name".to_owned());
    mistakes.names(&list, "members", names.iter().map(String::as_str), malformed);
    for row in rows {
        let path = format!("{list}.{}", row.name);
        check(row, &names, &path, mistakes);
        pattern(row, &path, mistakes);
        if let Some(source) = &mut row.source {
            sources.resolve(source, &path, mistakes);
        }
        row.confirmed.get_or_insert(confirmed);
    }
}

fn check(row: &Member, names: &[String], path: &str, mistakes: &mut Mistakes) {
    let mut wrong = |key: &str, problem: &str| mistakes.add(format!("{path}.{key}"), problem);
    if let Some((least, most)) = row.length
        && (least > most || most == 0)
    {
        let range = format!("[{least}, {most}]");
        wrong(
            "length",
            &format!("{range} is not a range, expected the least and the most characters"),
        );
    }
    if let (Some(minimum), Some(maximum)) = (row.minimum, row.maximum)
        && minimum > maximum
    {
        wrong("minimum", &format!("{minimum} is more than the maximum {maximum}"));
    }
    if let Some(condition) = &row.required_when {
        if !names.contains(&condition.member) || condition.member == row.name {
            let problem = format!("`{}` is not another member of the operation", condition.member);
            wrong("required_when.member", &problem);
        }
        if condition.values.is_empty() {
            wrong("required_when.in", "is empty, expected values");
        }
        if row.required || row.fill.is_some() {
            let problem =
                "the member is always present, expected neither `required` nor `fill` beside it";
            wrong("required_when", problem);
        }
    }
    if row.pattern_means.is_some() && row.pattern.is_none() {
        wrong("pattern_means", "says what a `pattern` means, but there is none");
    }
    for (key, given, fits) in type_bound_keys(row) {
        if given && !fits {
            wrong(key, "does not go with the member's `type`");
        }
    }
}

/// Keys that only some types understand: (key, whether it is given, whether the type understands it).
fn type_bound_keys(row: &Member) -> [(&'static str, bool, bool); 6] {
    let text = row.member_type == MemberType::String;
    let number = matches!(row.member_type, MemberType::Integer | MemberType::Amount);
    let fill = match row.fill {
        Some(Fill::TimestampMs | Fill::TimestampS) => row.member_type == MemberType::Timestamp,
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

/// Drops a pattern that does not compile, so that a broken schema does not hide other mistakes.
fn pattern(row: &mut Member, path: &str, mistakes: &mut Mistakes) {
    let Some(regex) = &row.pattern else { return };
    if let Err(error) = Regex::new(regex) {
        // The last line of the error is the reason; the lines before it show the place.
        let text = error.to_string();
        let reason = text.lines().last().unwrap_or_default().trim_start_matches("error: ");
        let problem = format!("`{regex}` is not a regular expression: {reason}");
        mistakes.add(format!("{path}.pattern"), problem);
        row.pattern = None;
    }
}

/// The longest reference, in characters: no more than 512 bytes. A longer one would not be recognised in a repeated
/// call or in a notification; documented ones have at most 32.
pub const REFERENCE_CHARACTERS_MAX: u32 = 128;

/// Makes sure that `member` can carry a reference: a text that is never too long to be recognised again. A text without
/// a limit gets one. The error is a key of the member and what is wrong with it.
pub fn bound_as_reference(member: &mut Member) -> Result<(), (&'static str, String)> {
    if member.member_type != MemberType::String {
        let problem = "is not that of a text, but the member is the reference, expected `string`";
        return Err(("type", problem.to_owned()));
    }
    let (least, most) = *member.length.get_or_insert((0, REFERENCE_CHARACTERS_MAX));
    match most > REFERENCE_CHARACTERS_MAX {
        true => Err((
            "length",
            format!(
                "[{least}, {most}] allows references that are too long to be recognised again, expected at most \
                 {REFERENCE_CHARACTERS_MAX} characters"
            ),
        )),
        false => Ok(()),
    }
}
