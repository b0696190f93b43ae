//! What an account uses that the provider's own documentation does not confirm.

use crate::provider::{Operation, Provider};

/// How the warning about it begins, behind the account's key path.
pub const NOT_CONFIRMED: &str = "not confirmed by the provider's documentation";

/// The names of unconfirmed operations, and of unconfirmed members (`operation.member`) of confirmed ones.
pub(super) fn unconfirmed_names(provider: &Provider) -> Vec<String> {
    provider.operations.iter().flat_map(|operation| names(operation)).collect()
}

fn names(operation: &Operation) -> Vec<String> {
    if !operation.confirmed {
        return vec![operation.name.clone()];
    }
    let unconfirmed = operation.members.iter().filter(|member| !member.confirmed);
    unconfirmed.map(|member| format!("{}.{}", operation.name, member.name)).collect()
}
