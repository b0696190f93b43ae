//! What is wrong with a profile, collected while its rows are read, and the checks that all kinds of rows share.

use std::collections::{BTreeMap, BTreeSet};

use url::Url;

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

    /// Checks the names of the rows at `list`, which name `what`: each well formed, and no two of them the same.
    pub fn names<'a>(
        &mut self,
        list: &str,
        what: &str,
        names: impl Iterator<Item = &'a str>,
        malformed: impl Fn(&str) -> Option<String>,
    ) {
        let mut seen = BTreeSet::new();
        for (index, name) in names.enumerate() {
            let twice = || format!("`{name}` names two {what}, expected another name");
            let problem = malformed(name).or_else(|| (!seen.insert(name)).then(twice));
            if let Some(problem) = problem {
                self.add(format!("{list}[{index}].name"), problem);
            }
        }
    }
}

/// What is wrong with a name that is used in key paths and in events.
pub fn malformed(name: &str) -> Option<String> {
    let is_name = name.starts_with(|first: char| first.is_ascii_lowercase())
        && name.bytes().all(|byte| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'_' | b'-'));
    (!is_name).then(|| {
        format!(
            "`{name}` is not a name, expected lower-case letters, digits, `_` and `-`, beginning with a letter"
        )
    })
}

/// The end of a message about a name that is not one of `names`.
pub fn expected_one_of<'a>(names: impl Iterator<Item = &'a str>) -> String {
    format!("expected one of {}", names.collect::<Vec<_>>().join(", "))
}

/// Pages by their short names.
pub struct Sources(BTreeMap<String, String>);

impl Sources {
    pub fn new(pages: BTreeMap<String, String>, mistakes: &mut Mistakes) -> Self {
        for (name, address) in pages.iter().filter(|(_, address)| !is_address(address)) {
            let problem =
                format!("`{address}` is not an address, expected one beginning with `https://`");
            mistakes.add(format!("sources.{name}"), problem);
        }
        Self(pages)
    }

    /// Replaces a short name with its address.
    pub fn resolve(&self, source: &mut String, path: &str, mistakes: &mut Mistakes) {
        if let Some(address) = self.0.get(source) {
            source.clone_from(address);
        } else if !is_address(source) {
            let names: Vec<&str> = self.0.keys().map(String::as_str).collect();
            let names = names.join(", ");
            let problem =
                format!("`{source}` is neither an address nor a name from `[sources]` ({names})");
            mistakes.add(format!("{path}.source"), problem);
        }
    }
}

fn is_address(text: &str) -> bool {
    Url::parse(text).is_ok_and(|url| matches!(url.scheme(), "https" | "http"))
}
