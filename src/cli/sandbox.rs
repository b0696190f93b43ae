//! `countersign sandbox`: the provider emulator alone, until it is interrupted.

use std::net::SocketAddr;
use std::path::PathBuf;

use serde_json::json;
use tokio::signal::unix::{SignalKind, signal};

use super::Exit;
use crate::sandbox::{Running, load};

/// Runs the provider emulator alone
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Where to listen, as ADDRESS:PORT; port 0 takes a free one [default: 127.0.0.1:8700]
    #[arg(long, value_name = "ADDR")]
    pub listen: Option<SocketAddr>,
    /// Merchants, keys and settings; the demo merchant without it
    #[arg(long, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// Print where it listens as one line of JSON
    #[arg(long)]
    pub json: bool,
}

/// Starts the sandbox, says how to use it, and waits for SIGINT or SIGTERM.
pub async fn run(args: Args) -> Exit {
    let mut sandbox = match load(args.config.as_deref()) {
        Ok(sandbox) => sandbox,
        Err(mistakes) => {
            mistakes.iter().for_each(|mistake| eprintln!("{mistake}"));
            return Exit::Failed;
        }
    };
    sandbox.listen = args.listen.unwrap_or(sandbox.listen);
    let listen = sandbox.listen;
    let (Ok(mut interrupt), Ok(mut terminate)) =
        (signal(SignalKind::interrupt()), signal(SignalKind::terminate()))
    else {
        eprintln!("signals cannot be listened for");
        return Exit::Failed;
    };
    let running = match sandbox.start().await {
        Ok(running) => running,
        Err(error) => {
            eprintln!("the sandbox cannot start on `{listen}`: {error}");
            return Exit::Failed;
        }
    };
    introduce(&running, args.json);
    tokio::select! {
        _ = interrupt.recv() => {}
        _ = terminate.recv() => {}
    }
    Exit::Done
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
    println!(
        "  ask for a fault           curl {url}/_sandbox/faults -d '{{\"kind\":\"reset_after_commit\"}}'"
    );
    println!("  begin again               curl -X POST {url}/_sandbox/reset");
}
