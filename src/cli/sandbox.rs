//! `countersign sandbox`: the provider emulator alone, until it is interrupted.

use std::net::SocketAddr;
use std::path::PathBuf;

use serde_json::json;
use tokio::signal::unix::{SignalKind, signal};

use super::{CommandError, Exit, runtime};
use crate::config::NOT_CONFIRMED;
use crate::sandbox::{Running, Sandbox, load};

#[derive(Debug, clap::Args)]
#[command(after_help = "\
config/countersign.toml is set up to call it. docs/sandbox.md describes its control interface and its faults.")]
pub struct Args {
    /// Where to listen, as ADDRESS:PORT; port 0 picks a free one [default: as in the file, else 127.0.0.1:8700]
    #[arg(long, value_name = "ADDR")]
    pub listen: Option<SocketAddr>,
    /// The sandbox's own configuration: merchants, keys and settings; the demo merchant by default
    #[arg(long, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// Print the address it listens on as one line of JSON
    #[arg(long)]
    pub json: bool,
}

/// Starts the sandbox, prints how to use it, and waits for SIGINT or SIGTERM.
pub fn run(args: &Args) -> Result<Exit, CommandError> {
    let (mut sandbox, warnings) = load(args.config.as_deref())?;
    // What the provider does not confirm is the sandbox's own choice here: docs/sandbox.md lists it.
    for warning in warnings.iter().filter(|warning| !warning.contains(NOT_CONFIRMED)) {
        eprintln!("warning: {warning}");
    }
    sandbox.listen = args.listen.unwrap_or(sandbox.listen);
    runtime()?.block_on(stay_up(sandbox, args.json))
}

async fn stay_up(sandbox: Sandbox, as_json: bool) -> Result<Exit, CommandError> {
    let listen = sandbox.listen;
    let unheard = |error| CommandError::failed(format!("signals cannot be listened for: {error}"));
    let mut interrupt = signal(SignalKind::interrupt()).map_err(unheard)?;
    let mut terminate = signal(SignalKind::terminate()).map_err(unheard)?;
    let running = sandbox.start().await.map_err(|error| {
        CommandError::failed(format!("the sandbox cannot start on `{listen}`: {error}"))
    })?;
    introduce(&running, as_json);
    tokio::select! {
        _ = interrupt.recv() => {}
        _ = terminate.recv() => {}
    }
    Ok(Exit::Done)
}

fn introduce(running: &Running, as_json: bool) {
    let (url, seed) = (running.base_url(), running.seed());
    let app_ids: Vec<&str> = running.app_ids().collect();
    if as_json {
        println!("{}", json!({"base_url": url, "app_ids": app_ids, "seed": seed}));
        return;
    }
    println!("sandbox provider on {url}, for {}, seed {seed}", app_ids.join(", "));
    println!("  what it is and knows      curl {url}/_sandbox");
    println!("  what it believes happened curl {url}/_sandbox/transactions");
    println!("  what came over the wire   curl {url}/_sandbox/requests");
    println!("  what it told merchants    curl {url}/_sandbox/notifications");
    println!(
        "  ask for a fault           curl {url}/_sandbox/faults -d '{{\"kind\":\"reset_after_commit\"}}'"
    );
    println!("  begin again               curl -X POST {url}/_sandbox/reset");
}
