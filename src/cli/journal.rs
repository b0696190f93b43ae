//! `countersign freeze` and `unfreeze`, and opening the store for commands that look at the journal.

use std::sync::Arc;

use serde_json::json;

use super::output::{print_json, stdout};
use super::{CommandError, ConfigFile, Exit, runtime};
use crate::audit::{self, Actor};
use crate::clock::Clock;
use crate::config::{self, LogFormat};
use crate::logging;
use crate::store::{self, Store, StoreError, StoreUrl};

#[derive(Debug, clap::Args)]
pub struct FreezeArgs {
    #[command(flatten)]
    file: ConfigFile,
    /// The account
    account: String,
    /// Why; shown to callers and kept with the freeze
    #[arg(long)]
    reason: String,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

#[derive(Debug, clap::Args)]
pub struct UnfreezeArgs {
    #[command(flatten)]
    file: ConfigFile,
    /// The account
    account: String,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

pub fn freeze(args: FreezeArgs) -> Result<Exit, CommandError> {
    let store = open_for(&args.file, &args.account)?;
    let now_ms = Clock::System.unix_ms();
    with_store(&store, store.freeze(&args.account, &args.reason, now_ms))?;
    tell(args.json, &args.account, true, "is frozen: nothing that moves money is begun or sent")
}

pub fn unfreeze(args: UnfreezeArgs) -> Result<Exit, CommandError> {
    let store = open_for(&args.file, &args.account)?;
    let was_frozen = with_store(&store, store.unfreeze(&args.account))?;
    let words = if was_frozen { "is no longer frozen" } else { "was not frozen" };
    tell(args.json, &args.account, false, words)
}

fn tell(as_json: bool, account: &str, frozen: bool, words: &str) -> Result<Exit, CommandError> {
    match as_json {
        true => print_json(&json!({ "account": account, "frozen": frozen }), &mut stdout())?,
        false => println!("account `{account}` {words}"),
    }
    Ok(Exit::Done)
}

fn open_for(file: &ConfigFile, account: &str) -> Result<Arc<dyn Store>, CommandError> {
    let loaded =
        config::load(&file.config).map_err(|mistakes| CommandError::mistakes(&mistakes))?;
    if !loaded.snapshot.accounts.contains_key(account) {
        let names: Vec<&str> = loaded.snapshot.accounts.keys().map(String::as_str).collect();
        let problem = format!("no account `{account}`, expected one of {}", names.join(", "));
        return Err(CommandError::usage(problem));
    }
    let store = open(&loaded.boot.store.0)?;
    audited(store, loaded.boot.audit.as_ref())
}

/// `store` with what the command does to it written down, where the configuration wants that.
pub(super) fn audited(
    store: Arc<dyn Store>,
    settings: Option<&config::Audit>,
) -> Result<Arc<dyn Store>, CommandError> {
    if settings.is_some() {
        // What keeps entries from being written is not an error of the command, but has to be seen.
        logging::install(LogFormat::Text, "warn", None);
    }
    let actor = Actor::Cli(rustix::process::getuid().as_raw());
    let opened = audit::open_audited(store, settings, Clock::System, actor);
    let (store, _) =
        opened.map_err(|error| CommandError::failed(format!("`audit.file`: {error}")))?;
    Ok(store)
}

/// Opens the store at `url`, beside a sidecar that may be running on it.
pub(super) fn open(url: &str) -> Result<Arc<dyn Store>, CommandError> {
    let url = url.parse::<StoreUrl>();
    let url = url.map_err(|error| CommandError::failed(format!("`store.url`: {error}")))?;
    store::open(&url).map_err(failed)
}

/// Does `work` and closes the store.
pub(super) fn with_store<T>(
    store: &Arc<dyn Store>,
    work: impl Future<Output = Result<T, StoreError>>,
) -> Result<T, CommandError> {
    runtime()?.block_on(async {
        let done = work.await;
        store.close().await.map_err(failed)?;
        done.map_err(failed)
    })
}

pub(super) fn failed(error: StoreError) -> CommandError {
    CommandError::failed(error.to_string())
}
