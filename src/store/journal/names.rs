//! The names of an account: the one it has, and the ones it had.

/// What an account is called, and what it was called before. Everything begun, received or frozen under one of its names
/// is found under all of them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AccountNames {
    pub name: String,
    pub formerly: Vec<String>,
}

impl AccountNames {
    /// Whether the account is or was called `name`.
    pub fn has(&self, name: &str) -> bool {
        self.name == name || self.formerly.iter().any(|old| old == name)
    }
}

/// A process that makes payments, as those beside it see it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RunningSidecar {
    /// Its accounts as of its last reload; `None` when it does not say, or has not yet.
    pub accounts: Option<Vec<AccountNames>>,
}
