//! How commands print the contents of the store for people: rows in columns, and everything about one item.

use std::fmt::Write;
use std::iter::once;

use jiff::Timestamp;
use serde_json::Value;

use crate::store::Cursor;

/// A page of rows below a head, and how to get the next page. Each column is as wide as its contents need, and at
/// least as wide as its head says, in characters.
pub(super) fn page<const N: usize>(
    what: &str,
    head: [(&str, usize); N],
    rows: Vec<[String; N]>,
    next: Option<Cursor>,
) -> String {
    if rows.is_empty() {
        return format!("no {what}\n");
    }
    let rows = once(head.map(|(name, _)| name.to_owned())).chain(rows);
    let rows: Vec<_> = rows.map(|row| row.map(|cell| printable(&cell, ""))).collect();
    let mut widths = head.map(|(_, width)| width);
    for (column, width) in widths.iter_mut().enumerate() {
        let cells = rows.iter().map(|row| row[column].chars().count());
        *width = cells.fold(*width, usize::max);
    }
    let mut out = String::new();
    for row in &rows {
        let cells = row.iter().zip(widths).map(|(cell, width)| format!("{cell:<width$}"));
        let _ = writeln!(out, "{}", cells.collect::<Vec<_>>().join("  ").trim_end());
    }
    if let Some(next) = next {
        let _ = writeln!(out, "more: --after {}", next.0);
    }
    out
}

/// One line for each known member of `object`.
pub(super) fn members(object: &Value) -> String {
    let mut out = String::new();
    for (name, value) in object.as_object().into_iter().flatten() {
        if !value.is_null() {
            let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
            let _ = writeln!(out, "{name:<20} {}", printable(&text, ""));
        }
    }
    out
}

/// `text` for a terminal: control characters except `kept` are escaped. Text from a payer must not be able to move
/// the cursor or to forge a line.
pub(super) fn printable(text: &str, kept: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for character in text.chars() {
        match character.is_control() && !kept.contains(character) {
            true => out.extend(character.escape_default()),
            false => out.push(character),
        }
    }
    out
}

/// RFC 3339 in UTC, to the millisecond.
pub(super) fn time(unix_ms: i64) -> String {
    Timestamp::from_millisecond(unix_ms)
        .map_or_else(|_| unix_ms.to_string(), |time| format!("{time:.3}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_from_a_stranger_cannot_control_the_terminal() {
        assert_eq!(printable("ก\u{1b}[2J\r\nb\u{9b}", ""), "ก\\u{1b}[2J\\r\\nb\\u{9b}");
        assert_eq!(printable("a\n\tb\u{7}", "\n\t"), "a\n\tb\\u{7}");
    }

    #[test]
    fn columns_fit_their_contents_and_no_line_ends_in_blanks() {
        let rows = vec![["1".to_owned(), "กขค".to_owned(), String::new()]];
        let printed = page("things", [("ID", 4), ("B", 0), ("C", 0)], rows, Some(Cursor(7)));
        assert_eq!(printed, "ID    B    C\n1     กขค\nmore: --after 7\n");
        assert_eq!(page::<0>("things", [], Vec::new(), None), "no things\n");
    }
}
