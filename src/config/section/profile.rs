//! The profile that an account uses, with the account's changes to its operations.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::config::kind::texts::{MemberName, ProfileName, ProviderPath};
use crate::config::read::{Given, Keyed, Reader, Section, Value, file_section};
use crate::mistake::Mistake;
use crate::provider::{Operation, OperationOverride, Provider};

/// The beginning of the warning about it, after the account's key path.
pub const NOT_CONFIRMED: &str = "not confirmed by the provider's documentation";

file_section! {
    /// Changes to one operation of the profile.
    OperationFile {
        /// The path below the base URL, beginning with `/`.
        path: Value<ProviderPath>,
        /// The member that carries the merchant's own order id.
        reference: Value<MemberName>,
        /// Whether you have confirmed with the provider that the profile describes the operation correctly.
        confirmed: Value<bool>,
    }
}

/// Reads the profile at `profile`, or the built-in one given by `name`, and applies `operations` to it. Mistakes in
/// the changes are recorded below `path`.
pub(crate) fn compile(
    reader: &mut Reader<'_>,
    path: &str,
    profile: &Value<ProfileName>,
    name: impl FnOnce(&mut Reader<'_>) -> Option<String>,
    operations: &Keyed<Section<OperationFile>>,
) -> Option<Arc<Provider>> {
    let overrides = overrides(reader, operations);
    let profile = match profile.given() {
        Given::File(file) => {
            let text = reader.file_text(&profile.path, file, false)?;
            below(reader, &profile.path, Provider::from_toml(&text))
        }
        Given::Nothing | Given::Literal(_) | Given::Env(_) => Provider::builtin(&name(reader)?),
    }?;
    let provider = match overrides.is_empty() {
        true => profile,
        false => below(reader, path, profile.with_overrides(&overrides))?,
    };
    let unconfirmed = unconfirmed(&provider);
    if !unconfirmed.is_empty() {
        reader.warn(path, format!("{NOT_CONFIRMED}: {}", unconfirmed.join(", ")));
    }
    Some(Arc::new(provider))
}

/// Records mistakes whose paths are relative to `path`.
fn below<T>(reader: &mut Reader<'_>, path: &str, result: Result<T, Vec<Mistake>>) -> Option<T> {
    let mistakes = match result {
        Ok(value) => return Some(value),
        Err(mistakes) => mistakes,
    };
    for mistake in mistakes {
        match mistake.path.as_str() {
            "" => reader.mistake(path, mistake.problem),
            // A profile that is not TOML has a line and a column instead of key paths.
            place if place.starts_with("line ") => reader.mistake(path, mistake.to_string()),
            below if path.is_empty() => reader.mistake(below, mistake.problem),
            below => reader.mistake(format!("{path}.{below}"), mistake.problem),
        }
    }
    None
}

fn overrides(
    reader: &mut Reader<'_>,
    keyed: &Keyed<Section<OperationFile>>,
) -> BTreeMap<String, OperationOverride> {
    let mut overrides = BTreeMap::new();
    for (name, section) in reader.entries(keyed) {
        let Some(file) = reader.section(section) else { continue };
        let path = reader.optional(&file.path);
        let reference = reader.optional(&file.reference);
        let confirmed = reader.optional(&file.confirmed);
        overrides.insert(name.clone(), OperationOverride { path, reference, confirmed });
    }
    overrides
}

/// What the provider's documentation does not confirm: operations, members (`operation.member`) of confirmed ones,
/// and notifications.
fn unconfirmed(provider: &Provider) -> Vec<String> {
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
