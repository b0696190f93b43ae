//! Chained lines: written, read, and checked. Pure functions; no files here.
//!
//! A line is one JSON object. It begins with its number (`seq`) and the hash of the line before (`prev`) and ends with
//! its own hash: SHA-256 of the line's bytes without that last member. The check covers the bytes as stored, so no two
//! programs have to agree on how JSON is printed.

use serde::{Deserialize, Serialize};

use super::entry::Entry;
use crate::sign::Hash;

/// The hash before the first line.
pub const NOTHING: &str = "0000000000000000000000000000000000000000000000000000000000000000";

/// The position in a chain: the number and hash of its last line.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Head {
    /// 0 before the first line.
    pub seq: u64,
    pub hash: String,
}

impl Head {
    /// The head of a chain without a line.
    pub fn start() -> Self {
        Self { seq: 0, hash: NOTHING.to_owned() }
    }
}

/// The line for `entry` after `head`, including its line end, and the new head.
pub(super) fn extend(head: &Head, entry: &Entry) -> (String, Head) {
    #[derive(Serialize)]
    struct Line<'a> {
        seq: u64,
        prev: &'a str,
        #[serde(flatten)]
        entry: &'a Entry,
    }
    let seq = head.seq.saturating_add(1);
    let line = Line { seq, prev: &head.hash, entry };
    let mut line = serde_json::to_value(&line).expect("words and numbers always make JSON");
    if let Some(members) = line.as_object_mut() {
        members.retain(|_, value| !value.is_null());
    }
    let unsigned = line.to_string();
    let hash = sha256(unsigned.as_bytes());
    let open = unsigned.strip_suffix('}').expect("an object ends with a brace");
    (format!("{open}{HASH_MEMBER}{hash}\"}}\n"), Head { seq, hash })
}

const HASH_MEMBER: &str = ",\"hash\":\"";

/// SHA-256 in lower-case hexadecimal.
pub(super) fn sha256(bytes: &[u8]) -> String {
    Hash::Sha256.digest_hex(bytes)
}

/// What a complete line says about itself.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Link {
    pub seq: u64,
    pub prev: String,
    pub hash: String,
    /// The hash of the torn line before it, if this line marks one.
    pub torn: Option<String>,
    /// Whether it says that lines before it were removed.
    pub marks_truncation: bool,
}

/// Reads a line without its line end. `None` when it is not a line of an audit log, or was changed after it was
/// written.
pub(super) fn read(line: &[u8]) -> Option<Link> {
    #[derive(Deserialize)]
    struct Known {
        seq: u64,
        prev: String,
        action: String,
        torn: Option<String>,
        hash: String,
    }
    let text = std::str::from_utf8(line).ok()?;
    let known: Known = serde_json::from_str(text).ok()?;
    let open = text.strip_suffix("\"}")?.strip_suffix(known.hash.as_str())?;
    let open = open.strip_suffix(HASH_MEMBER)?;
    if sha256(format!("{open}}}").as_bytes()) != known.hash {
        return None;
    }
    let marks_truncation = known.action == "audit.truncated";
    Some(Link {
        seq: known.seq,
        prev: known.prev,
        hash: known.hash,
        torn: known.torn,
        marks_truncation,
    })
}

/// What checking a file found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verified {
    /// Valid lines.
    pub lines: u64,
    /// Lines that a crash cut short, each marked by the line after it.
    pub torn: u64,
    /// The head before the first line: that of the previous file, when the log was rotated.
    pub began_after: Head,
    /// The head after the last line.
    pub head: Head,
    /// Whether there is an incomplete line at the end, with no line after it yet.
    pub ends_torn: bool,
}

/// The first invalid line.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("line {line}: {problem}")]
pub struct Broken {
    /// Counted from 1.
    pub line: u64,
    pub problem: String,
}

