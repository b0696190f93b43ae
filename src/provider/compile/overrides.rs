//! Changes rows of a compiled profile as an account's configuration says, `[account.operation.<name>]`.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::mistakes::{Mistakes, expected_one_of};
use super::{members, operations};
use crate::provider::member::{Member, MemberType};
use crate::provider::operation::{Operation, OperationOverride};
use crate::provider::profile::Provider;

/// Applies `overrides` (by operation name) to `provider`.
pub fn apply(
    provider: &mut Provider,
    overrides: &BTreeMap<String, OperationOverride>,
    mistakes: &mut Mistakes,
) {
    for (name, changes) in overrides {
        let found = provider.operations.iter_mut().find(|operation| operation.name == *name);
        match found {
            Some(operation) => change(Arc::make_mut(operation), changes, mistakes),
            None => mistakes.add(format!("operation.{name}"), unknown(provider, name)),
        }
    }
    operations::names_and_paths(&provider.operations, mistakes);
}

fn unknown(provider: &Provider, name: &str) -> String {
    let choices = expected_one_of(provider.operations.iter().map(|row| row.name.as_str()));
    format!("`{name}` is not an operation of `{}`, {choices}", provider.name)
}

fn change(operation: &mut Operation, changes: &OperationOverride, mistakes: &mut Mistakes) {
    let key = format!("operation.{}", operation.name);
    if let Some(path) = &changes.path {
        operation.path.clone_from(path);
    }
    if let Some(reference) = &changes.reference {
        match usable(operation, reference) {
            Ok(()) => operation.reference = Some(reference.clone()),
            Err(problem) => mistakes.add(format!("{key}.reference"), problem),
        }
    }
    if let Some(confirmed) = changes.confirmed {
        operation.confirmed = confirmed;
        operation.members.iter_mut().for_each(|member| member.confirmed = Some(confirmed));
    }
    operations::compile_schema(operation, &key, mistakes);
}

/// Makes sure that `reference` is a string member. An operation whose documentation was not found may have members that
/// the profile does not list, so the operator may name one of them, and it becomes required.
fn usable(operation: &mut Operation, reference: &str) -> Result<(), String> {
    let member = operation.members.iter_mut().find(|member| member.name == reference);
    match member {
        Some(member) if member.member_type == MemberType::String && member.fill.is_none() => {
            members::bound_as_reference(member).map_err(|(key, problem)| {
                format!("`{reference}` cannot be the reference: its `{key}` {problem}")
            })
        }
        Some(_) => Err(format!(
            "`{reference}` cannot be the reference, expected a text member that is not filled in"
        )),
        None if operation.confirmed || reference.is_empty() => {
            Err(operations::not_a_member(reference, &operation.members))
        }
        None => {
            operation.members.push(named_by_the_operator(reference));
            Ok(())
        }
    }
}

fn named_by_the_operator(reference: &str) -> Member {
    Member {
        name: reference.to_owned(),
        member_type: MemberType::String,
        required: true,
        length: Some((1, members::REFERENCE_CHARACTERS_MAX)),
        confirmed: Some(false),
        note: Some("named by the account's configuration; the length is ours".into()),
        ..Member::default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::json::parse_object;
    use crate::provider::FillContext;

    fn overrides(rows: &[(&str, OperationOverride)]) -> Result<Provider, Vec<String>> {
        let rows = rows.iter().map(|(name, row)| ((*name).to_owned(), row.clone())).collect();
        let provider = Provider::builtin("bluepay").expect("built in");
        provider
            .with_overrides(&rows)
            .map_err(|mistakes| mistakes.iter().map(ToString::to_string).collect())
    }

    fn path(path: &str) -> OperationOverride {
        OperationOverride { path: Some(path.into()), ..OperationOverride::default() }
    }

    fn reference(name: &str) -> OperationOverride {
        OperationOverride { reference: Some(name.into()), ..OperationOverride::default() }
    }

    #[test]
    fn wrong_overrides_are_all_reported() {
        let found = overrides(&[
            ("balance", path("open-api/balance")),
            ("payment_void", path("/open-api/payment/refund")),
            ("payout_create", reference("orderId")),
            ("qr_create", reference("amount")),
            ("debit_create", reference("remark")),
            ("void", path("/void")),
        ])
        .err()
        .expect("all of these are mistakes");
        for part in [
            "operation.balance.path: `open-api/balance` is not a path",
            "operation.payment_void.path: `/open-api/payment/refund` is the path of `refund_create`",
            "operation.payout_create.reference: `orderId` is not a member",
            "operation.qr_create.reference: `amount` cannot be the reference",
            "operation.debit_create.reference: `remark` cannot be the reference: its `length` [1, 256] allows",
            "operation.void: `void` is not an operation of `bluepay`, expected one of balance, payout_create",
        ] {
            assert!(found.iter().any(|mistake| mistake.starts_with(part)), "{part}\n{found:#?}");
        }
        assert_eq!(found.len(), 6, "{found:#?}");
    }

    #[test]
    fn a_path_from_the_configuration_replaces_the_profile_s() {
        let row = OperationOverride { confirmed: Some(true), ..path("/open-api/payment/cancel") };
        let provider = overrides(&[("payment_void", row)]).expect("no mistakes");
        let void = provider.find("open-api/payment/cancel").expect("the new path");
        assert!(void.name == "payment_void" && void.confirmed);
        assert!(provider.find("open-api/payment/void").is_none(), "the placeholder is gone");
        assert!(
            Provider::builtin("bluepay")
                .is_some_and(|other| other.find("open-api/payment/void").is_some()),
            "other accounts keep theirs"
        );
    }

    #[test]
    fn a_reference_named_for_an_undocumented_operation_is_required() {
        let provider = overrides(&[("payment_void", reference("voidId"))]).expect("no mistakes");
        let void = provider.operation("payment_void").expect("an operation");
        let ctx = FillContext { unix_ms: 0, notify_url: None };
        let given = parse_object(br#"{"voidId":"V1"}"#).expect("JSON");
        assert_eq!(void.validate(&given, &ctx), Ok(()));
        assert_eq!(void.reference(&given), Some("V1"));
        let errors = void.validate(&parse_object(b"{}").expect("JSON"), &ctx).expect_err("missing");
        assert_eq!(errors[0].pointer, "/voidId");
    }
}
