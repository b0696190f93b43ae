//! Checks a parsed configuration and builds the snapshot, collecting every mistake.

use std::fs::File;
use std::io::Read;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use serde_json::Value;
use zeroize::Zeroizing;

use super::snapshot::{Accounts, Boot, Log, Reload, Retention, Snapshot};
use crate::clock::Clock;
use crate::config::read::paths::Found;
use crate::config::read::reader::Walk;
use crate::config::read::section::Section;
use crate::config::read::seen::Seen;
use crate::config::read::sources::{
    CONFIG_BYTES_MAX, CONFIG_FILE, Environment, Sources, read_regular, unreadable,
};
use crate::config::read::syntax;
use crate::config::report::digests::Readings;
use crate::config::report::mixups::{self, Facts};
use crate::config::section::account::{self, Surroundings};
use crate::config::section::file::{ConfigFile, LogFile, StoreFile};
use crate::config::section::listen;
use crate::config::section::observe;
use crate::config::section::reload;
use crate::mistake::Mistake;
use crate::store::StoreUrl;

/// How often files that change while they are read are read again at most.
const READINGS_MAX: usize = 5;
/// Between two of these readings: longer than it takes to move a handful of files into place.
const READING_PAUSE: Duration = Duration::from_millis(20);

/// A configuration that passed every check.
pub struct Loaded {
    pub boot: Boot,
    pub snapshot: Snapshot,
    /// Worth a look, not a reason to refuse: loose file permissions, unconfirmed operations, keys that end soon.
    pub warnings: Vec<String>,
    /// The files it was read from.
    pub seen: Seen,
    /// What stood in them, for comparing configurations. Not kept by whoever runs.
    pub readings: Readings,
}

/// A configuration with mistakes.
pub struct Refused {
    /// All of them.
    pub mistakes: Vec<Mistake>,
    /// The files that were read, or should have been.
    pub seen: Seen,
}

/// Reads and compiles the file at `path`; relative paths in it start at its folder.
pub fn load(path: &Path) -> Result<Loaded, Vec<Mistake>> {
    load_at_rest(path, Duration::ZERO).map_err(|refused| refused.mistakes)
}

