//! One place that turns a refusal or failure into an answer: RFC 9457 problem+json with a stable code.
//!
//! The HTTP status and title of every code are in one table, [`Code`], and nowhere else. Whether repeating is safe
//! follows from the outcome, not from the code: it is safe only when nothing can have happened, or when a repetition
//! cannot make it happen twice.

mod code;

use std::time::Duration;

use http::header::{ALLOW, CACHE_CONTROL, RETRY_AFTER, WWW_AUTHENTICATE};
use http::{HeaderName, Method};
use serde::Serialize;

use crate::outcome::Outcome;
use crate::provider::ParameterError;
use crate::wire::{Refusal, Reply, Request, RequestId};

pub use code::Code;

/// Names the request on every answer.
pub const REQUEST_ID_HEADER: HeaderName = HeaderName::from_static("countersign-request-id");
/// Carries the [`Outcome`] on every answer.
pub const OUTCOME_HEADER: HeaderName = HeaderName::from_static("countersign-outcome");
/// Carries the number of attempts made towards the provider.
pub const ATTEMPTS_HEADER: HeaderName = HeaderName::from_static("countersign-attempts");

/// Says how much is left of a rate limit.
pub const RATE_LIMIT_HEADER: HeaderName = HeaderName::from_static("ratelimit");
/// Says which rate limits there are.
pub const RATE_LIMIT_POLICY_HEADER: HeaderName = HeaderName::from_static("ratelimit-policy");

/// Says that the answer is that of an earlier call with the same reference.
pub const REPLAYED_HEADER: HeaderName = HeaderName::from_static("countersign-replayed");

/// A refusal or failure, complete except for the request that it answers.
#[derive(Clone, Debug)]
pub struct Problem {
    code: Code,
    outcome: Outcome,
    detail: String,
    safe_to_retry: bool,
    attempts: u32,
    reference: Option<String>,
    provider_code: Option<i64>,
    errors: Vec<ParameterError>,
    retry_after: Option<Duration>,
    rate_limit: Option<String>,
    rate_limit_policy: Option<String>,
    allow: &'static str,
}

impl Problem {
    /// A problem whose outcome is `outcome`. It is safe to retry unless the outcome is unknown.
    pub fn new(code: Code, outcome: Outcome, detail: impl Into<String>) -> Self {
        Self {
            code,
            outcome,
            detail: detail.into(),
            safe_to_retry: outcome != Outcome::Unknown,
            attempts: 0,
            reference: None,
            provider_code: None,
            errors: Vec::new(),
            retry_after: None,
            rate_limit: None,
            rate_limit_policy: None,
            allow: "POST",
        }
    }

    /// A problem that stopped the call before anything was sent.
    pub fn not_sent(code: Code, detail: impl Into<String>) -> Self {
        Self::new(code, Outcome::NotSent, detail)
    }

    /// No such account or operation.
    pub fn not_found(detail: impl Into<String>) -> Self {
        Self::not_sent(Code::NotFound, detail)
    }

    /// Marks a call that may be repeated although its outcome is unknown, because it only reads or ends something.
    pub fn repeatable(mut self) -> Self {
        self.safe_to_retry = true;
        self
    }

    /// States the number of attempts made.
    pub fn after_attempts(mut self, attempts: u32) -> Self {
        self.attempts = attempts;
        self
    }

    /// States the merchant's reference.
    pub fn about(mut self, reference: Option<&str>) -> Self {
        self.reference = reference.map(str::to_owned);
        self
    }

    /// States the provider's answer code.
    pub fn with_provider_code(mut self, code: i64) -> Self {
        self.provider_code = Some(code);
        self
    }

    /// Lists what is wrong with the parameters.
    pub fn with_errors(mut self, errors: Vec<ParameterError>) -> Self {
        self.errors = errors;
        self
    }

    /// Says when to try again, in whole seconds rounded up.
    pub fn with_retry_after(mut self, after: Duration) -> Self {
        self.retry_after = Some(after);
        self
    }

    /// Adds `RateLimit` and, if known, `RateLimit-Policy` to the answer.
    pub fn with_rate_limit(mut self, limit: String, policy: Option<String>) -> Self {
        self.rate_limit = Some(limit);
        self.rate_limit_policy = policy;
        self
    }

    /// States the methods that are allowed instead, as in `GET, HEAD`; by default `POST`.
    pub fn allowing(mut self, methods: &'static str) -> Self {
        self.allow = methods;
        self
    }

    /// The stable code.
    pub fn code(&self) -> Code {
        self.code
    }

    /// The outcome of the call.
    pub fn outcome(&self) -> Outcome {
        self.outcome
    }

    /// The finished answer.
    pub fn reply(&self, request_id: &RequestId) -> Reply {
        let document = Document {
            r#type: format!("urn:countersign:problem:{}", self.code.as_str()),
            title: self.code.title(),
            status: self.code.status().as_u16(),
            detail: &self.detail,
            code: self.code.as_str(),
            outcome: self.outcome,
            safe_to_retry: self.safe_to_retry,
            reference: self.reference.as_deref(),
            provider_code: self.provider_code,
            attempts: self.attempts,
            request_id: request_id.as_str(),
            errors: (!self.errors.is_empty()).then_some(&self.errors),
        };
        let body = serde_json::to_vec(&document).expect("a problem is plain data");
        let reply = Reply::new(self.code.status(), "application/problem+json", body);
        self.stamp_own_fields(stamp(reply, request_id, self.outcome, self.attempts))
    }

