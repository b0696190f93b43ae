//! `countersign version`.

use super::Exit;

/// The crate's version.
pub const VERSION: &str = env!("CARGO_PKG_VERSION");
/// The commit it was built from, or `unknown`.
pub const COMMIT: &str = env!("COUNTERSIGN_COMMIT");
/// The day it was built, or `unknown`.
pub const BUILD_DATE: &str = env!("COUNTERSIGN_BUILD_DATE");

#[derive(clap::Args)]
pub struct Args {
    /// Print JSON
    #[arg(long)]
    json: bool,
}

pub fn run(args: Args) -> Exit {
    match args.json {
        true => println!(
            "{}",
            serde_json::json!({ "version": VERSION, "commit": COMMIT, "build_date": BUILD_DATE })
        ),
        false => println!("countersign {VERSION} ({COMMIT}, built {BUILD_DATE})"),
    }
    Exit::Done
}
