//! What an account uses that the provider's own documentation does not confirm.

use crate::provider::{Operation, Provider};

/// How the warning about it begins, behind the account's key path.
pub const NOT_CONFIRMED: &str = "not confirmed by the provider's documentation";

/// The names of unconfirmed operations, of unconfirmed members (`operation.member`) of confirmed ones, and of
/// notifications.
pub(crate) fn unconfirmed_names(provider: &Provider) -> Vec<String> {
    let operations = provider.operations.iter().flat_map(|operation| names(operation));
    let notifications = provider.events.rules.iter().filter(|rule| !rule.confirmed);
    operations.chain(notifications.map(|rule| format!("notification {}", rule.name))).collect()
}

fn names(operation: &Operation) -> Vec<String> {
    if !operation.confirmed {
        return vec![operation.name.clone()];
    }
    let unconfirmed = operation.members.iter().filter(|member| !member.is_confirmed());
    unconfirmed.map(|member| format!("{}.{}", operation.name, member.name)).collect()
}
