//! Checks a parsed configuration and builds the snapshot, collecting every mistake.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::Read;
use std::path::Path;
use std::sync::Arc;

use jiff::Timestamp;
use serde_json::Value;
use zeroize::Zeroizing;

use super::account::{self, Surroundings};
use super::file::{ConfigFile, LogFile, StoreFile};
use super::listen;
use super::mixups::{self, Facts};
use super::section::Section;
use super::snapshot::{Account, Boot, Log, Retention, Snapshot, StoreUrl};
use super::sources::{Environment, Sources, unreadable};
use super::syntax;
use super::walk::Walk;
use crate::clock::Clock;
use crate::mistake::Mistake;

/// The largest configuration file, in bytes. A thousand accounts need less.
const CONFIG_BYTES_MAX: u64 = 4 * 1024 * 1024;

/// A configuration that passed every check.
pub struct Loaded {
    pub boot: Boot,
    pub snapshot: Snapshot,
    /// Worth a look, not a reason to refuse: loose file permissions, unconfirmed operations, keys that end soon.
    pub warnings: Vec<String>,
}

/// Reads and compiles the file at `path`; relative paths in it are resolved from the working directory.
pub fn load(path: &Path) -> Result<Loaded, Vec<Mistake>> {
    let text = read(path).map_err(|problem| vec![Mistake::new("", problem)])?;
    load_text(&text)
}

/// Compiles configuration text.
pub fn load_text(text: &str) -> Result<Loaded, Vec<Mistake>> {
    compile(text, &|name| std::env::var_os(name), Clock::System.now())
}

/// Compiles configuration text with the environment and the time of the caller's choice.
pub(super) fn compile(
    text: &str,
    environment: Environment<'_>,
    now: Timestamp,
) -> Result<Loaded, Vec<Mistake>> {
    let value = syntax::parse(text)?;
    let root = Section::<ConfigFile>::root(value);
    let mut walk = Walk::new(Sources::new(environment, text));
    let built = walk.section(&root).and_then(|file| build(&mut walk, file, now));
    let Walk { sources, mistakes, warnings } = walk;
    match built {
        Some((boot, retention, accounts)) if mistakes.is_empty() => {
            let (redacted, hash) = (redacted(&root), sources.hash());
            let snapshot = Snapshot { accounts, retention, redacted, hash };
            Ok(Loaded { boot, snapshot, warnings })
        }
        _ => Err(mistakes),
    }
}

fn build(
    walk: &mut Walk<'_>,
    file: &ConfigFile,
    now: Timestamp,
) -> Option<(Boot, Retention, BTreeMap<String, Arc<Account>>)> {
    let listeners = walk.section(&file.listen).map(|listen| listen::compile(walk, listen));
    let store = walk.section(&file.store).map(|store| {
        let retention = retention(walk, store);
        (walk.or(&store.url, StoreFile::URL), retention)
    });
    let log = walk.section(&file.log).map(|log| Log {
        format: walk.or(&log.format, LogFile::FORMAT),
        level: walk.or(&log.level, LogFile::LEVEL).0.to_owned(),
    });
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
        store: StoreUrl(url.0),
        log: log?,
    };
    Some((boot, retention, accounts))
}

fn retention(walk: &mut Walk<'_>, store: &StoreFile) -> Retention {
    Retention {
        delivered: walk.or(&store.retention, StoreFile::RETENTION).0,
        dead_letters: walk.or(&store.dead_letter_retention, StoreFile::DEAD_LETTER_RETENTION).0,
        duplicates: walk.or(&store.duplicate_retention, StoreFile::DUPLICATE_RETENTION).0,
        payments: walk.or(&store.payment_retention, StoreFile::PAYMENT_RETENTION).0,
    }
}

fn accounts(
    walk: &mut Walk<'_>,
    file: &ConfigFile,
    surroundings: &Surroundings<'_>,
) -> BTreeMap<String, Arc<Account>> {
    let mut accounts: BTreeMap<String, Arc<Account>> = BTreeMap::new();
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

fn read(path: &Path) -> Result<Zeroizing<String>, String> {
    let shown = path.display().to_string();
    let failed = |error: std::io::Error| unreadable("configuration file", &shown, &error);
    let mut bytes = Zeroizing::new(Vec::new());
    let file = File::open(path).map_err(failed)?;
    file.take(CONFIG_BYTES_MAX + 1).read_to_end(&mut bytes).map_err(failed)?;
    if bytes.len() as u64 > CONFIG_BYTES_MAX {
        return Err(format!(
            "configuration file `{shown}` is larger than {CONFIG_BYTES_MAX} bytes"
        ));
    }
    match std::str::from_utf8(&bytes) {
        Ok(text) => Ok(Zeroizing::new(text.to_owned())),
        Err(_) => Err(format!("configuration file `{shown}` is not UTF-8 text")),
    }
}
