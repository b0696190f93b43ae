//! The commands of the `countersign` program, one file each.
//!
//! A command reads its arguments and its input, calls a plain function, and prints what it returned. Exit codes: 0 done,
//! 1 failed, 2 wrong usage.

pub mod explain;
mod input;
pub mod keys;
pub mod sign;
pub mod verify;

use std::io::Write;
use std::process::ExitCode;

use serde::Serialize;

/// How a command ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exit {
    /// It did what it was asked.
    Done,
    /// It could not, or what it checked is not so.
    Failed,
    /// It was asked for something it does not offer.
    Usage,
}

/// Why a command stopped: what to print on standard error, and how to exit.
#[derive(Debug, thiserror::Error)]
#[error("{message}")]
pub struct CommandError {
    /// How to exit: never [`Exit::Done`].
    pub exit: Exit,
    /// What went wrong. Lower case, no full stop, never a secret's value.
    pub message: String,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        match exit {
            Exit::Done => Self::SUCCESS,
            Exit::Failed => Self::from(1),
            Exit::Usage => Self::from(2),
        }
    }
}

impl CommandError {
    /// A command that could not do what it was asked.
    pub fn failed(message: impl Into<String>) -> Self {
        Self { exit: Exit::Failed, message: message.into() }
    }

    /// A command that was asked for something it does not offer.
    pub fn usage(message: impl Into<String>) -> Self {
        Self { exit: Exit::Usage, message: message.into() }
    }
}

impl From<std::io::Error> for CommandError {
    fn from(error: std::io::Error) -> Self {
        Self::failed(format!("writing the output failed: {error}"))
    }
}

/// Prints `value` as JSON on lines of its own.
fn print_json(value: &impl Serialize, out: &mut impl Write) -> Result<(), CommandError> {
    serde_json::to_writer_pretty(&mut *out, value).map_err(std::io::Error::from)?;
    Ok(writeln!(out)?)
}
