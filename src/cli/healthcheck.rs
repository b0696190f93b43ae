//! `countersign healthcheck`: checks the health of a running sidecar, for images and supervisors without an HTTP
//! client.
//!
//! It reads only the address from the configuration, opens one connection, and finishes within a few seconds.

use super::admin::{AdminSide, Found};
use super::{CommandError, ConfigFile, Exit};
use crate::config::admin_listener;

const READY: &str = "/readyz";
const ALIVE: &str = "/livez";

#[derive(Debug, clap::Args)]
#[command(after_help = "\
It asks the listener `listen.admin` of the configuration. A listener with a certificate cannot be queried: give a plain address with --at.")]
pub struct Args {
    #[command(flatten)]
    file: ConfigFile,
    /// Query this address, as ADDRESS:PORT or unix:/PATH, and read no configuration
    #[arg(long, value_name = "ADDR", value_parser = address)]
    at: Option<AdminSide>,
    /// Check only whether the process answers, not whether it is ready for work
    #[arg(long)]
    live: bool,
}

pub fn run(args: &Args) -> Result<Exit, CommandError> {
    let sidecar = match &args.at {
        Some(sidecar) => sidecar.clone(),
        None => configured(args)?,
    };
    let (path, well) = if args.live { (ALIVE, "alive") } else { (READY, "ready") };
    match sidecar.ask(path).map_err(CommandError::failed)? {
        Found { status: 200, .. } => {
            println!("{well}");
            Ok(Exit::Done)
        }
        Found { status, body } => {
            let shown = String::from_utf8_lossy(&body);
            Err(CommandError::failed(format!("not {well}: status {status}: {}", shown.trim_end())))
        }
    }
}

fn configured(args: &Args) -> Result<AdminSide, CommandError> {
    let listener = admin_listener(&args.file.config)?;
    AdminSide::of(&listener)
        .map_err(|why| CommandError::failed(format!("{why}: give an address with --at")))
}

fn address(word: &str) -> Result<AdminSide, String> {
    AdminSide::named(word).ok_or_else(|| "expected ADDRESS:PORT or unix:/PATH".to_owned())
}
