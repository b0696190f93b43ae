//! Asking the provider what became of a call.

use std::time::Instant;

use super::Outbound;
use super::attempts::{PreparedCall, attempt};
use super::classify::Verdict;
use crate::config::Account;
use crate::json::{Object, parse_object};
use crate::provider::{LookedUp, Operation};
use crate::wire::Answer;

/// What was learned.
#[derive(Debug)]
pub(super) enum Asked {
    /// The call landed. `data` is what the provider knows of it, `answer` its whole answer to the question.
    Found { data: String, answer: Answer },
    /// The provider knows no such call.
    NotFound,
    /// Nothing; the reason is short, and never a body.
    Unclear(String),
}

/// Asks once. A question is a call like any other: signed, limited and counted.
#[tracing::instrument(name = "question", target = "countersign_phase", skip_all)]
pub(super) async fn ask(
    outbound: &Outbound,
    account: &Account,
    operation: &Operation,
    parameters: &Object<'_>,
) -> Asked {
    let Some(query) =
        operation.resolved_by.as_ref().and_then(|it| account.provider.operation(&it.operation))
    else {
        return Asked::Unclear("the profile knows no query for it".to_owned());
    };
    let Some(text) = operation.lookup(parameters) else {
        return Asked::Unclear("the call lacks a member that the query needs".to_owned());
    };
    let Ok(question) = parse_object(text.as_bytes()) else {
        return Asked::Unclear("the question is not JSON".to_owned());
    };
    let call = PreparedCall { account, operation: query, parameters: &question };
    let deadline = Instant::now() + account.timeouts.total;
    match attempt(outbound, &call, deadline).await {
        Verdict::Answered { answer, understood } => {
            match account.provider.looked_up(operation, parameters, &understood) {
                LookedUp::Found { data } => Asked::Found { data, answer },
                LookedUp::NotFound => Asked::NotFound,
                LookedUp::Unclear => {
                    Asked::Unclear(format!("the query was answered with code {}", understood.code))
                }
            }
        }
        other => Asked::Unclear(other.reason()),
    }
}