    /// The header fields that only some problems carry.
    fn stamp_own_fields(&self, reply: Reply) -> Reply {
        let retry_after =
            self.retry_after.map(|after| after.as_millis().div_ceil(1000).to_string());
        let fields = [
            (WWW_AUTHENTICATE, (self.code == Code::Unauthorized).then_some("Bearer")),
            (ALLOW, (self.code == Code::MethodNotAllowed).then_some(self.allow)),
            (RETRY_AFTER, retry_after.as_deref()),
            (RATE_LIMIT_HEADER, self.rate_limit.as_deref()),
            (RATE_LIMIT_POLICY_HEADER, self.rate_limit_policy.as_deref()),
        ];
        fields.into_iter().fold(reply, |reply, (name, value)| match value {
            Some(value) => reply.with_header(name, value),
            None => reply,
        })
    }
}

/// Operations and notifications are POSTed, including reads: that is how the provider's API works.
pub fn require_post(request: &Request) -> Result<(), Problem> {
    match request.method == Method::POST {
        true => Ok(()),
        false => Err(Problem::not_sent(Code::MethodNotAllowed, "expected POST")),
    }
}

impl From<Refusal> for Problem {
    fn from(refusal: Refusal) -> Self {
        let (code, detail) = match refusal {
            Refusal::BodyTooLarge => (Code::BodyTooLarge, "the body is over the limit"),
            Refusal::BadRequest => (
                Code::BadRequest,
                "expected one well-formed HTTP/1.1 request with a Host and one unambiguous length",
            ),
            Refusal::HeadTooLarge => (Code::HeadTooLarge, "the header fields are over the limit"),
            Refusal::TooSlow => (Code::RequestTimeout, "the request took too long to arrive"),
            Refusal::UnknownTransferCoding => {
                (Code::UnknownTransferCoding, "the only transfer coding taken is `chunked`")
            }
            Refusal::UnknownExpectation => {
                (Code::UnknownExpectation, "the only expectation met is `100-continue`")
            }
            Refusal::ShuttingDown => (Code::ShuttingDown, "send this to another instance"),
            Refusal::HandlerFailed => {
                let detail =
                    "the request failed inside Countersign; whether it was sent is not known";
                return Self::new(Code::InternalError, Outcome::Unknown, detail);
            }
        };
        Self::not_sent(code, detail)
    }
}

/// Adds to `reply` the header fields that every answer to an application carries.
pub fn stamp(reply: Reply, request_id: &RequestId, outcome: Outcome, attempts: u32) -> Reply {
    reply
        .with_header(REQUEST_ID_HEADER, request_id.as_str())
        .with_header(OUTCOME_HEADER, outcome.as_str())
        .with_header(ATTEMPTS_HEADER, &attempts.to_string())
        .with_header(CACHE_CONTROL, "no-store")
}

#[derive(Serialize)]
struct Document<'a> {
    r#type: String,
    title: &'static str,
    status: u16,
    detail: &'a str,
    code: &'static str,
    outcome: Outcome,
    safe_to_retry: bool,
    reference: Option<&'a str>,
    provider_code: Option<i64>,
    attempts: u32,
    request_id: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    errors: Option<&'a Vec<ParameterError>>,
}

#[cfg(test)]
mod tests {
    use http::StatusCode;

    use super::*;

    #[test]
    fn an_unknown_outcome_is_never_called_safe_to_retry() {
        let problem = Problem::new(Code::OutcomeUnknown, Outcome::Unknown, "no answer")
            .about(Some("A-1"))
            .after_attempts(1);
        let reply = problem.reply(&RequestId::random());
        assert_eq!(reply.status, StatusCode::GATEWAY_TIMEOUT);
        assert_eq!(reply.headers[&OUTCOME_HEADER], "unknown");
        assert_eq!(reply.headers[&ATTEMPTS_HEADER], "1");
        let body: serde_json::Value = serde_json::from_slice(&reply.body).expect("JSON");
        assert_eq!(body["safe_to_retry"], false);
        assert_eq!(body["type"], "urn:countersign:problem:outcome-unknown");
        assert_eq!(body["reference"], "A-1");
    }

    #[test]
    fn waiting_times_are_rounded_up_to_whole_seconds() {
        let problem = Problem::not_sent(Code::Overloaded, "full")
            .with_retry_after(Duration::from_millis(1001));
        assert_eq!(problem.reply(&RequestId::random()).headers[&RETRY_AFTER], "2");
    }

    #[test]
    fn the_answer_to_a_call_over_the_rate_names_the_rate_and_when_to_try_again() {
        let problem = Problem::not_sent(Code::RateLimited, "over the rate")
            .with_retry_after(Duration::from_secs(3))
            .with_rate_limit("\"account\";r=0;t=3".into(), Some("\"account\";q=50;w=1".into()));
        let reply = problem.reply(&RequestId::random());
        assert_eq!(reply.status, StatusCode::TOO_MANY_REQUESTS);
        assert_eq!(reply.headers[&RETRY_AFTER], "3");
        assert_eq!(reply.headers[&RATE_LIMIT_HEADER], "\"account\";r=0;t=3");
        assert_eq!(reply.headers[&RATE_LIMIT_POLICY_HEADER], "\"account\";q=50;w=1");
    }
}
