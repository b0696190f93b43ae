//! The walk through a configuration: turns leaves into values and collects every mistake and warning on the way.

use std::collections::BTreeMap;

use serde_json::Value;
use zeroize::Zeroizing;

use super::kind::{Setting, Wrong};
use super::section::{Keyed, List, Section, join};
use super::sources::{Resolved, Sources};
use super::suggest::nearest;
use super::value::{Given, Leaf, Required};
use crate::config::demo;
use crate::config::report::digests::Readings;
use crate::mistake::Mistake;

/// The longest found text that is shown, in characters. Longer ones are likely keys or whole files.
const SHOWN_CHARACTERS_MAX: usize = 64;

/// One walk from the first key to the last.
pub(crate) struct Walk<'a> {
    pub sources: Sources<'a>,
    pub mistakes: Vec<Mistake>,
    pub warnings: Vec<String>,
    pub readings: Readings,
}

impl<'a> Walk<'a> {
    pub fn new(sources: Sources<'a>) -> Self {
        Self { sources, mistakes: Vec::new(), warnings: Vec::new(), readings: Readings::default() }
    }

    /// Notes a mistake at `path`.
    pub fn mistake(&mut self, path: impl Into<String>, problem: impl Into<String>) {
        self.mistakes.push(Mistake::new(path, problem));
    }

    /// Notes something worth a look at `path`.
    pub fn warn(&mut self, path: &str, warning: impl AsRef<str>) {
        self.warnings.push(format!("{path}: {}", warning.as_ref()));
    }

    /// The section's keys, empty where nothing stands. `None`, with a mistake, where something else stands.
    pub fn section<'f, T>(&mut self, section: &'f Section<T>) -> Option<&'f T> {
        let value = self.table(section)?;
        for key in &section.unknown_keys {
            self.unknown_key(&section.path, key, section.known_keys);
        }
        Some(value)
    }

    /// The same for a section of which other keys are nobody's concern.
    pub fn table<'f, T>(&mut self, section: &'f Section<T>) -> Option<&'f T> {
        if let Some(found) = &section.misplaced {
            let problem = format!("found {}, expected a table", kind(found));
            self.mistake(&section.path, problem);
            return None;
        }
        Some(&section.value)
    }

    /// The section's keys where one is given.
    pub fn given_section<'f, T>(&mut self, section: &'f Section<T>) -> Option<&'f T> {
        match section.is_given {
            true => self.section(section),
            false => None,
        }
    }

    /// The list's items; none, with a mistake, where something else stands.
    pub fn list<'f, E>(&mut self, list: &'f List<E>) -> &'f [E] {
        if let Some(found) = &list.misplaced {
            let expected = match found {
                Value::Object(_) => format!("a list: write `[[{}]]`", plain_keys(&list.path)),
                _ => "a list".into(),
            };
            self.mistake(&list.path, format!("found {}, expected {expected}", kind(found)));
        }
        &list.items
    }

    /// The list's items; at least one is expected.
    pub fn required_list<'f, E>(&mut self, list: &'f Required<List<E>>, expected: &str) -> &'f [E] {
        let list = &list.0;
        if list.misplaced.is_none() && list.items.is_empty() {
            self.mistake(&list.path, format!("nothing found, expected {expected}"));
        }
        self.list(list)
    }

    /// The table's entries; none, with a mistake, where something else stands.
    pub fn entries<'f, E>(&mut self, keyed: &'f Keyed<E>) -> &'f BTreeMap<String, E> {
        if let Some(found) = &keyed.misplaced {
            let problem = format!("found {}, expected a table", kind(found));
            self.mistake(&keyed.path, problem);
        }
        &keyed.entries
    }

    /// The leaf's value. `None` where nothing stands, and, with a mistake, where something wrong stands.
    pub fn optional<T: Setting>(&mut self, leaf: &Leaf<T>) -> Option<T> {
        match leaf.given() {
            Given::Nothing => None,
            Given::Literal(literal) => self.literal(&leaf.path, literal),
            Given::Env(name) => {
                let found = self.sources.env(name);
                let text = self.resolved(&leaf.path, found)?.text;
                self.readings.note(&leaf.path, T::SECRET, &text);
                self.judge(&leaf.path, &format!("environment variable `{name}`"), &text)
            }
            Given::File(file) => {
                let text = self.file_text(&leaf.path, file, T::SECRET)?;
                self.judge(&leaf.path, &format!("file `{file}`"), &text)
            }
        }
    }

    /// The leaf's value. `None`, with a mistake, where nothing or something wrong stands.
    pub fn required<T: Setting>(&mut self, leaf: &Required<Leaf<T>>) -> Option<T> {
        if !leaf.0.is_given() {
            self.mistake(&leaf.0.path, format!("nothing found, expected {}", T::expected()));
        }
        self.optional(&leaf.0)
    }

    /// The leaf's value, or `default` where nothing stands. Also `default`, with a mistake, where something wrong stands:
    /// then there is no snapshot, and the walk goes on to find more.
    pub fn or<T: Setting>(&mut self, leaf: &Leaf<T>, default: impl Into<Value>) -> T {
        self.optional(leaf).unwrap_or_else(|| {
            T::from_literal(&default.into()).expect("a default is a valid value of its kind")
        })
    }

    /// The text of a file that the value at `path` refers to.
    pub fn file_text(
        &mut self,
        path: &str,
        file: &str,
        is_secret: bool,
    ) -> Option<Zeroizing<String>> {
        let found = self.sources.file(file);
        let resolved = self.resolved(path, found)?;
        if let Some(warning) = &resolved.warning {
            self.warn(path, warning);
        }
        if is_secret && resolved.is_exposed && !demo::is_published(&resolved.text) {
            let warning =
                format!("file `{file}` is open to its group or to everyone, expected mode 0600");
            self.warn(path, warning);
        }
        self.readings.note(path, is_secret, &resolved.text);
        Some(resolved.text)
    }

    fn literal<T: Setting>(&mut self, path: &str, literal: &Value) -> Option<T> {
        match T::from_literal(literal) {
            Ok(value) => {
                if T::SECRET {
                    self.readings.note(path, true, literal.as_str().unwrap_or_default());
                    let advice = "a secret stands in the file itself, expected \
                                  `{ file = \"…\" }` or `{ env = \"…\" }`";
                    self.warn(path, advice);
                }
                Some(value)
            }
            Err(Wrong::Expected(expected)) => {
                self.mistake(path, format!("found {}, expected {expected}", shown::<T>(literal)));
                None
            }
            Err(Wrong::Problem(problem)) => {
                self.mistake(path, problem);
                None
            }
        }
    }

    fn judge<T: Setting>(&mut self, path: &str, place: &str, text: &str) -> Option<T> {
        match T::from_text(text) {
            Ok(value) => Some(value),
            Err(Wrong::Expected(expected)) => {
                self.mistake(path, format!("{place} holds something else, expected {expected}"));
                None
            }
            Err(Wrong::Problem(problem)) => {
                self.mistake(path, format!("{place}: {problem}"));
                None
            }
        }
    }

    fn resolved(&mut self, path: &str, found: Result<Resolved, String>) -> Option<Resolved> {
        match found {
            Ok(resolved) => Some(resolved),
            Err(problem) => {
                self.mistake(path, problem);
                None
            }
        }
    }

    /// Notes that `key`, in the table at `path`, is none of the `known` ones.
    pub fn unknown_key(&mut self, path: &str, key: &str, known: &[&str]) {
        let allowed: Vec<String> = known.iter().map(|key| format!("`{key}`")).collect();
        let suggestion = match nearest(key, known) {
            Some(meant) => format!("did you mean `{meant}`? "),
            None => String::new(),
        };
        let problem = format!("unknown key, {suggestion}allowed here: {}", allowed.join(", "));
        self.mistake(join(path, key), problem);
    }
}

