//! The store for commands: opened where a sidecar made it, and named in what they print.
//!
//! A command never makes a store: one made in the wrong place would be frozen, asked or settled in the sidecar's stead.

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde::Serialize;
use serde_json::Value;

use super::{CommandError, runtime};
use crate::audit::{self, Actor};
use crate::clock::Clock;
use crate::config::{self, Boot, Loaded, LogFormat};
use crate::logging;
use crate::reload::{Stranding, names_of};
use crate::store::{self, Store, StoreError, StoreUrl};

/// A store that a command works on.
pub(super) struct Opened {
    pub store: Arc<dyn Store>,
    url: StoreUrl,
}

/// Which store it was, and whether a sidecar runs on it. Its member names are printed: none is renamed or removed.
#[derive(Serialize)]
pub(super) struct Used {
    /// Absolute.
    path: PathBuf,
    pub sidecar_running: bool,
}

/// Opens the configured store, beside a sidecar that may be running on it.
pub(super) fn open(boot: &Boot) -> Result<Opened, CommandError> {
    let url = boot.store.0.parse::<StoreUrl>();
    let url = url.map_err(|error| CommandError::failed(format!("`store.url`: {error}")))?;
    let store = store::open_existing(&url).map_err(failed)?;
    Ok(Opened { store, url })
}

/// What a configuration does to payments that its store has, by a look that leaves no trace; or why that cannot be told.
/// Where there is no store there is nothing.
pub(super) fn stranding(loaded: &Loaded) -> (Stranding, Option<String>) {
    let looked = loaded.boot.store.0.parse::<StoreUrl>().and_then(|url| {
        store::look(&url, &names_of(&loaded.snapshot)).map_err(|error| error.to_string())
    });
    match looked {
        Ok(standing) => (Stranding::of(&loaded.snapshot, &standing.unwrap_or_default()), None),
        Err(why) => (Stranding::default(), Some(why)),
    }
}

impl Opened {
    /// The same with what the command does to it written down, where the configuration wants that.
    pub fn audited(self, settings: Option<&config::Audit>) -> Result<Self, CommandError> {
        if settings.is_some() {
            // What keeps entries from being written is not an error of the command, but has to be seen.
            logging::install(LogFormat::Text, "warn", None);
        }
        let actor = Actor::Cli(rustix::process::getuid().as_raw());
        let opened = audit::open_audited(self.store, settings, Clock::System, actor);
        let (store, _) =
            opened.map_err(|error| CommandError::failed(format!("`audit.file`: {error}")))?;
        Ok(Self { store, ..self })
    }

    /// Does `work` and closes the store.
    pub fn with<T, E: Into<CommandError>>(
        &self,
        work: impl Future<Output = Result<T, E>>,
    ) -> Result<T, CommandError> {
        runtime()?.block_on(async {
            let done = work.await;
            self.store.close().await.map_err(failed)?;
            done.map_err(Into::into)
        })
    }

    /// As things are now.
    pub fn used(&self) -> Used {
        let StoreUrl::Sqlite(path) = &self.url;
        Used { path: absolute(path), sidecar_running: store::is_used_by_sidecar(&self.url) }
    }
}

impl Used {
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

fn failed(error: StoreError) -> CommandError {
    error.into()
}

impl From<StoreError> for CommandError {
    fn from(error: StoreError) -> Self {
        Self::failed(error.to_string())
    }
}
