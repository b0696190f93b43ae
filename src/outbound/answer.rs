//! What the application is told: the provider's own JSON, or a problem that says what is true.

use bytes::Bytes;
use http::StatusCode;

use super::call::attempt::Exchange;
use super::call::classify::{Verdict, outcome};
use super::payment::{frozen, maybe_journalled};
use crate::config::{Account, AnswerMode};
use crate::limits::RateRefused;
use crate::outcome::Outcome;
use crate::problem::{Code, Problem};
use crate::provider::{Operation, ProviderAnswer};
use crate::wire::{NotSent, Reply};

/// An answer that passes on what the provider said.
pub(super) struct Answered {
    pub reply: Reply,
    pub outcome: Outcome,
    /// The provider's code as a metric label: codes that its table does not list share one label.
    pub code_label: String,
}

/// Turns what came of a call into the application's answer.
pub(super) fn answer(
    account: &Account,
    operation: &Operation,
    exchange: Exchange,
    reference: Option<&str>,
) -> Result<Answered, Problem> {
    let attempts = exchange.attempts;
    let result = match exchange.verdict {
        Verdict::Answered { answer, understood } => match account.answer {
            AnswerMode::Provider => Ok(verbatim(account, operation, answer.body, &understood)),
            AnswerMode::Unwrapped => unwrapped(account, operation, understood),
        },
        Verdict::Unreadable { status, .. } => Err(not_understood(
            operation,
            format!(
                "the provider answered with HTTP status {} and a body that is not its envelope",
                status.as_u16()
            ),
        )),
        Verdict::NoAnswer(reason) => {
            Err(not_understood(operation, format!("sending had begun, then {reason}")))
        }
        Verdict::NotSent(NotSent::Stopping) => {
            Err(Problem::not_sent(Code::ShuttingDown, "send this to another instance"))
        }
        Verdict::NotSent(reason) => {
            Err(Problem::not_sent(Code::ProviderUnreachable, reason.to_string()))
        }
        Verdict::NoUsableKey => Err(Problem::not_sent(
            Code::KeyUnavailable,
            format!("account `{}` has no signing key that is valid now", account.name),
        )),
        Verdict::SigningQueueFull => {
            Err(Problem::not_sent(Code::Overloaded, "the signing queue is full")
                .with_retry_after(std::time::Duration::from_secs(1)))
        }
        Verdict::SigningFailed => {
            Err(Problem::not_sent(Code::InternalError, "the signing thread failed"))
        }
        Verdict::RateLimited(refused) => Err(rate_limited(refused)),
        Verdict::CircuitOpen(after) => Err(Problem::not_sent(
            Code::CircuitOpen,
            "calls of this kind failed too often lately: none is made for a while",
        )
        .with_retry_after(after)),
        Verdict::NotJournalled => Err(Problem::not_sent(
            Code::StoreUnavailable,
            "the journal could not be written: nothing was sent",
        )),
        Verdict::MaybeJournalled => Err(maybe_journalled()),
        Verdict::Frozen(reason) => Err(frozen(&reason)),
        Verdict::Settled(outcome) => Err(settled(outcome)),
    };
    result.map_err(|problem| problem.after_attempts(attempts).about(reference))
}

/// The provider's JSON as it came, always with status 200: the code inside says what it means.
fn verbatim(
    account: &Account,
    operation: &Operation,
    body: Bytes,
    understood: &ProviderAnswer,
) -> Answered {
    Answered {
        reply: Reply::new(StatusCode::OK, "application/json", body),
        outcome: outcome(operation, understood.meaning),
        code_label: code_label(account, understood.code),
    }
}

/// `data` alone when it was accepted, a problem otherwise.
fn unwrapped(
    account: &Account,
    operation: &Operation,
    understood: ProviderAnswer,
) -> Result<Answered, Problem> {
    let code = understood.code;
    match outcome(operation, understood.meaning) {
        Outcome::Accepted => Ok(Answered {
            reply: Reply::new(
                StatusCode::OK,
                "application/json",
                understood.data.unwrap_or_else(|| "null".to_owned()),
            ),
            outcome: Outcome::Accepted,
            code_label: code_label(account, code),
        }),
        Outcome::Rejected | Outcome::NotSent => Err(Problem::new(
            Code::Rejected,
            Outcome::Rejected,
            format!("the provider refused with code {code}"),
        )
        .with_provider_code(code)),
        Outcome::Unknown => Err(Problem::new(
            Code::OutcomeUnknown,
            Outcome::Unknown,
            format!(
                "the provider answered with code {code}, which leaves open whether it happened"
            ),
        )
        .with_provider_code(code)),
    }
}

fn rate_limited(refused: RateRefused) -> Problem {
    Problem::not_sent(Code::RateLimited, format!("over the {} limit", refused.limit.as_str()))
        .with_retry_after(refused.retry_after)
        .with_rate_limit(refused.fields.limit, refused.fields.policy)
}

/// It is known how it ended, but the provider's own answer was lost on the way.
fn settled(outcome: Outcome) -> Problem {
    let detail =
        "the provider's own answer was lost; what became of the call is known from elsewhere";
    match outcome {
        Outcome::Rejected => Problem::new(Code::Rejected, outcome, detail),
        Outcome::NotSent => Problem::not_sent(Code::ProviderUnreachable, detail),
        Outcome::Accepted => Problem::new(Code::ProviderError, outcome, detail),
        Outcome::Unknown => Problem::new(
            Code::OutcomeUnknown,
            outcome,
            "it is not known what became of the call; do not repeat it under another reference",
        ),
    }
}

/// Something was sent and nothing understandable came back.
fn not_understood(operation: &Operation, detail: String) -> Problem {
    match operation.safe_to_repeat() {
        true => Problem::new(Code::ProviderError, Outcome::Unknown, detail).repeatable(),
        false => Problem::new(
            Code::OutcomeUnknown,
            Outcome::Unknown,
            format!("{detail}; do not repeat it under another reference"),
        ),
    }
}

/// A label from a closed set: what a provider might send is not.
fn code_label(account: &Account, code: i64) -> String {
    match account.provider.codes.codes.contains_key(&code) {
        true => code.to_string(),
        false => "other".to_owned(),
    }
}
