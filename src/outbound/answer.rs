//! The application's answer: the provider's own JSON, or a problem that says what really happened.

use std::time::Duration;

use bytes::Bytes;
use http::StatusCode;

use super::call::classify::{InDoubt, Verdict, WhyNotSent};
use super::call::prepared::PreparedCall;
use super::call::repeat::Exchange;
use crate::config::{Account, AnswerMode};
use crate::outcome::Outcome;
use crate::payment::Final;
use crate::problem::{Code, Problem};
use crate::provider::{Operation, ProviderAnswer};
use crate::sign::SignError;
use crate::wire::{NotSent, Reply};

/// An answer that passes on what the provider said.
pub(super) struct Answered {
    pub reply: Reply,
    pub outcome: Outcome,
    /// The provider's code as a metric label: codes that its table does not list share one label.
    pub code_label: String,
}

/// Turns the result of a call into the application's answer.
pub(super) fn answer(
    call: &PreparedCall<'_>,
    exchange: Exchange,
    reference: Option<&str>,
) -> Result<Answered, Problem> {
    let (account, attempts) = (call.account, exchange.attempts);
    let outcome = exchange.verdict.outcome(call.operation);
    let result = match exchange.verdict {
        Verdict::Answered { answer, understood } => {
            let code_label = code_label(account, understood.code);
            let body = match account.answer {
                // The code inside says what it means.
                AnswerMode::Provider => Ok(answer.body),
                AnswerMode::Unwrapped => unwrapped(outcome, understood),
            };
            let reply = |body| Reply::new(StatusCode::OK, "application/json", body);
            body.map(|body: Bytes| Answered { reply: reply(body), outcome, code_label })
        }
        Verdict::InDoubt(why) => Err(in_doubt(call.operation, why)),
        Verdict::NotSent(why) => Err(not_sent(account, why)),
        Verdict::Settled(end) => Err(settled(end)),
    };
    result.map_err(|problem| problem.after_attempts(attempts).about(reference))
}

/// `data` alone when it was accepted, a problem otherwise.
fn unwrapped(outcome: Outcome, understood: ProviderAnswer) -> Result<Bytes, Problem> {
    let code = understood.code;
    let problem = match outcome {
        Outcome::Accepted => {
            return Ok(understood.data.unwrap_or_else(|| "null".to_owned()).into());
        }
        Outcome::Rejected | Outcome::NotSent => Problem::new(
            Code::Rejected,
            Outcome::Rejected,
            format!("the provider refused with code {code}"),
        ),
        Outcome::Unknown => unknown(format!(
            "the provider answered with code {code}, which does not say whether it happened"
        )),
    };
    Err(problem.with_provider_code(code))
}

fn not_sent(account: &Account, why: WhyNotSent) -> Problem {
    let reason = why.to_string();
    match why {
        WhyNotSent::Unreachable(NotSent::Stopping) => {
            Problem::not_sent(Code::ShuttingDown, "send this to another instance")
        }
        WhyNotSent::Unreachable(_) => Problem::not_sent(Code::ProviderUnreachable, reason),
        WhyNotSent::NoUsableKey => Problem::not_sent(
            Code::KeyUnavailable,
            format!("account `{}` has no signing key that is valid now", account.name),
        ),
        WhyNotSent::Unsigned(SignError::QueueFull) => {
            Problem::not_sent(Code::Overloaded, reason).with_retry_after(Duration::from_secs(1))
        }
        WhyNotSent::Unsigned(SignError::Failed) => Problem::not_sent(Code::InternalError, reason),
        WhyNotSent::RateLimited(refused) => {
            Problem::not_sent(Code::RateLimited, format!("over the {} limit", refused.limit))
                .with_retry_after(refused.retry_after)
                .with_rate_limit(refused.fields.limit, refused.fields.policy)
        }
        WhyNotSent::OverMoney(refused) => {
            Problem::not_sent(Code::RateLimited, "over the account's money per hour")
                .with_retry_after(refused.retry_after)
        }
        WhyNotSent::CircuitOpen(open) => Problem::not_sent(
            Code::CircuitOpen,
            "calls of this kind failed too often recently: none is made for a while",
        )
        .with_retry_after(open.retry_after),
        WhyNotSent::NotJournalled => {
            Problem::not_sent(Code::StoreUnavailable, format!("{reason}: nothing was sent"))
        }
        WhyNotSent::Frozen(_) => Problem::not_sent(Code::Frozen, reason),
    }
}

/// It may have happened, and there is no answer to pass on.
fn in_doubt(operation: &Operation, why: InDoubt) -> Problem {
    let detail = match why {
        InDoubt::Unreadable { status, .. } => format!(
            "the provider answered with HTTP status {} and a body that is not its envelope",
            status.as_u16()
        ),
        InDoubt::NoAnswer(reason) => format!("sending had begun, then {reason}"),
        // The next start may find the attempt in the journal: it then queries the provider, and sends the call if the
        // provider does not have it.
        InDoubt::MaybeJournalled => {
            return unknown(
                "the journal's disk failed: nothing was sent so far, but it may be sent after a restart; \
                 repeat it under the same reference only",
            );
        }
        InDoubt::Unrecorded => {
            return unknown(
                "the outcome of the call is not known; do not repeat it under another reference",
            );
        }
    };
    match operation.safe_to_repeat() {
        true => Problem::new(Code::ProviderError, Outcome::Unknown, detail).repeatable(),
        false => unknown(format!("{detail}; do not repeat it under another reference")),
    }
}

fn unknown(detail: impl Into<String>) -> Problem {
    Problem::new(Code::OutcomeUnknown, Outcome::Unknown, detail)
}

/// The outcome is known, but the provider's own answer was lost on the way.
fn settled(end: Final) -> Problem {
    let code = match end {
        Final::Rejected => Code::Rejected,
        Final::NotSent => Code::ProviderUnreachable,
        Final::Accepted => Code::ProviderError,
    };
    let detail =
        "the provider's own answer was lost; the outcome of the call is known from another source";
    Problem::new(code, end.outcome(), detail)
}

/// A label from a closed set; the codes that a provider may send are not one.
fn code_label(account: &Account, code: i64) -> String {
    match account.provider.codes.codes.contains_key(&code) {
        true => code.to_string(),
        false => "other".to_owned(),
    }
}