/// What was found in place of a table or a list: no more than that, for it may be a secret.
fn kind(found: &Value) -> &'static str {
    match found {
        Value::Null => "nothing",
        Value::Array(_) => "a list",
        Value::Object(_) => "a table",
        Value::String(_) => "text",
        Value::Bool(_) => "`true` or `false`",
        Value::Number(_) => "a number",
    }
}

/// What was found, as far as it may be shown. Nothing of a secret, and nothing that looks like one.
fn shown<T: Setting>(found: &Value) -> String {
    match found {
        Value::Object(_) => {
            "a table that is neither `{ env = \"…\" }` nor `{ file = \"…\" }`".into()
        }
        Value::Null | Value::Array(_) => kind(found).into(),
        _ if T::SECRET => format!("{} that is not shown here", kind(found)),
        Value::Bool(_) | Value::Number(_) => format!("`{found}`"),
        Value::String(text) => shown_text(text),
    }
}

fn shown_text(text: &str) -> String {
    let length = text.chars().count();
    match text {
        _ if length > SHOWN_CHARACTERS_MAX => format!("text of {length} characters"),
        _ if text.contains("://") && text.contains('@') => "a URL with an `@`".into(),
        _ if text.contains("whsec_") || text.contains("-----") => "text like a secret".into(),
        _ => format!("`{text:?}`"),
    }
}

/// A key path as one would write it in a table header: without indices and names.
fn plain_keys(path: &str) -> String {
    let mut keys: Vec<&str> =
        path.split('.').map(|key| key.split('[').next().unwrap_or(key)).collect();
    if keys.len() == 3 && keys[0] == "account" {
        keys.remove(1);
    }
    keys.join(".")
}
