//! `countersign schema`: the JSON Schema of the configuration file, for editors and for tests of generated files.

use super::{CommandError, Exit, print_json};
use crate::config;

#[derive(Debug, clap::Args)]
pub struct Args {
    /// Accepted on every command that prints data; a schema is JSON anyway
    #[arg(long)]
    json: bool,
}

pub fn run(_args: &Args) -> Result<Exit, CommandError> {
    print_json(&config::schema(), &mut std::io::stdout().lock())?;
    Ok(Exit::Done)
}
