//! `countersign freeze` and `unfreeze`.

use serde_json::json;

use super::open_store::{Names, Used, open};
use super::output::{print_json, stdout};
use super::{CommandError, ConfigFile, Exit};
use crate::clock::Clock;

#[derive(Debug, clap::Args)]
pub struct FreezeArgs {
    #[command(flatten)]
    file: ConfigFile,
    /// The account
    account: String,
    /// Why; shown to callers and stored with the freeze
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
    let opened = open(&args.file)?.audited()?;
    let now_ms = Clock::System.unix_ms();
    let names = opened.with(async {
        let names = opened.names(&args.account).await?;
        // Under its former names too: a running sidecar may not know the new name yet.
        for name in &names.written {
            opened.store.freeze(name, &args.reason, now_ms).await?;
        }
        Ok::<_, CommandError>(names)
    })?;
    tell(args.json, &names, &opened.used(), Done::Frozen)
}

pub fn unfreeze(args: UnfreezeArgs) -> Result<Exit, CommandError> {
    let opened = open(&args.file)?.audited()?;
    let (names, was_frozen) = opened.with(async {
        let names = opened.names(&args.account).await?;
        let mut was_frozen = false;
        for name in &names.written {
            was_frozen |= opened.store.unfreeze(name).await?;
        }
        Ok::<_, CommandError>((names, was_frozen))
    })?;
    tell(args.json, &names, &opened.used(), Done::Unfrozen { was_frozen })
}

#[derive(Clone, Copy)]
enum Done {
    Frozen,
    Unfrozen { was_frozen: bool },
}

/// Fails when no running sidecar is affected by the freeze.
fn tell(as_json: bool, names: &Names, used: &Used, done: Done) -> Result<Exit, CommandError> {
    let account = &names.written[0];
    let has = used.sidecar_has(names);
    let stops_nothing = matches!((done, has), (Done::Frozen, Some(false)));
    if as_json {
        let frozen = matches!(done, Done::Frozen);
        let told = json!({ "account": account, "frozen": frozen, "sidecar_has_account": has });
        print_json(&used.add_to(told), &mut stdout())?;
        return Ok(Exit::done_if(!stops_nothing));
    }
    if stops_nothing {
        return Err(CommandError::failed(format!(
            "account `{account}` is frozen in the store, but no running sidecar has this account: it stops nothing now, \
             expected one of the accounts of running sidecars: {}; {used}",
            used.sidecar_accounts()
        )));
    }
    println!("account `{account}` {}", done.words());
    match (done, has) {
        (Done::Frozen, None) if used.sidecar_running => println!(
            "{used}, it is not known whether that sidecar has this account: it does not report its accounts"
        ),
        (Done::Frozen, None) => {
            println!("{used}, the freeze applies to the next sidecar that starts on it");
        }
        (Done::Unfrozen { .. }, Some(false)) => println!(
            "{used}, but not with this account: running sidecars have {}",
            used.sidecar_accounts()
        ),
        _ => println!("{used}"),
    }
    Ok(Exit::Done)
}

impl Done {
    fn words(self) -> &'static str {
        match self {
            Self::Frozen => "is frozen: no call that moves money is begun or sent",
            Self::Unfrozen { was_frozen: true } => "is no longer frozen",
            Self::Unfrozen { was_frozen: false } => "was not frozen",
        }
    }
}
