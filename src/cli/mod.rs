//! The command line: one file per subcommand, one list of them here.
//!
//! Exit codes: 0 done, 1 failed, 2 wrong usage. Data goes to standard output, everything else to standard error.

// First, because every command below uses its `println!`.
#[macro_use]
mod output;

mod account;
mod admin;
mod audit;
mod check;
mod demo;
mod diff;
mod explain;
mod freeze;
mod healthcheck;
mod inbox;
mod input;

mod keys;
mod open_store;
mod openapi;
mod payments;
mod run;
mod sandbox;
mod schema;
mod sign;
mod signed;
mod table;
mod verify;
mod version;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, Subcommand};

use crate::mistake::Mistake;
use crate::{logging, trace};

/// A payment sidecar: plain JSON in, signed provider calls out, honest outcomes back.
#[derive(Parser)]
#[command(name = "countersign", version, arg_required_else_help = true)]
pub struct Cli {
    #[command(subcommand)]
    command: Command,
}

/// The subcommands, in the order a newcomer needs them.
#[derive(Subcommand)]
enum Command {
    /// See everything happen: a sandbox provider, the sidecar and a small application in one process
    Demo(demo::Args),
    /// Check a configuration and its keys, and list every mistake; starts nothing
    Check(check::Args),
    /// Show what a configuration would change in the running sidecar, or compared with another file
    Diff(diff::Args),
    /// Run the sidecar
    Run(run::Args),
    /// Check whether a running sidecar is ready, or alive; exits 1 when it is not
    Healthcheck(healthcheck::Args),
    /// Run the provider emulator alone
    Sandbox(sandbox::Args),
    /// List the accounts' keys with their state, make key pairs, or show the contents of a key file
    Keys(keys::Args),
    /// Sign one request and print the envelope that would be sent
    Sign(sign::Args),
    /// Check whether a request or a notification is signed by the right key
    Verify(verify::Args),
    /// Show exactly what was signed, and what is wrong with a signature that fails
    Explain(explain::Args),
    /// Inspect and act on the notifications that were received
    Inbox(inbox::Args),
    /// Inspect the journal of money-moving calls
    Payments(payments::Args),
    /// Stop an account from moving money until it is unfrozen
    Freeze(freeze::FreezeArgs),
    /// End a freeze
    Unfreeze(freeze::UnfreezeArgs),
    /// Check that the audit log was not changed
    Audit(audit::Args),
    /// Print the OpenAPI document of the plain API of an account
    Openapi(openapi::Args),
    /// Print the JSON Schema of the configuration file
    Schema(schema::Args),
    /// Print version, commit and build date
    Version(version::Args),
}

/// How a command ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exit {
    /// It succeeded.
    Done = 0,
    /// It could not, or the answer is no.
    Failed = 1,
    /// Wrong usage.
    Usage = 2,
}

impl Exit {
    /// Done if `is_done`, otherwise failed.
    fn done_if(is_done: bool) -> Self {
        if is_done { Self::Done } else { Self::Failed }
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit as u8)
    }
}

/// Why a command stopped: the text for standard error, and the exit code.
#[derive(Debug, thiserror::Error)]
#[error("{message}")]
pub struct CommandError {
    /// The exit code: never [`Exit::Done`].
    pub exit: Exit,
    /// What went wrong. Lower case, no full stop, never a secret's value.
    pub message: String,
}

impl CommandError {
    /// A command that could not do its work.
    pub fn failed(message: impl Into<String>) -> Self {
        Self { exit: Exit::Failed, message: message.into() }
    }

    /// A command with arguments that it does not support.
    pub fn usage(message: impl Into<String>) -> Self {
        Self { exit: Exit::Usage, message: message.into() }
    }
}

/// A configuration with mistakes, one line each.
impl From<Vec<Mistake>> for CommandError {
    fn from(mistakes: Vec<Mistake>) -> Self {
        Self::failed(match mistakes.as_slice() {
            [only] => only.to_string(),
            several => {
                several.iter().fold(format!("{} mistakes", several.len()), |lines, mistake| {
                    format!("{lines}\n  {mistake}")
                })
            }
        })
    }
}

impl From<std::io::Error> for CommandError {
    fn from(error: std::io::Error) -> Self {
        Self::failed(format!("writing the output failed: {error}"))
    }
}

/// Where the configuration is read from.
#[derive(Debug, clap::Args)]
pub struct ConfigFile {
    /// The configuration file
    #[arg(
        long,
        value_name = "FILE",
        env = "COUNTERSIGN_CONFIG",
        default_value = "config/countersign.toml"
    )]
    pub config: PathBuf,
}

/// Runs the command given by the process's arguments.
pub fn main() -> ExitCode {
    let done = match Cli::parse().command {
        Command::Demo(args) => demo::run(&args),
        Command::Check(args) => check::run(&args),
        Command::Diff(args) => diff::run(&args),
        Command::Run(args) => run::run(&args),
        Command::Healthcheck(args) => healthcheck::run(&args),
        Command::Sandbox(args) => sandbox::run(&args),
        Command::Keys(args) => keys::run(&args),
        Command::Sign(args) => sign::run(&args),
        Command::Verify(args) => verify::run(&args),
        Command::Explain(args) => explain::run(&args),
        Command::Inbox(args) => inbox::run(args),
        Command::Payments(args) => payments::run(args),
        Command::Freeze(args) => freeze::freeze(args),
        Command::Unfreeze(args) => freeze::unfreeze(args),
        Command::Audit(args) => audit::run(&args),
        Command::Openapi(args) => openapi::run(&args),
        Command::Schema(args) => schema::run(&args),
        Command::Version(args) => version::run(&args),
    };
    let exit = done.unwrap_or_else(|error| {
        output::tell(format_args!("error: {error}"));
        error.exit
    });
    trace::finish();
    logging::finish();
    exit.into()
}

/// A runtime for commands that use sockets.
fn runtime() -> Result<tokio::runtime::Runtime, CommandError> {
    tokio::runtime::Runtime::new()
        .map_err(|error| CommandError::failed(format!("threads could not be started: {error}")))
}