/// The same, and also says which files a configuration with mistakes refers to.
///
/// What is read belongs together: when a file changes while the others are read, or within `rest` after that, all are
/// read again. Blocks for at least `rest`.
pub fn load_at_rest(path: &Path, rest: Duration) -> Result<Loaded, Refused> {
    for _ in 0..READINGS_MAX {
        let read = read_once(path);
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
    let mut seen = Seen::default();
    seen.note_configuration(path, Err(&String::new()));
    let problem = "its files change faster than they can be read, expected them to hold still";
    Err(Refused { mistakes: vec![Mistake::new("", problem)], seen })
}

/// Compiles configuration text.
pub fn load_text(text: &str) -> Result<Loaded, Vec<Mistake>> {
    compile(text, &crate::environment::variable, Clock::System.now())
}

fn read_once(path: &Path) -> Result<Loaded, Refused> {
    let mut seen = Seen::default();
    let text = match text(path, &mut seen) {
        Ok(text) => text,
        Err(problem) => return Err(Refused { mistakes: vec![Mistake::new("", problem)], seen }),
    };
    compile_from(&text, &crate::environment::variable, Clock::System.now(), seen)
}

/// Compiles configuration text with the environment and the time of the caller's choice.
pub(super) fn compile(
    text: &str,
    environment: Environment<'_>,
    now: Timestamp,
) -> Result<Loaded, Vec<Mistake>> {
    compile_from(text, environment, now, Seen::default()).map_err(|refused| refused.mistakes)
}

/// The same for text that stood in the file that `seen` names.
fn compile_from(
    text: &str,
    environment: Environment<'_>,
    now: Timestamp,
    seen: Seen,
) -> Result<Loaded, Refused> {
    let value = match syntax::parse(text) {
        Ok(value) => value,
        Err(mistakes) => return Err(Refused { mistakes, seen }),
    };
    let root = Section::<ConfigFile>::root(value);
    let mut walk = Walk::new(Sources::new(environment, text).beside(seen));
    let built = walk.section(&root).and_then(|file| build(&mut walk, file, now));
    let Walk { sources, mistakes, warnings, readings } = walk;
    match built {
        Some((boot, settings)) if mistakes.is_empty() => {
            let Settings { retention, reload, accounts } = settings;
            let (redacted, hash) = (redacted(&root), sources.hash());
            let digests = readings.digests(&accounts);
            let snapshot = Snapshot { accounts, retention, reload, redacted, digests, hash };
            Ok(Loaded { boot, snapshot, warnings, seen: sources.seen, readings })
        }
        _ => Err(Refused { mistakes, seen: sources.seen }),
    }
}

/// What a reload can change.
struct Settings {
    retention: Retention,
    reload: Reload,
    accounts: Accounts,
}

fn build(walk: &mut Walk<'_>, file: &ConfigFile, now: Timestamp) -> Option<(Boot, Settings)> {
    let listeners = walk.section(&file.listen).map(|listen| listen::compile(walk, listen));
    let store = walk.section(&file.store).map(|store| {
        let retention = retention(walk, store);
        (store_url(walk, store), retention)
    });
    let log = walk.section(&file.log).map(|log| Log {
        format: walk.or(&log.format, LogFile::FORMAT),
        level: walk.or(&log.level, LogFile::LEVEL).0.to_owned(),
    });
    let (audit, tracing) = observe::compile(walk, &file.audit, &file.tracing);
    let reload = walk.section(&file.reload).map(|reload| reload::compile(walk, reload));
    let surroundings = Surroundings {
        app: listeners.as_ref().and_then(|listeners| listeners.app.as_ref()),
        listens_for_notifications: listeners.as_ref().is_some_and(|it| it.notify.is_some()),
        now,
    };
    let accounts = accounts(walk, file, &surroundings);
    let listeners = listeners?;
    let (url, retention) = store?;
    let boot = Boot {
        app: listeners.app?,
        notify: listeners.notify,
        admin: listeners.admin?,
        store: url,
        log: log?,
        audit,
        tracing,
    };
    Some((boot, Settings { retention, reload: reload?, accounts }))
}

/// Where the store is. One at each of the places that may be meant is a mistake: the wrong one has forgotten payments.
pub(super) fn store_url(walk: &mut Walk<'_>, store: &StoreFile) -> StoreUrl {
    let StoreUrl::Sqlite(path) = walk.or(&store.url, StoreFile::URL);
    let written = &*path.to_string_lossy();
    let located = walk.sources.paths.locate(written);
    if let Found::Beside(other) = &located.found {
        let problem = format!(
            "`{written}` leads to two stores, `{}` and `{other}`, expected one: move away the one that does not hold the \
             payments, or write the absolute path of the one that does",
            located.path
        );
        walk.mistake(&store.url.path, problem);
    } else if let Some(warning) = located.warning(written) {
        walk.warn(&store.url.path, warning);
    }
    StoreUrl::Sqlite(located.path.into())
}

fn retention(walk: &mut Walk<'_>, store: &StoreFile) -> Retention {
    Retention {
        delivered: walk.or(&store.retention, StoreFile::RETENTION).0,
        dead_letters: walk.or(&store.dead_letter_retention, StoreFile::DEAD_LETTER_RETENTION).0,
        duplicates: walk.or(&store.duplicate_retention, StoreFile::DUPLICATE_RETENTION).0,
        payments: walk.or(&store.payment_retention, StoreFile::PAYMENT_RETENTION).0,
    }
}

pub(super) fn accounts(
    walk: &mut Walk<'_>,
    file: &ConfigFile,
    surroundings: &Surroundings<'_>,
) -> Accounts {
    let mut accounts = Accounts::new();
    let mut facts: Vec<Facts> = Vec::new();
    for section in walk.required_list(&file.account, "at least one `[[account]]`") {
        let Some((account, known)) = account::compile(walk, section, surroundings) else {
            continue;
        };
        facts.push(known);
        if let Some(account) = account {
            accounts.insert(account.name.clone(), Arc::new(account));
        }
    }
    mixups::check(walk, &facts);
    accounts
}

/// The configuration as JSON: secrets redacted, references as references, nothing for what was left out.
fn redacted(root: &Section<ConfigFile>) -> Value {
    let mut value = serde_json::to_value(root).expect("file types are plain data");
    drop_nothing(&mut value);
    value
}

/// Takes out what was left out: nulls, and tables and lists with nothing in them.
fn drop_nothing(value: &mut Value) {
    let is_nothing = |value: &Value| match value {
        Value::Null => true,
        Value::Object(table) => table.is_empty(),
        Value::Array(items) => items.is_empty(),
        Value::Bool(_) | Value::Number(_) | Value::String(_) => false,
    };
    match value {
        Value::Object(table) => {
            table.values_mut().for_each(drop_nothing);
            table.retain(|_, value| !is_nothing(value));
        }
        Value::Array(items) => items.iter_mut().for_each(drop_nothing),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

/// The bytes of the configuration file. One that is not a regular file, such as a pipe, is read but not noted: it cannot
/// be read again.
fn configuration_bytes(path: &Path, seen: &mut Seen) -> Result<Zeroizing<Vec<u8>>, String> {
    let (what, shown) = (CONFIG_FILE, path.display().to_string());
    let is_stream = std::fs::metadata(path).is_ok_and(|it| !it.is_file() && !it.is_dir());
    if is_stream {
        let failed = |error: std::io::Error| unreadable(what, &shown, &error);
        let mut bytes = Zeroizing::new(Vec::new());
        let stream = File::open(path).map_err(failed)?;
        stream.take(CONFIG_BYTES_MAX).read_to_end(&mut bytes).map_err(failed)?;
        return Ok(bytes);
    }
    let found = read_regular(what, &shown, CONFIG_BYTES_MAX).map(|(bytes, _)| bytes);
    seen.note_configuration(path, found.as_ref().map(|bytes| bytes.as_slice()));
    found
}

/// The text of a configuration file. The error says what is wrong, without any of the text.
pub(super) fn text(path: &Path, seen: &mut Seen) -> Result<Zeroizing<String>, String> {
    text_of(path, &configuration_bytes(path, seen)?)
}

fn text_of(path: &Path, bytes: &[u8]) -> Result<Zeroizing<String>, String> {
    match std::str::from_utf8(bytes) {
        Ok(text) => Ok(Zeroizing::new(text.to_owned())),
        Err(_) => Err(format!("configuration file `{}` is not UTF-8 text", path.display())),
    }
}
