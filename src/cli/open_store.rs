//! The store for commands: opened where a sidecar made it, and named in what they print.
//!
//! A command never makes a store: one made in the wrong place would be frozen, asked or settled in the sidecar's stead.

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
use crate::store::{self, RunningSidecar, Store, StoreError, StoreUrl};

/// A store that a command works on.
pub(super) struct Opened {
    pub store: Arc<dyn Store>,
    pub side: StoreSide,
    audit: Option<Audit>,
}

/// Which store it was, and whether a sidecar runs on it. Its member names are printed: none is renamed or removed.
#[derive(Serialize)]
pub(super) struct Used {
    /// Absolute.
    path: PathBuf,
    pub sidecar_running: bool,
    /// The names in use of the accounts that running sidecars have, as of their last reload; `None` when none says it.
    sidecar_accounts: Option<BTreeSet<String>>,
    #[serde(skip)]
    sidecars: Vec<RunningSidecar>,
}

/// Opens the store that the configuration names, beside a sidecar that may be running on it. Nothing else of the
/// configuration needs to be right.
pub(super) fn open(file: &ConfigFile) -> Result<Opened, CommandError> {
    let side = config::store_side(&file.config)?;
    for warning in &side.warnings {
        tell(format_args!("warning: {warning}"));
    }
    let store = store::open_existing(&side.store)?;
    Ok(Opened { store, side, audit: None })
}

/// What a configuration does to payments that its store has, by a look that leaves no trace; or why that cannot be told.
/// Where there is no store there is nothing.
pub(super) fn stranding(loaded: &Loaded) -> (Stranding, Option<String>) {
    match store::look(&loaded.boot.store, &names_of(&loaded.snapshot)) {
        Ok(standing) => (Stranding::of(&loaded.snapshot, standing.unwrap_or_default()), None),
        Err(why) => (Stranding::default(), Some(why.to_string())),
    }
}

impl Opened {
    /// The same with what the command does to it written down, where the configuration wants that.
    pub fn audited(self) -> Result<Self, CommandError> {
        let settings = self.side.audit.as_ref();
        if settings.is_some() {
            // What keeps entries from being written is not an error of the command, but has to be seen.
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

    /// Prints what a command found or did and on which store: as JSON with the store as a member, or `text` and a line.
    pub fn print(&self, as_json: bool, json: Value, text: &str) -> Result<Exit, CommandError> {
        let used = self.used();
        match as_json {
            true => print_json(&used.add_to(json), &mut stdout())?,
            false => writeln!(stdout(), "{text}{used}")?,
        }
        Ok(Exit::Done)
    }

    /// As things are now.
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

    /// The names of the account that is or was called `account`: those of the configuration first, the one in use before the
    /// others, then those that only the store has. A name that neither of them knows, nor a running sidecar, is an error.
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

    /// Refuses to look for an account that nobody knows.
    pub async fn expect_account(&self, account: Option<&str>) -> Result<(), CommandError> {
        match account {
            Some(account) => self.names(account).await.map(|_| ()),
            None => Ok(()),
        }
    }
}

/// The names of one account.
pub(super) struct Names {
    /// By the configuration, the one in use first; of an account that is not in it, the one that was asked for. Not empty.
    pub written: Vec<String>,
    /// Further ones that the store holds to be the same account.
    others: Vec<String>,
}

impl Used {
    /// Whether a running sidecar has that account; `None` when none is running, or one does not say which it has.
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

    /// Which accounts running sidecars have, in words.
    pub fn sidecar_accounts(&self) -> String {
        let names = self.sidecar_accounts.iter().flatten().map(|name| format!("`{name}`"));
        match names.collect::<Vec<_>>() {
            none if none.is_empty() => "none".to_owned(),
            names => names.join(", "),
        }
    }

    /// Adds itself to what is printed as JSON.
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

/// The file itself, without detours.
fn absolute(path: &Path) -> PathBuf {
    path.canonicalize().unwrap_or_else(|_| path.to_owned())
}

impl From<StoreError> for CommandError {
    fn from(error: StoreError) -> Self {
        Self::failed(error.to_string())
    }
}
