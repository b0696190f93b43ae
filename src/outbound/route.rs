//! Which account and which operation a path names.

use std::sync::Arc;

use crate::config::{Account, Snapshot};
use crate::problem::Problem;
use crate::provider::Operation;
use crate::wire::Request;

/// The account that the first path segment names, by its name or a former one.
pub(super) fn account<'s>(
    snapshot: &'s Snapshot,
    request: &Request,
) -> Result<&'s Account, Problem> {
    let (name, _) = split(&request.path);
    let account = snapshot.account(name);
    account.map(Arc::as_ref).ok_or_else(|| {
        Problem::not_found(
            "no such account: post to /{account}/{operation}, with a configured account name",
        )
    })
}

/// The operation that the rest of the path names, by its name or by the provider's own path.
pub(super) fn operation<'a>(
    account: &'a Account,
    request: &Request,
) -> Result<&'a Operation, Problem> {
    let (_, rest) = split(&request.path);
    account.provider.find(rest).map(Arc::as_ref).ok_or_else(|| {
        let names: Vec<&str> =
            account.provider.operations.iter().map(|operation| operation.name.as_str()).collect();
        Problem::not_found(format!(
            "account `{}` has no such operation: expected one of {}, or the provider's path of one of them",
            account.name,
            names.join(", ")
        ))
    })
}

/// `/shop/open-api/qr` → (`shop`, `open-api/qr`).
fn split(path: &str) -> (&str, &str) {
    let path = path.strip_prefix('/').unwrap_or(path);
    path.split_once('/').unwrap_or((path, ""))
}
