//! `countersign freeze` and `unfreeze`.

use serde_json::json;

use super::output::{print_json, stdout};
use super::store::{Opened, open};
use super::{CommandError, ConfigFile, Exit};
use crate::clock::Clock;
use crate::config;
use crate::store::StoreError;

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
    let (opened, names) = open_for(&args.file, &args.account)?;
    let now_ms = Clock::System.unix_ms();
    // Under its former names too: a sidecar may be running that does not know the new one yet.
    opened.with(async {
        for name in &names {
            opened.store.freeze(name, &args.reason, now_ms).await?;
        }
        Ok::<_, StoreError>(())
    })?;
    let words = "is frozen: nothing that moves money is begun or sent";
    tell(args.json, &names[0], true, words, &opened)
}

pub fn unfreeze(args: UnfreezeArgs) -> Result<Exit, CommandError> {
    let (opened, names) = open_for(&args.file, &args.account)?;
    let was_frozen = opened.with(async {
        let mut was_frozen = false;
        for name in &names {
            was_frozen |= opened.store.unfreeze(name).await?;
        }
        Ok::<_, StoreError>(was_frozen)
    })?;
    let words = if was_frozen { "is no longer frozen" } else { "was not frozen" };
    tell(args.json, &names[0], false, words, &opened)
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

/// The store, and the account's names: the one in use first, then former ones.
fn open_for(file: &ConfigFile, account: &str) -> Result<(Opened, Vec<String>), CommandError> {
    let loaded =
        config::load(&file.config).map_err(|mistakes| CommandError::mistakes(&mistakes))?;
    let Some(found) = loaded.snapshot.account(account) else {
        let names: Vec<&str> = loaded.snapshot.accounts.keys().map(String::as_str).collect();
        let problem = format!("no account `{account}`, expected one of {}", names.join(", "));
        return Err(CommandError::usage(problem));
    };
    let names = [&found.name].into_iter().chain(&found.formerly).cloned().collect();
    Ok((open(&loaded.boot)?.audited(loaded.boot.audit.as_ref())?, names))
}
