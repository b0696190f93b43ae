//! The configuration of the accounts that payments belong to, as far as it can be read.

use std::path::Path;

use crate::cli::CommandError;
use crate::cli::output::tell;
use crate::config::{self, Account, Accounts, StoreSide, account_called};
use crate::reload::stranded_by;
use crate::store::PaymentRow;

/// The accounts of the configuration.
pub(super) struct Configured {
    accounts: Accounts,
    /// Names of accounts that are in the file but cannot be read fully.
    unread: Vec<String>,
}

impl Configured {
    /// Reads the configuration, and reports what is missing.
    pub(super) fn read(path: &Path, side: &StoreSide) -> Result<Self, CommandError> {
        let read = config::accounts(path);
        let (accounts, mistakes) = read?;
        let is_unread = |names: &&Vec<String>| {
            names.first().is_some_and(|name| !accounts.contains_key(name.as_str()))
        };
        let unread: Vec<String> = side.names.iter().filter(is_unread).flatten().cloned().collect();
        if !unread.is_empty() {
            tell(format_args!(
                "warning: {} cannot be read fully, so it is not known, for example, whether payments are stranded: {}",
                unread.join(", "),
                CommandError::from(mistakes)
            ));
        }
        Ok(Self { accounts, unread })
    }

    /// The account that is or was called `name`.
    pub(super) fn account(&self, name: &str) -> Option<&Account> {
        account_called(&self.accounts, name).map(AsRef::as_ref)
    }

    /// What keeps a payment in doubt from being resolved: see [`stranded_by`]. `None` also when this is unknown.
    pub(super) fn stranded(&self, row: &PaymentRow) -> Option<String> {
        if !row.payment.is_in_doubt() || self.unread.contains(&row.account) {
            return None;
        }
        stranded_by(&self.accounts, &row.account, &row.operation, row.payment.place)
    }
}
