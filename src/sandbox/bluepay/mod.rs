//! BluePay's dialect: its envelopes, operations, codes, answers and notifications, from an independent reading of its
//! pages.
//!
//! Deliberately shares no code with the sidecar, because it exists to check it.

mod call;
mod codes;
mod notification;
mod operations;
mod request;
mod seal;
mod text;
mod words;

use http::StatusCode;
use serde_json::{Value, json};

use codes::{Code, Refusal};

use super::engine::dialect::{
    Answer, Call, Dialect, Flaws, Report, Request, Signature, Text, Verified,
};
use super::engine::http::client::{Answered, Message};
use super::engine::http::reply;
use super::engine::settings::Sandbox;
use super::engine::transaction::{Product, Status};
use crate::provider::Operation;
use crate::wire::Reply;

/// The code of an accepted call, and of an acknowledgement.
const ACCEPTED: i64 = 10000;

/// The dialect.
pub struct BluePay;

impl Dialect for BluePay {
    fn method(&self, _: &Operation) -> &'static str {
        "POST"
    }

    fn verify(&self, sandbox: &Sandbox, request: &Request<'_>) -> Result<Verified, Box<Answer>> {
        if !request.head.header("content-type").is_some_and(is_json) {
            let status = StatusCode::UNSUPPORTED_MEDIA_TYPE;
            let reply = reply::problem(status, "the body must be `application/json`");
            return Err(Box::new(Answer { reply, code: None, message: None }));
        }
        request::verify(sandbox, request).map_err(|refusal| Box::new(refused(sandbox, refusal)))
    }

    fn perform(&self, call: &mut Call<'_>) -> Answer {
        match operations::perform(call) {
            Ok(data) => answer(call.sandbox, ACCEPTED, "Success".into(), data),
            Err(refusal) => refused(call.sandbox, refusal),
        }
    }

    fn accepted(&self, sandbox: &Sandbox) -> Reply {
        answer(sandbox, ACCEPTED, "Success".into(), Value::Null).reply
    }

    fn error(
        &self,
        sandbox: &Sandbox,
        code: Option<&Value>,
        message: &str,
    ) -> Result<Reply, String> {
        let code = code.map_or(Some(Code::GENERAL_ERROR.number()), Value::as_i64);
        let code = code.ok_or("`code` must be a whole number")?;
        Ok(answer(sandbox, code, message.into(), Value::Null).reply)
    }

    fn status_word(&self, product: Product, status: Status) -> &'static str {
        words::status_word(product, status)
    }

    fn notify_member(&self, product: Product) -> Option<&'static str> {
        match product {
            Product::Payout => None,
            Product::Refund => Some("refundCallbackUrl"),
            _ => Some("notifyUrl"),
        }
    }

    fn reports(&self, product: Product, status: Status) -> bool {
        match (product, status) {
            // No page lists a notification for voids, and there are event names for success and failure only: a pending
            // transaction, or a code that was cancelled before it was paid, is not reported.
            (Product::Void, _) | (_, Status::Pending) => false,
            (product, Status::Cancelled) => product == Product::Authorization,
            (_, Status::Completed | Status::Failed) => true,
        }
    }

    fn notification(&self, report: &Report<'_>) -> Option<Text> {
        notification::write(report)
    }

    fn seal(&self, text: &str, signature: Signature<'_>, flaws: Flaws) -> Result<Message, String> {
        seal::seal(text, signature, flaws)
    }

    /// HTTP 200 and the code of success.
    fn acknowledges(&self, answered: &Answered) -> bool {
        let body: Option<Value> = serde_json::from_slice(&answered.body).ok();
        answered.status == 200 && body.is_some_and(|body| body["code"] == ACCEPTED)
    }
}

fn is_json(content_type: &str) -> bool {
    let media_type = content_type.split(';').next().unwrap_or_default();
    media_type.trim().eq_ignore_ascii_case("application/json")
}

fn refused(sandbox: &Sandbox, Refusal { code, message }: Refusal) -> Answer {
    answer(sandbox, code.number(), message, Value::Null)
}

/// An answer in the provider's envelope; refusals travel with HTTP 200 too.
fn answer(sandbox: &Sandbox, code: i64, message: String, data: Value) -> Answer {
    let shape = &sandbox.provider.answer;
    let body = json!({
        shape.code.as_str(): code, shape.message.as_str(): message, shape.data.as_str(): data,
    });
    let reply = reply::json(StatusCode::OK, body.to_string());
    Answer { reply, code: Some(code.into()), message: Some(message) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_200_with_the_code_of_success_acknowledges() {
        const ACK: &str = r#"{"code":10000,"message":"Success"}"#;
        let acknowledges =
            |status, body: &str| BluePay.acknowledges(&Answered { status, body: body.into() });
        assert!(acknowledges(200, ACK));
        assert!(!acknowledges(500, ACK));
        assert!(!acknowledges(202, ACK));
        for body in ["", "ok", "{}", "[10000]", r#"{"code":"10000"}"#, r#"{"code":21000}"#] {
            assert!(!acknowledges(200, body), "`{body}` is no acknowledgement");
        }
    }

    #[test]
    fn voids_and_pending_transactions_are_not_reported() {
        assert!(!BluePay.reports(Product::Void, Status::Completed));
        assert!(!BluePay.reports(Product::Payout, Status::Pending));
        assert!(!BluePay.reports(Product::Qr, Status::Cancelled));
        assert!(BluePay.reports(Product::Authorization, Status::Cancelled));
    }
}
