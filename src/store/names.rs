//! The names of an account: the one it has, and the ones it had.

/// What an account is called, and what it was called before. Everything begun, received or frozen under one of its names
/// is found under all of them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AccountNames {
    pub name: String,
    pub formerly: Vec<String>,
}
