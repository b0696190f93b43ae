//! `countersign openapi`: the plain API of an account, or of a built-in profile.

use super::{ConfigFile, Exit};
use crate::config;
use crate::provider::{Provider, builtin_names};

#[derive(clap::Args)]
pub struct Args {
    #[command(flatten)]
    file: ConfigFile,
    /// The account to describe; not needed when the configuration has only one
    #[arg(long)]
    account: Option<String>,
    /// Describe a built-in profile instead, without a configuration file
    #[arg(long, conflicts_with_all = ["account", "config"])]
    provider: Option<String>,
    /// Accepted for symmetry: the document is JSON either way
    #[arg(long)]
    json: bool,
}

pub fn run(args: Args) -> Exit {
    let document = match &args.provider {
        Some(name) => Provider::builtin(name)
            .map(|provider| provider.openapi("{account}"))
            .ok_or_else(|| format!("no built-in profile `{name}`, expected one of {}", builtin_names().join(", "))),
        None => of_account(&args),
    };
    match document {
        Ok(document) => {
            println!("{document:#}");
            Exit::Done
        }
        Err(error) => {
            eprintln!("{error}");
            Exit::Failed
        }
    }
}

fn of_account(args: &Args) -> Result<serde_json::Value, String> {
    let loaded = config::load(&args.file.config).map_err(|mistakes| {
        mistakes.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n")
    })?;
    let accounts = loaded.snapshot.accounts;
    let names = accounts.keys().map(String::as_str).collect::<Vec<_>>().join(", ");
    let account = match &args.account {
        Some(name) => accounts.get(name),
        None if accounts.len() == 1 => accounts.values().next(),
        None => None,
    };
    let account = account.ok_or_else(|| format!("--account: expected one of {names}"))?;
    Ok(account.provider.openapi(&account.name))
}
