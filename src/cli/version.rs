//! `countersign version`.

use std::io::Write;

use serde_json::json;

use super::output::{print_json, stdout};
use super::{CommandError, Exit};

/// The crate's version.
pub const VERSION: &str = env!("CARGO_PKG_VERSION");
/// The commit it was built from, or `unknown`.
pub const COMMIT: &str = env!("COUNTERSIGN_COMMIT");
/// The day it was built, or `unknown`.
pub const BUILD_DATE: &str = env!("COUNTERSIGN_BUILD_DATE");

#[derive(Debug, clap::Args)]
pub struct Args {
    /// Print JSON
    #[arg(long)]
    json: bool,
}

pub fn run(args: &Args) -> Result<Exit, CommandError> {
    let mut out = stdout();
    match args.json {
        true => {
            let version = json!({ "version": VERSION, "commit": COMMIT, "build_date": BUILD_DATE });
            print_json(&version, &mut out)?;
        }
        false => writeln!(out, "countersign {VERSION} ({COMMIT}, built {BUILD_DATE})")?,
    }
    Ok(Exit::Done)
}
