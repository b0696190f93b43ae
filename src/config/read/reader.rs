//! Reads parsed files: turns raw values into parsed ones and collects every mistake and warning on the way.

use std::collections::BTreeMap;

use serde_json::Value as Json;
use zeroize::Zeroizing;

use super::kind::{Kind, Wrong};
use super::readings::Readings;
use super::section::{A_TABLE, Keyed, Keys, List, Section, in_words, join};
use super::sources::Sources;
use super::suggest::did_you_mean;
use super::value::{At, Given, Required, Value};
use crate::config::demo;
use crate::mistake::Mistake;

/// The longest found text that is shown, in characters. Longer texts are likely keys or whole files.
const SHOWN_CHARACTERS_MAX: usize = 64;

/// Reads one file, from its first key to its last.
pub(crate) struct Reader<'a> {
    pub sources: Sources<'a>,
    pub mistakes: Vec<Mistake>,
    pub warnings: Vec<String>,
    pub readings: Readings,
}

/// A place in a file with a default.
pub(crate) trait Defaulted {
    type Parsed;

    /// The value here, or `default` where there is none. Also `default`, with a mistake, for a wrong value: then
    /// nothing is built, and the reader continues in order to find more mistakes.
    fn read_or(&self, reader: &mut Reader<'_>, default: &Json) -> Self::Parsed;
}

impl<K: Kind> Defaulted for Value<K> {
    type Parsed = K::Parsed;

    fn read_or(&self, reader: &mut Reader<'_>, default: &Json) -> K::Parsed {
        let default = || {
            let parsed = K::parse_literal(default);
            parsed.unwrap_or_else(|_| panic!("the default `{default}` is not a value of its kind"))
        };
        reader.optional(self).unwrap_or_else(default)
    }
}

impl<'a> Reader<'a> {
    pub fn new(sources: Sources<'a>) -> Self {
        Self { sources, mistakes: Vec::new(), warnings: Vec::new(), readings: Readings::default() }
    }

    /// Records a mistake at `path`.
    pub fn mistake(&mut self, path: impl Into<String>, problem: impl Into<String>) {
        self.mistakes.push(Mistake::new(path, problem));
    }

    /// Records a warning at `path`.
    pub fn warn(&mut self, path: &str, warning: impl AsRef<str>) {
        self.warnings.push(format!("{path}: {}", warning.as_ref()));
    }

    /// The value; `None`, with the problem recorded at `path`, if there is none.
    pub fn accept<T>(&mut self, path: &str, result: Result<T, impl Into<String>>) -> Option<T> {
        result.map_err(|problem| self.mistake(path, problem)).ok()
    }

