//! `countersign freeze` and `unfreeze`.

use serde_json::json;

use super::output::{print_json, stdout};
use super::store::{Opened, open};
use super::{CommandError, ConfigFile, Exit};
use crate::clock::Clock;
use crate::config;

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
    let opened = open_for(&args.file, &args.account)?;
    let now_ms = Clock::System.unix_ms();
    opened.with(opened.store.freeze(&args.account, &args.reason, now_ms))?;
    let words = "is frozen: nothing that moves money is begun or sent";
    tell(args.json, &args.account, true, words, &opened)
}

pub fn unfreeze(args: UnfreezeArgs) -> Result<Exit, CommandError> {
    let opened = open_for(&args.file, &args.account)?;
    let was_frozen = opened.with(opened.store.unfreeze(&args.account))?;
    let words = if was_frozen { "is no longer frozen" } else { "was not frozen" };
    tell(args.json, &args.account, false, words, &opened)
}

fn tell(
    as_json: bool,
    account: &str,
    frozen: bool,
    words: &str,
    opened: &Opened,
) -> Result<Exit, CommandError> {
    let used = opened.used();
    if as_json {
        let told = used.add_to(json!({ "account": account, "frozen": frozen }));
        print_json(&told, &mut stdout())?;
        return Ok(Exit::Done);
    }
    println!("account `{account}` {words}");
    match frozen && !used.sidecar_running {
        true => println!("{used}, the freeze holds for the next one that starts on it"),
        false => println!("{used}"),
    }
    Ok(Exit::Done)
}

fn open_for(file: &ConfigFile, account: &str) -> Result<Opened, CommandError> {
    let loaded =
        config::load(&file.config).map_err(|mistakes| CommandError::mistakes(&mistakes))?;
    if !loaded.snapshot.accounts.contains_key(account) {
        let names: Vec<&str> = loaded.snapshot.accounts.keys().map(String::as_str).collect();
        let problem = format!("no account `{account}`, expected one of {}", names.join(", "));
        return Err(CommandError::usage(problem));
    }
    open(&loaded.boot)?.audited(loaded.boot.audit.as_ref())
}
