//! How commands find an account of the configuration.

use std::sync::Arc;

use super::{CommandError, ConfigFile};
use crate::config::{self, Account};

/// The account of that name; without a name the only one there is.
pub(super) fn account(file: &ConfigFile, name: Option<&str>) -> Result<Arc<Account>, CommandError> {
    let path = file.config.display();
    let loaded = config::load(&file.config)?;
    let mut accounts = loaded.snapshot.accounts;
    let names: Vec<String> = accounts.keys().map(|name| format!("`{name}`")).collect();
    let names = names.join(", ");
    match name {
        Some(name) => accounts.remove(name).ok_or_else(|| {
            CommandError::usage(format!("no account `{name}` in `{path}`, expected {names}"))
        }),
        None if accounts.len() > 1 => Err(CommandError::usage(format!(
            "`{path}` has several accounts, expected `--account` with one of {names}"
        ))),
        None => accounts.pop_first().map(|(_, account)| account).ok_or_else(|| {
            CommandError::failed(format!("`{path}` has no account, expected at least one"))
        }),
    }
}
