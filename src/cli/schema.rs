//! `countersign schema`: the JSON Schema of the configuration file, for editors and for tests of generated files.

use super::output::{print_json, stdout};
use super::{CommandError, Exit};
use crate::config;

#[derive(Debug, clap::Args)]
pub struct Args {
    /// Accepted because every command that prints data has it; a schema is always JSON
    #[arg(long)]
    json: bool,
}

pub fn run(_args: &Args) -> Result<Exit, CommandError> {
    print_json(&config::schema(), &mut stdout())?;
    Ok(Exit::Done)
}
