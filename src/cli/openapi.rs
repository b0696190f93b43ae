//! `countersign openapi`: the plain API of an account, or of a built-in profile.

use super::account::account;
use super::input::provider;
use super::output::{print_json, stdout};
use super::{CommandError, ConfigFile, Exit};
use crate::openapi;

#[derive(Debug, clap::Args)]
pub struct Args {
    /// The account to describe; not needed when the configuration has only one
    #[arg(long, value_name = "NAME")]
    account: Option<String>,
    #[command(flatten)]
    file: ConfigFile,
    /// Describe a built-in provider instead; needs no configuration file
    #[arg(long, value_name = "NAME", conflicts_with = "account")]
    provider: Option<String>,
    /// Accepted because every command that prints data has it; the document is always JSON
    #[arg(long)]
    json: bool,
}

pub fn run(args: &Args) -> Result<Exit, CommandError> {
    let document = match &args.provider {
        Some(name) => openapi::document(&provider(name)?, "{account}"),
        None => {
            let account = account(&args.file, args.account.as_deref())?;
            openapi::document(&account.provider, &account.name)
        }
    };
    print_json(&document, &mut stdout())?;
    Ok(Exit::Done)
}