/// Checks one file's bytes. `after` is the head of the previous file, if there is one to compare with; otherwise a file
/// whose first number is not 1 is taken as the continuation of a rotated log. `visit` gets every line's hash.
pub fn verify(
    bytes: &[u8],
    after: Option<&Head>,
    mut visit: impl FnMut(&str),
) -> Result<Verified, Broken> {
    let mut verified: Option<Verified> = None;
    let (mut torn, mut torn_count) = (None, 0);
    let mut last_number = 0;
    let ends_torn = !bytes.is_empty() && !bytes.ends_with(b"\n");
    for (index, line) in bytes.split_inclusive(|byte| *byte == b'\n').enumerate() {
        let number = index as u64 + 1;
        last_number = number;
        let Some(whole) = line.strip_suffix(b"\n") else { break };
        let broken = |problem: String| Broken { line: number, problem };
        let Some(link) = read(whole) else {
            if torn.is_some() {
                return Err(broken("was changed: its hash does not match its content".into()));
            }
            torn = Some((number, sha256(whole)));
            continue;
        };
        if let Some((torn_number, hash)) = torn.take() {
            if link.torn.as_deref() != Some(hash.as_str()) {
                let problem = "was changed: its hash does not match its content";
                return Err(Broken { line: torn_number, problem: problem.into() });
            }
            torn_count += 1;
        }
        let expected = match (&verified, after) {
            (Some(verified), _) => Some(&verified.head),
            (None, after) => after,
        };
        let started = Head { seq: link.seq.saturating_sub(1), hash: link.prev.clone() };
        if let Some(expected) = expected
            && *expected != started
        {
            return Err(broken(gap(expected, &link)));
        }
        if link.seq == 0 || (link.seq == 1 && link.prev != NOTHING) {
            return Err(broken("has a number that no first line can have".into()));
        }
        if link.marks_truncation {
            return Err(broken("says that lines before it were removed".into()));
        }
        visit(&link.hash);
        let began_after = verified.map_or(started, |verified| verified.began_after);
        let head = Head { seq: link.seq, hash: link.hash };
        let lines = head.seq - began_after.seq;
        verified = Some(Verified { lines, torn: torn_count, began_after, head, ends_torn });
    }
    if let Some((number, _)) = torn {
        let problem = "was changed: its hash does not match its content".into();
        return Err(Broken { line: number, problem });
    }
    verified
        .or_else(|| empty(after, ends_torn))
        .ok_or(Broken { line: last_number.max(1), problem: "is not a line of an audit log".into() })
}

/// A file without a complete line has the head of the previous file.
fn empty(after: Option<&Head>, ends_torn: bool) -> Option<Verified> {
    let head = after.cloned().unwrap_or_else(Head::start);
    Some(Verified { lines: 0, torn: 0, began_after: head.clone(), head, ends_torn })
}

