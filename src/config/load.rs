//! Loads a configuration: reads the file, checks it and builds the snapshot, or returns every mistake.

use std::path::Path;
use std::time::Duration;

use jiff::Timestamp;
use serde_json::Value as Json;

use super::read::{self, Environment, Reader, Readings, Refused, Section, Seen};
use super::section::{self, ConfigFile, Settings};
use super::snapshot::{Boot, Snapshot};
use crate::clock::Clock;
use crate::environment;
use crate::mistake::Mistake;

/// How many times files that change while they are read are read again.
const READINGS_MAX: usize = 5;
/// The pause between two of these readings: longer than it takes to move a few files into place.
const READING_PAUSE: Duration = Duration::from_millis(20);

/// A configuration that passed every check.
pub struct Loaded {
    pub boot: Boot,
    pub snapshot: Snapshot,
    /// Problems that do not prevent loading: loose file permissions, unconfirmed operations, keys that end soon.
    pub warnings: Vec<String>,
    /// The files it was read from.
    pub seen: Seen,
    /// The values that were read, for comparing configurations. A running process does not keep them.
    pub readings: Readings,
}

/// Reads and compiles the file at `path`; relative paths in it start at its folder.
pub fn load(path: &Path) -> Result<Loaded, Vec<Mistake>> {
    load_at_rest(path, Duration::ZERO).map_err(|refused| refused.mistakes)
}

/// The same, and also reports which files a configuration with mistakes refers to.
///
/// All contents belong together: when a file changes while the others are read, or within `rest` after that, all are
/// read again. Blocks for at least `rest`.
pub fn load_at_rest(path: &Path, rest: Duration) -> Result<Loaded, Refused> {
    for _ in 0..READINGS_MAX {
        let read =
            read::open(path).and_then(|(root, reader)| compile(&root, reader, Clock::System.now()));
        let seen = match &read {
            Ok(loaded) => &loaded.seen,
            Err(refused) => &refused.seen,
        };
        std::thread::sleep(rest);
        if seen.still_holds() {
            return read;
        }
        std::thread::sleep(READING_PAUSE);
    }
    let problem = "its files change faster than they can be read, expected them to stop changing";
    Err(Refused::because(problem, Seen::of_nothing(path)))
}

/// Compiles configuration text.
pub fn load_text(text: &str) -> Result<Loaded, Vec<Mistake>> {
    compile_text(text, &environment::variable, Clock::System.now())
}

/// Compiles configuration text with the given environment and time.
pub(super) fn compile_text(
    text: &str,
    environment: Environment<'_>,
    now: Timestamp,
) -> Result<Loaded, Vec<Mistake>> {
    read::open_text(text, environment, Seen::default())
        .and_then(|(root, reader)| compile(&root, reader, now))
        .map_err(|refused| refused.mistakes)
}

fn compile(
    root: &Section<ConfigFile>,
    mut reader: Reader<'_>,
    now: Timestamp,
) -> Result<Loaded, Refused> {
    let file = reader.section(root);
    let built = file.and_then(|file| section::compile(&mut reader, file, now));
    let Reader { sources, mistakes, warnings, readings } = reader;
    match built {
        Some((boot, Settings { retention, reload, accounts })) if mistakes.is_empty() => {
            let (redacted, hash) = (redacted(root), sources.hash());
            let digests = readings.digests(&accounts);
            let snapshot = Snapshot { accounts, retention, reload, redacted, digests, hash };
            Ok(Loaded { boot, snapshot, warnings, seen: sources.seen, readings })
        }
        _ => Err(Refused { mistakes, seen: sources.seen }),
    }
}

/// The configuration as JSON: secrets redacted, references as references, omitted values left out.
fn redacted(root: &Section<ConfigFile>) -> Json {
    let mut value = serde_json::to_value(root).expect("file types are plain data");
    drop_nothing(&mut value);
    value
}

/// Removes omitted values: nulls, and empty tables and lists.
fn drop_nothing(value: &mut Json) {
    let is_nothing = |value: &Json| match value {
        Json::Null => true,
        Json::Object(table) => table.is_empty(),
        Json::Array(items) => items.is_empty(),
        Json::Bool(_) | Json::Number(_) | Json::String(_) => false,
    };
    match value {
        Json::Object(table) => {
            table.values_mut().for_each(drop_nothing);
            table.retain(|_, value| !is_nothing(value));
        }
        Json::Array(items) => items.iter_mut().for_each(drop_nothing),
        Json::Null | Json::Bool(_) | Json::Number(_) | Json::String(_) => {}
    }
}
