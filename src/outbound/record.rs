//! What is known about one request on its way through, and the one place where it is counted, logged and stamped.

use http::HeaderMap;
use tokio::time::Instant;
use tracing::Span;
use tracing::field::Empty;

use super::answer::Answered;
use crate::clock::instant;
use crate::config::Account;
use crate::metrics::{Metrics, NOBODY};
use crate::outcome::Outcome;
use crate::problem::{Problem, REPLAYED_HEADER, stamp};
use crate::provider::Operation;
use crate::store::PaymentId;
use crate::trace;
use crate::wire::{Reply, RequestId};

/// One request, as far as it is known.
pub(super) struct Record {
    id: RequestId,
    started: Instant,
    account: String,
    operation: String,
    pub reference: Option<String>,
    pub attempts: u32,
    /// Whether the answer is that of an earlier call.
    pub is_replay: bool,
    /// The payment in the journal that the answer is about.
    pub payment: Option<PaymentId>,
}

impl Record {
    /// The request's id.
    pub fn id(&self) -> &RequestId {
        &self.id
    }

    /// Begins with a fresh request id.
    pub fn begin(started: Instant) -> Self {
        Self {
            id: RequestId::random(),
            started,
            account: NOBODY.to_owned(),
            operation: NOBODY.to_owned(),
            reference: None,
            attempts: 0,
            is_replay: false,
            payment: None,
        }
    }

    /// Encloses everything done for the request, so that every log line about it carries its ids. `headers` may name
    /// the trace that it belongs to.
    pub fn span(&self, headers: &HeaderMap) -> Span {
        let incoming = trace::incoming(headers);
        let trace_id = match &incoming {
            Some(incoming) => Some(format!("{:032x}", incoming.context.trace_id)),
            // A trace that begins here has the id of the request.
            None => trace::is_on().then(|| self.id.to_string()),
        };
        // The level of errors, so that the span is present for log lines of every level.
        tracing::error_span!(
            "request",
            request_id = self.id.as_str(),
            trace_id,
            account = Empty,
            operation = Empty,
            reference = Empty,
            trace.parent = incoming.as_ref().map(|incoming| incoming.context.to_string()),
            trace.state = incoming.and_then(|incoming| incoming.state),
        )
    }

    /// It names this account.
    pub fn is_for(&mut self, account: &Account) {
        Span::current().record("account", account.name.as_str());
        self.account.clone_from(&account.name);
    }

    /// It requests this operation.
    pub fn calls(&mut self, operation: &Operation) {
        Span::current().record("operation", operation.name.as_str());
        self.operation.clone_from(&operation.name);
    }

    /// It is about the call that has this reference at the merchant.
    pub fn concerns(&mut self, reference: Option<&str>) {
        Span::current().record("reference", reference);
        self.reference = reference.map(str::to_owned);
    }

    /// Counts, logs and answers a request that was refused before it was whole.
    pub fn refused(problem: Problem, metrics: &Metrics) -> Reply {
        Self::begin(instant()).finish(Err(problem), metrics)
    }

    /// Counts and logs the request and completes its answer.
    pub fn finish(self, result: Result<Answered, Problem>, metrics: &Metrics) -> Reply {
        let (reply, outcome, code) = match result {
            Ok(answered) => {
                let reply = stamp(answered.reply, &self.id, answered.outcome, self.attempts);
                (reply, answered.outcome, answered.code_label)
            }
            Err(problem) => {
                (problem.reply(&self.id), problem.outcome(), problem.code().as_str().to_owned())
            }
        };
        let ticket = self.payment.as_ref().map(|id| id.as_str().to_owned());
        let reply = Reply { ticket, ..reply };
        let reply = match self.is_replay {
            true => reply.with_header(REPLAYED_HEADER, "true"),
            false => reply,
        };
        let seconds = self.started.elapsed().as_secs_f64();
        let (account, operation) = (self.account.as_str(), self.operation.as_str());
        metrics.count_request(account, operation, outcome.as_str(), &code, seconds);
        self.log(outcome, &code, reply.status.as_u16());
        reply
    }

    fn log(&self, outcome: Outcome, code: &str, status: u16) {
        let reference = self.reference.as_deref().unwrap_or(NOBODY);
        let duration_ms = u64::try_from(self.started.elapsed().as_millis()).unwrap_or(u64::MAX);
        macro_rules! line {
            ($level:ident, $message:literal) => {
                tracing::$level!(
                    request_id = %self.id,
                    account = self.account,
                    operation = self.operation,
                    reference,
                    outcome = outcome.as_str(),
                    code,
                    status,
                    attempts = self.attempts,
                    duration_ms,
                    $message
                )
            };
        }
        match outcome {
            Outcome::Unknown => line!(warn, "request answered, outcome unknown"),
            Outcome::Accepted | Outcome::Rejected | Outcome::NotSent => {
                line!(info, "request answered")
            }
        }
    }
}
