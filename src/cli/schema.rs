//! `countersign schema`: the JSON Schema of the configuration file, for editors and for tests of generated files.

use std::io::{self, Write};

use clap::Args;

use super::Exit;
use crate::config;

/// Print the JSON Schema of the configuration file.
#[derive(Debug, Args)]
pub struct SchemaArgs {
    /// Accepted on every command that prints data; a schema is JSON anyway.
    #[arg(long)]
    pub json: bool,
}

/// Prints the schema.
pub fn run(_arguments: &SchemaArgs) -> Exit {
    match writeln!(io::stdout(), "{:#}", config::schema()) {
        Ok(()) => Exit::Done,
        Err(_) => Exit::Failed,
    }
}