    /// The section's keys, empty where the section is missing. `None`, with a mistake, if it is not a table.
    pub fn section<'f, T: Keys>(&mut self, section: &'f Section<T>) -> Option<&'f T> {
        let value = self.table(section)?;
        for key in &section.unknown_keys {
            self.unknown_key(&section.path, key, T::KEYS);
        }
        Some(value)
    }

    /// The section's keys, also empty, with a mistake, if it is not a table.
    pub fn keys<'f, T: Keys>(&mut self, section: &'f Section<T>) -> &'f T {
        self.section(section).unwrap_or(&section.value)
    }

    /// The section's keys; unknown keys are allowed.
    pub fn table<'f, T>(&mut self, section: &'f Section<T>) -> Option<&'f T> {
        self.placed(&section.path, section.misplaced, A_TABLE).then_some(&section.value)
    }

    /// The section's keys if the section is given.
    pub fn given_section<'f, T: Keys>(&mut self, section: &'f Section<T>) -> Option<&'f T> {
        section.is_given.then(|| self.section(section)).flatten()
    }

    /// The list's items; none, with a mistake, if it is not a list.
    pub fn list<'f, E>(&mut self, list: &'f List<E>) -> &'f [E] {
        let expected = match list.misplaced {
            Some(A_TABLE) => &format!("a list: write `[[{}]]`", plain_keys(&list.path)),
            _ => "a list",
        };
        self.placed(&list.path, list.misplaced, expected);
        &list.items
    }

    /// The list's items; at least one is expected.
    pub fn required_list<'f, E>(&mut self, list: &'f Required<List<E>>, expected: &str) -> &'f [E] {
        if list.misplaced.is_none() && list.items.is_empty() {
            self.mistake(&list.path, format!("nothing found, expected {expected}"));
        }
        self.list(list)
    }

    /// The list's valid values, each with its key path.
    pub fn values<K: Kind>(&mut self, list: &List<Value<K>>) -> Vec<At<K::Parsed>> {
        let values = self.list(list).iter();
        values.filter_map(|value| self.optional(value).map(|read| value.at(read))).collect()
    }

    /// The table's entries; none, with a mistake, if it is not a table.
    pub fn entries<'f, E>(&mut self, keyed: &'f Keyed<E>) -> &'f BTreeMap<String, E> {
        self.placed(&keyed.path, keyed.misplaced, A_TABLE);
        &keyed.entries
    }

    /// The value. `None` if it is missing, and, with a mistake, if it is wrong.
    pub fn optional<K: Kind>(&mut self, value: &Value<K>) -> Option<K::Parsed> {
        match value.given() {
            Given::Nothing => None,
            Given::Literal(literal) => self.literal::<K>(&value.path, literal),
            Given::Env(name) => {
                let found = self.sources.env(name);
                let text = self.accept(&value.path, found)?.text;
                self.readings.note(&value.path, K::SECRET, &text);
                self.referred::<K>(&value.path, &format!("environment variable `{name}`"), &text)
            }
            Given::File(file) => {
                let text = self.file_text(&value.path, file, K::SECRET)?;
                self.referred::<K>(&value.path, &format!("file `{file}`"), &text)
            }
        }
    }

    /// The value. `None`, with a mistake, if it is missing or wrong.
    pub fn required<K: Kind>(&mut self, value: &Required<Value<K>>) -> Option<K::Parsed> {
        if !value.is_given() {
            self.mistake(&value.path, format!("nothing found, expected {}", K::expected()));
        }
        self.optional(value)
    }

    /// The text of a file that the value at `path` refers to.
    pub fn file_text(
        &mut self,
        path: &str,
        file: &str,
        is_secret: bool,
    ) -> Option<Zeroizing<String>> {
        let found = self.sources.file(file);
        let resolved = self.accept(path, found)?;
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

    /// Records that `key`, in the table at `path`, is not one of the `known` ones.
    pub fn unknown_key(&mut self, path: &str, key: &str, known: &[&str]) {
        let allowed: Vec<String> = known.iter().map(|key| format!("`{key}`")).collect();
        let (meant, allowed) = (did_you_mean(key, known), allowed.join(", "));
        self.mistake(join(path, key), format!("unknown key, {meant}allowed here: {allowed}"));
    }

    /// False, with a mistake, if something is misplaced.
    fn placed(&mut self, path: &str, misplaced: Option<&str>, expected: &str) -> bool {
        if let Some(found) = misplaced {
            self.mistake(path, format!("found {found}, expected {expected}"));
        }
        misplaced.is_none()
    }

    fn literal<K: Kind>(&mut self, path: &str, literal: &Json) -> Option<K::Parsed> {
        let found = || format!("found {}", shown::<K>(literal));
        let parsed = self.parsed(path, K::parse_literal(literal), found, "")?;
        if K::SECRET {
            self.readings.note(path, true, literal.as_str().unwrap_or_default());
            let advice = "a secret is written in the file itself, expected \
                          `{ file = \"…\" }` or `{ env = \"…\" }`";
            self.warn(path, advice);
        }
        Some(parsed)
    }

    fn referred<K: Kind>(&mut self, path: &str, place: &str, text: &str) -> Option<K::Parsed> {
        let found = || format!("{place} holds something else");
        self.parsed(path, K::parse(text), found, &format!("{place}: "))
    }

    fn parsed<T>(
        &mut self,
        path: &str,
        parsed: Result<T, Wrong>,
        found: impl FnOnce() -> String,
        place: &str,
    ) -> Option<T> {
        let problem = |wrong| match wrong {
            Wrong::Expected(expected) => format!("{}, expected {expected}", found()),
            Wrong::Problem(problem) => format!("{place}{problem}"),
        };
        self.accept(path, parsed.map_err(problem))
    }
}

/// The found value, as far as it may be shown: nothing of a secret, and nothing that looks like one.
fn shown<K: Kind>(found: &Json) -> String {
    match found {
        Json::Object(_) => {
            "a table that is neither `{ env = \"…\" }` nor `{ file = \"…\" }`".into()
        }
        Json::Null | Json::Array(_) => in_words(found).into(),
        _ if K::SECRET => format!("{} that is not shown here", in_words(found)),
        Json::Bool(_) | Json::Number(_) => format!("`{found}`"),
        Json::String(text) => shown_text(text),
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

/// A key path as written in a table header: without indices and names.
fn plain_keys(path: &str) -> String {
    let mut keys: Vec<&str> =
        path.split('.').map(|key| key.split('[').next().unwrap_or(key)).collect();
    if keys.len() == 3 && keys[0] == "account" {
        keys.remove(1);
    }
    keys.join(".")
}
