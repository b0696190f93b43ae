//! The store for commands: opened where a sidecar created it, and named in their output.
//!
//! A command never creates a store: otherwise it would freeze, query or settle a store in the wrong place instead of
//! the sidecar's.

use std::collections::BTreeSet;
use std::fmt;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde::Serialize;
use serde_json::Value;

use super::output::{print_json, stdout, tell};
use super::{CommandError, ConfigFile, Exit, runtime};
use crate::audit::{Actor, Audit};
use crate::clock::Clock;
use crate::config::{self, Loaded, LogFormat, StoreSide};
use crate::logging;
use crate::reload::{Stranding, names_of};
use crate::store::{self, JournalError, RunningSidecar, Store, StoreError, StoreUrl};

/// A store that a command works on.
pub(super) struct Opened {
    pub store: Arc<dyn Store>,
    pub side: StoreSide,
    audit: Option<Audit>,
}

/// Which store was used, and whether a sidecar runs on it. Its member names are printed: none is renamed or removed.
#[derive(Serialize)]
pub(super) struct Used {
    /// An absolute path.
    path: PathBuf,
    pub sidecar_running: bool,
    /// The current names of the accounts that running sidecars have, as of their last reload; `None` when none
    /// reports them.
    sidecar_accounts: Option<BTreeSet<String>>,
    #[serde(skip)]
    sidecars: Vec<RunningSidecar>,
}

/// Opens the configured store, even while a sidecar is running on it. The rest of the configuration may contain
/// mistakes.
pub(super) fn open(file: &ConfigFile) -> Result<Opened, CommandError> {
    let side = config::store_side(&file.config)?;
    for warning in &side.warnings {
        tell(format_args!("warning: {warning}"));
    }
    let store = store::open_existing(&side.store)?;
    Ok(Opened { store, side, audit: None })
}

/// What a configuration does to the payments in its store, read without leaving a trace; or why that is not known.
/// Without a store there are no payments.
pub(super) fn stranding(loaded: &Loaded) -> (Stranding, Option<String>) {
    match store::look(&loaded.boot.store, &names_of(&loaded.snapshot)) {
        Ok(standing) => (Stranding::of(&loaded.snapshot, standing.unwrap_or_default()), None),
        Err(why) => (Stranding::default(), Some(why.to_string())),
    }
}

impl Opened {
    /// The same store, with the command's changes recorded in the audit log if the configuration has one.
    pub fn audited(self) -> Result<Self, CommandError> {
        let settings = self.side.audit.as_ref();
        if settings.is_some() {
            // A failure to write entries is not an error of the command, but must be visible.
            logging::install(LogFormat::Text, "warn", None);
        }
        let actor = Actor::Cli(rustix::process::getuid().as_raw());
        let opened = Audit::open(settings, Clock::System, &*self.store, actor);
        let audit =
            opened.map_err(|error| CommandError::failed(format!("`audit.file`: {error}")))?;
        Ok(Self { audit: Some(audit), ..self })
    }

    /// Does `work` and closes the store.
    pub fn with<T, E: Into<CommandError>>(
        &self,
        work: impl Future<Output = Result<T, E>>,
    ) -> Result<T, CommandError> {
        runtime()?.block_on(async {
            let done = work.await;
            let closed = self.store.close().await;
            if let Some(audit) = &self.audit {
                audit.close().await;
            }
            closed?;
            done.map_err(Into::into)
        })
    }

    /// Prints the result of a command and the store it used: as JSON with the store as a member, or as `text` and one
    /// more line.
    pub fn print(&self, as_json: bool, json: Value, text: &str) -> Result<Exit, CommandError> {
        let used = self.used();
        match as_json {
            true => print_json(&used.add_to(json), &mut stdout())?,
            false => writeln!(stdout(), "{text}{used}")?,
        }
        Ok(Exit::Done)
    }

    /// The current state.
    pub fn used(&self) -> Used {
        let StoreUrl::Sqlite(path) = &self.side.store;
        let sidecars = store::sidecars(&self.side.store);
        let said: Vec<_> = sidecars.iter().filter_map(|it| it.accounts.as_ref()).collect();
        let names = said.iter().flat_map(|accounts| accounts.iter().map(|it| it.name.clone()));
        Used {
            path: absolute(path),
            sidecar_running: !sidecars.is_empty(),
            sidecar_accounts: (!said.is_empty()).then(|| names.collect()),
            sidecars,
        }
    }

