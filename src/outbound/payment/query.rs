//! Asking the provider what became of a call.

use std::time::{Duration, Instant};

use super::super::Outbound;
use super::super::call::attempt::{PreparedCall, attempt};
use super::super::call::classify::Verdict;
use crate::clock::later;
use crate::config::Account;
use crate::json::parse_object;
use crate::provider::LookedUp;
use crate::wire::{Answer, NoLook};

/// The longest a question takes, waiting for the rate included: a provider that answers later is asked again later.
const QUESTION_MAX: Duration = Duration::from_secs(20);

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
pub(super) async fn ask(outbound: &Outbound, call: &PreparedCall<'_>) -> Asked {
    let PreparedCall { account, operation, parameters, .. } = *call;
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
    let limits = call.limits.clone();
    let call = PreparedCall { account, limits, operation: query, parameters: &question };
    let limit = question_limit(account);
    let attempt = attempt(outbound, &call, later(Instant::now(), limit), &NoLook);
    // A question may be dropped at any moment: it changes nothing.
    let Ok(verdict) = tokio::time::timeout(limit, attempt).await else {
        return Asked::Unclear(format!("no answer within {} s", limit.as_secs_f32()));
    };
    match verdict {
        Verdict::Answered { answer, understood } => {
            match account.provider.looked_up(operation, parameters, &understood) {
                LookedUp::Found { data } => Asked::Found { data, answer },
                LookedUp::NotFound => Asked::NotFound,
                LookedUp::Unclear { why } => {
                    Asked::Unclear(format!("{why}, answered with code {}", understood.code))
                }
            }
        }
        other => Asked::Unclear(other.reason()),
    }
}

/// How long one question to the account's provider takes at most.
pub(super) fn question_limit(account: &Account) -> Duration {
    account.timeouts.total.min(QUESTION_MAX)
}
