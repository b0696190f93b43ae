//! Reads only the parts of a configuration that commands need: a missing key, or a mistake in a part that is being
//! edited, must not keep an account from being frozen.

use std::path::Path;

use super::read::{self, Keys, Reader, Section, nearest};
use super::section::{self, AccountFile, ConfigFile, Surroundings};
use super::snapshot::{Accounts, Audit, Listener};
use crate::clock::Clock;
use crate::mistake::Mistake;
use crate::store::StoreUrl;

/// The parts that commands on a store need.
#[derive(Debug)]
pub struct StoreSide {
    pub store: StoreUrl,
    /// The audit log, if there is one.
    pub audit: Option<Audit>,
    /// Every account whose name can be read: the current name first, then former ones.
    pub names: Vec<Vec<String>>,
    /// Problems that do not prevent the command, including names that cannot be read.
    pub warnings: Vec<String>,
}

/// Reads `store.url`, `[audit]` and the accounts' names from the file at `path`.
///
/// # Errors
/// When the file cannot be read or is not TOML, or one of the first two is wrong.
pub fn store_side(path: &Path) -> Result<StoreSide, Vec<Mistake>> {
    let (root, mut reader) = open(path)?;
    let file = &root.value;
    expect_not_misspelt(&mut reader, &root, "store", file.store.is_given);
    expect_not_misspelt(&mut reader, &root, "audit", file.audit.is_given);
    let store = reader.table(&file.store).map(|store| {
        expect_no_other(&mut reader, &file.store, store.url.is_given());
        section::store_url(&mut reader, store)
    });
    let audit = reader.table(&file.audit).and_then(|audit| {
        expect_no_other(&mut reader, &file.audit, audit.file.is_given());
        section::audit(&mut reader, audit)
    });
    let Some(store) = store.filter(|_| reader.mistakes.is_empty()) else {
        return Err(reader.mistakes);
    };
    let accounts = reader.required_list(&file.account, "at least one `[[account]]`");
    let names = accounts.iter().filter_map(|account| names(&mut reader, account)).collect();
    let mut warnings = reader.warnings;
    warnings.extend(reader.mistakes.iter().map(ToString::to_string));
    Ok(StoreSide { store, audit, names, warnings })
}

/// Every account of the file at `path` that has no mistake, despite mistakes elsewhere; and the mistakes.
///
/// # Errors
/// When the file cannot be read or is not TOML.
pub fn accounts(path: &Path) -> Result<(Accounts, Vec<Mistake>), Vec<Mistake>> {
    let (root, mut reader) = open(path)?;
    let surroundings =
        Surroundings { app: None, listens_for_notifications: false, now: Clock::System.now() };
    let accounts = section::accounts(&mut reader, &root.value, &surroundings);
    Ok((accounts, reader.mistakes))
}

/// The admin listener in the file at `path`, for commands that query a running sidecar.
///
/// # Errors
/// When the file cannot be read, is not TOML, or has a mistake in that listener.
pub fn admin_listener(path: &Path) -> Result<Listener, Vec<Mistake>> {
    let (root, mut reader) = open(path)?;
    let listener = root.value.listen.value.admin(&mut reader);
    listener.filter(|_| reader.mistakes.is_empty()).ok_or(reader.mistakes)
}

fn open(path: &Path) -> Result<(Section<ConfigFile>, Reader<'static>), Vec<Mistake>> {
    read::open(path).map_err(|refused| refused.mistakes)
}

/// When the one needed key is missing, an unknown key may be its misspelling: then the command would work on another
/// store.
fn expect_no_other<T: Keys>(reader: &mut Reader<'_>, section: &Section<T>, is_given: bool) {
    for key in section.unknown_keys.iter().filter(|_| !is_given) {
        reader.unknown_key(&section.path, key, T::KEYS);
    }
}

/// The same for a whole section, whose name may be misspelt: other sections may be present.
fn expect_not_misspelt<T: Keys>(
    reader: &mut Reader<'_>,
    root: &Section<T>,
    section: &str,
    is_given: bool,
) {
    let is_meant = |key: &&String| !is_given && nearest(key, &[section]).is_some();
    for key in root.unknown_keys.iter().filter(is_meant) {
        reader.unknown_key(&root.path, key, T::KEYS);
    }
}

/// Every name of an account.
fn names(reader: &mut Reader<'_>, account: &Section<AccountFile>) -> Option<Vec<String>> {
    let file = reader.table(account)?;
    let name = reader.required(&file.name)?;
    let formerly = reader.values(&file.formerly).into_iter().map(|name| name.value);
    Some([name].into_iter().chain(formerly).collect())
}
