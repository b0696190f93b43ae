//! What commands that work on a store need of the configuration: where the store and the audit log are, and what accounts are
//! called. The rest of the file is not looked at: a key that is missing, or a mistake that somebody is just making there,
//! must not keep an account from being frozen.

use std::path::Path;

use zeroize::Zeroizing;

use super::load;
use super::snapshot::{Accounts, Audit};
use crate::clock::Clock;
use crate::config::read::reader::Walk;
use crate::config::read::section::Section;
use crate::config::read::seen::Seen;
use crate::config::read::sources::Sources;
use crate::config::read::suggest::nearest;
use crate::config::read::syntax;
use crate::config::section::account::Surroundings;
use crate::config::section::file::{AccountFile, ConfigFile};
use crate::config::section::observe;
use crate::mistake::Mistake;
use crate::store::StoreUrl;

/// What commands on a store go by.
#[derive(Debug)]
pub struct StoreSide {
    pub store: StoreUrl,
    /// The audit log, if one is kept.
    pub audit: Option<Audit>,
    /// Every account whose name can be read: the one in use first, then former ones.
    pub names: Vec<Vec<String>>,
    /// Worth a look, not a reason to refuse. A name that cannot be read is among them.
    pub warnings: Vec<String>,
}

/// Reads `store.url`, `[audit]` and the accounts' names from the file at `path`.
///
/// # Errors
/// When the file cannot be read or is not TOML, or one of the first two is wrong.
pub fn store_side(path: &Path) -> Result<StoreSide, Vec<Mistake>> {
    let read = Text::of(path)?;
    let (root, mut walk) = read.walk()?;
    let file = &root.value;
    expect_not_misspelt(&mut walk, &root, "store", file.store.is_given);
    expect_not_misspelt(&mut walk, &root, "audit", file.audit.is_given);
    let store = walk.table(&file.store).map(|store| {
        expect_no_other(&mut walk, &file.store, store.url.is_given());
        load::store_url(&mut walk, store)
    });
    let audit = walk.table(&file.audit).and_then(|audit| {
        expect_no_other(&mut walk, &file.audit, audit.file.is_given());
        observe::audit(&mut walk, audit)
    });
    let Some(store) = store.filter(|_| walk.mistakes.is_empty()) else { return Err(walk.mistakes) };
    let accounts = walk.required_list(&file.account, "at least one `[[account]]`");
    let names = accounts.iter().filter_map(|account| names(&mut walk, account)).collect();
    let mut warnings = walk.warnings;
    warnings.extend(walk.mistakes.iter().map(ToString::to_string));
    Ok(StoreSide { store, audit, names, warnings })
}

/// Every account of the file at `path` that is without a mistake, whatever is wrong elsewhere; and the mistakes.
///
/// # Errors
/// When the file cannot be read or is not TOML.
pub fn accounts(path: &Path) -> Result<(Accounts, Vec<Mistake>), Vec<Mistake>> {
    let read = Text::of(path)?;
    let (root, mut walk) = read.walk()?;
    let surroundings =
        Surroundings { app: None, listens_for_notifications: false, now: Clock::System.now() };
    let accounts = load::accounts(&mut walk, &root.value, &surroundings);
    Ok((accounts, walk.mistakes))
}

/// The text of a configuration file.
struct Text {
    text: Zeroizing<String>,
    seen: Seen,
}

impl Text {
    fn of(path: &Path) -> Result<Self, Vec<Mistake>> {
        let mut seen = Seen::default();
        let text = load::text(path, &mut seen);
        let text = text.map_err(|problem| vec![Mistake::new("", problem)])?;
        Ok(Self { text, seen })
    }

    fn walk(self) -> Result<(Section<ConfigFile>, Walk<'static>), Vec<Mistake>> {
        let root = Section::<ConfigFile>::root(syntax::parse(&self.text)?);
        let sources = Sources::new(&crate::environment::variable, &self.text).beside(self.seen);
        Ok((root, Walk::new(sources)))
    }
}

/// Where the one key that is read is missing, an unknown one may be it misspelt: then another store would be worked on.
fn expect_no_other<T>(walk: &mut Walk<'_>, section: &Section<T>, is_given: bool) {
    for key in section.unknown_keys.iter().filter(|_| !is_given) {
        walk.unknown_key(&section.path, key, section.known_keys);
    }
}

/// The same for a whole section, by how its name is written: anything may stand beside it.
fn expect_not_misspelt<T>(walk: &mut Walk<'_>, root: &Section<T>, section: &str, is_given: bool) {
    let is_meant = |key: &&String| !is_given && nearest(key, &[section]).is_some();
    for key in root.unknown_keys.iter().filter(is_meant) {
        walk.unknown_key(&root.path, key, root.known_keys);
    }
}

/// Every name of an account.
fn names(walk: &mut Walk<'_>, account: &Section<AccountFile>) -> Option<Vec<String>> {
    let file = walk.table(account)?;
    let name = walk.required(&file.name)?.0;
    let formerly: Vec<String> = walk
        .list(&file.formerly)
        .iter()
        .filter_map(|leaf| walk.optional(leaf))
        .map(|name| name.0)
        .collect();
    Some([name].into_iter().chain(formerly).collect())
}