fn gap(expected: &Head, link: &Link) -> String {
    let (wanted, found) = (expected.seq.saturating_add(1), link.seq);
    match found {
        _ if found > wanted => {
            format!(
                "has the number {found}, expected {wanted}: lines before it were removed or moved"
            )
        }
        _ if found < wanted => {
            format!("has the number {found}, expected {wanted}: it was moved or repeated")
        }
        _ => "does not follow the line before it: one of the two was replaced".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::audit::Actor;
    use crate::audit::entry::Action;

    fn lines(count: u64) -> Vec<String> {
        let mut head = Head::start();
        (0..count)
            .map(|number| {
                let entry = Entry::new(Action::PaymentBegun, Actor::AppToken(0)).counting(number);
                let (line, next) = extend(&head, &entry);
                head = next;
                line
            })
            .collect()
    }

    fn check(lines: &[String]) -> Result<Verified, Broken> {
        verify(lines.concat().as_bytes(), None, |_| {})
    }

    #[track_caller]
    fn assert_broken_at(lines: &[String], line: u64) {
        let broken = check(lines).expect_err("it should be noticed");
        assert_eq!(broken.line, line, "{broken}");
    }

    #[test]
    fn a_changed_line_is_named() {
        for (from, to) in [("\"count\":2", "\"count\":9"), ("app token 0", "app token 1")] {
            let mut lines = lines(5);
            lines[2] = lines[2].replace(from, to);
            assert_broken_at(&lines, 3);
        }
    }

    #[test]
    fn a_changed_line_with_a_new_hash_is_noticed_at_the_next_line() {
        let mut lines = lines(5);
        let open = lines[2].split(HASH_MEMBER).next().expect("a hash").replace("2}", "9}");
        let changed = open.replace("\"count\":2", "\"count\":9");
        let hash = sha256(format!("{changed}}}").as_bytes());
        lines[2] = format!("{changed}{HASH_MEMBER}{hash}\"}}\n");
        assert_broken_at(&lines, 4);
    }

    #[test]
    fn a_line_that_was_removed_moved_or_repeated_is_noticed() {
        let whole = lines(5);
        let without = |index: usize| {
            let mut lines = whole.clone();
            lines.remove(index);
            lines
        };
        assert_broken_at(&without(2), 3);
        let mut swapped = whole.clone();
        swapped.swap(1, 2);
        assert_broken_at(&swapped, 2);
        let mut twice = whole.clone();
        twice.insert(2, whole[1].clone());
        assert_broken_at(&twice, 3);
        let mut strange = whole;
        strange.insert(3, "{\"seq\":4}\n".to_owned());
        assert_broken_at(&strange, 4);
    }

    #[test]
    fn the_end_of_one_file_must_be_the_beginning_of_the_next() {
        let whole = lines(6);
        let (first, second) = (whole[..3].concat(), whole[3..].concat());
        let head = verify(first.as_bytes(), None, |_| {}).expect("whole").head;
        let next = verify(second.as_bytes(), Some(&head), |_| {}).expect("it follows");
        assert_eq!((next.lines, next.head.seq, &next.began_after), (3, 6, &head));
        let late = whole[4..].concat();
        let broken = verify(late.as_bytes(), Some(&head), |_| {}).expect_err("one is missing");
        assert_eq!(broken.line, 1, "{broken}");
    }

    #[test]
    fn a_torn_line_is_valid_only_when_the_next_one_names_its_hash() {
        let whole = lines(2);
        let torn = "{\"seq\":3,\"prev\":\"ab";
        let head = check(&whole).expect("whole").head;
        let mut mark = Entry::new(Action::Torn, Actor::Sidecar);
        mark.torn = Some(sha256(torn.as_bytes()));
        let (marked, _) = extend(&head, &mark);
        let before = whole.concat();
        let text = format!("{before}{torn}\n{marked}");
        let verified = verify(text.as_bytes(), None, |_| {}).expect("it is marked");
        assert_eq!((verified.lines, verified.torn), (3, 1));
        for bad in [
            format!("{before}{}\n{marked}", torn.replace("ab", "cd")),
            format!("{before}{torn}\n"),
            format!("{before}{torn}\n{torn}\n{marked}"),
        ] {
            assert!(verify(bad.as_bytes(), None, |_| {}).is_err(), "{bad}");
        }
        let open = format!("{before}{torn}");
        assert!(verify(open.as_bytes(), None, |_| {}).expect("valid so far").ends_torn);
    }

    #[test]
    fn an_untouched_log_is_valid_and_every_hash_can_be_found() {
        let mut hashes = Vec::new();
        let text = lines(4).concat();
        let verified = verify(text.as_bytes(), None, |hash| hashes.push(hash.to_owned()));
        let verified = verified.expect("untouched");
        assert_eq!((verified.lines, verified.torn, verified.ends_torn), (4, 0, false));
        assert_eq!((hashes.len(), hashes.last()), (4, Some(&verified.head.hash)));
        assert_eq!(verify(b"", None, |_| {}).expect("an empty log is valid").lines, 0);
    }
}
