//! `countersign openapi`: the plain API of an account, or of a built-in profile.

use serde_json::Value;

use super::input::provider;
use super::{CommandError, ConfigFile, Exit, print_json};
use crate::config;

#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(flatten)]
    file: ConfigFile,
    /// The account to describe; not needed when the configuration has only one
    #[arg(long)]
    account: Option<String>,
    /// Describe a built-in profile instead, without a configuration file
    #[arg(long, conflicts_with_all = ["account", "config"])]
    provider: Option<String>,
    /// Accepted on every command that prints data; the document is JSON anyway
    #[arg(long)]
    json: bool,
}

pub fn run(args: &Args) -> Result<Exit, CommandError> {
    let document = match &args.provider {
        Some(name) => provider(name)?.openapi("{account}"),
        None => of_account(args)?,
    };
    print_json(&document, &mut std::io::stdout().lock())?;
    Ok(Exit::Done)
}

fn of_account(args: &Args) -> Result<Value, CommandError> {
    let loaded =
        config::load(&args.file.config).map_err(|mistakes| CommandError::mistakes(&mistakes))?;
    let accounts = loaded.snapshot.accounts;
    let account = match &args.account {
        Some(name) => accounts.get(name),
        None if accounts.len() == 1 => accounts.values().next(),
        None => None,
    };
    let account = account.ok_or_else(|| {
        let names: Vec<&str> = accounts.keys().map(String::as_str).collect();
        CommandError::usage(format!("`--account`: expected one of {}", names.join(", ")))
    })?;
    Ok(account.provider.openapi(&account.name))
}