    /// The names of the account that is or was called `account`: those of the configuration first, the current one
    /// before the others, then those that only the store has. It is an error if neither has the name, and no running
    /// sidecar either.
    pub async fn names(&self, account: &str) -> Result<Names, CommandError> {
        let met = self.store.known_names().await?;
        let of_file = &self.side.names;
        let is_in_use = |names: &&Vec<String>| names.first().is_some_and(|name| name == account);
        let was_called = |names: &&Vec<String>| names.iter().any(|name| name == account);
        let found = of_file.iter().find(is_in_use).or_else(|| of_file.iter().find(was_called));
        let said =
            store::sidecars(&self.side.store).into_iter().filter_map(|it| it.accounts).flatten();
        let said: Vec<_> = said.collect();
        let is_known =
            found.is_some() || met.contains_key(account) || said.iter().any(|it| it.has(account));
        if !is_known {
            let mut names: BTreeSet<&String> = of_file.iter().filter_map(|it| it.first()).collect();
            names.extend(met.values());
            names.extend(said.iter().map(|it| &it.name));
            let names: Vec<&str> = names.into_iter().map(String::as_str).collect();
            let problem = format!("no account `{account}`, expected one of {}", names.join(", "));
            return Err(CommandError::usage(problem));
        }
        let written = found.cloned().unwrap_or_else(|| vec![account.to_owned()]);
        let in_use: BTreeSet<&String> = written.iter().filter_map(|name| met.get(name)).collect();
        let others =
            met.iter().filter(|(name, now)| in_use.contains(now) && !written.contains(name));
        Ok(Names { others: others.map(|(name, _)| name.clone()).collect(), written })
    }

    /// Refuses an unknown account name.
    pub async fn expect_account(&self, account: Option<&str>) -> Result<(), CommandError> {
        match account {
            Some(account) => self.names(account).await.map(|_| ()),
            None => Ok(()),
        }
    }
}

/// The names of one account.
pub(super) struct Names {
    /// From the configuration, the current one first; for an account that is not in it, the given name. Not empty.
    pub written: Vec<String>,
    /// Further names that the store records for the same account.
    others: Vec<String>,
}

impl Used {
    /// Whether a running sidecar has that account; `None` when none is running, or one does not report its accounts.
    pub fn sidecar_has(&self, names: &Names) -> Option<bool> {
        let is_one = |name: &String| names.written.contains(name) || names.others.contains(name);
        let has = |sidecar: &RunningSidecar| {
            let accounts = sidecar.accounts.as_ref()?;
            let mut all = accounts.iter().flat_map(|it| [&it.name].into_iter().chain(&it.formerly));
            Some(all.any(is_one))
        };
        let answers: Vec<Option<bool>> = self.sidecars.iter().map(has).collect();
        match () {
            () if answers.contains(&Some(true)) => Some(true),
            () if answers.is_empty() || answers.contains(&None) => None,
            () => Some(false),
        }
    }

    /// The accounts of running sidecars, in words.
    pub fn sidecar_accounts(&self) -> String {
        let names = self.sidecar_accounts.iter().flatten().map(|name| format!("`{name}`"));
        match names.collect::<Vec<_>>() {
            none if none.is_empty() => "none".to_owned(),
            names => names.join(", "),
        }
    }

    /// Adds this to the JSON output.
    pub fn add_to(&self, mut printed: Value) -> Value {
        printed["store"] = serde_json::to_value(self).unwrap_or_default();
        printed
    }
}

impl fmt::Display for Used {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let running = match self.sidecar_running {
            true => "a running sidecar uses this store",
            false => "no sidecar is running on this store",
        };
        write!(formatter, "store {}: {running}", self.path.display())
    }
}

/// The canonical path of the file.
fn absolute(path: &Path) -> PathBuf {
    path.canonicalize().unwrap_or_else(|_| path.to_owned())
}

impl From<JournalError> for CommandError {
    fn from(error: JournalError) -> Self {
        Self::failed(error.to_string())
    }
}

impl From<StoreError> for CommandError {
    fn from(error: StoreError) -> Self {
        Self::failed(error.to_string())
    }
}
