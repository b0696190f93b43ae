//! One connection's life: read a request, decide, carry out, answer (or misbehave), and again.
//!
//! The order matters for what faults prove. A fault is chosen when the head is known and before the body is read; the
//! work is done under one short lock; only then does anything go back over the wire. So "after committing" means that
//! the transaction can already be seen on `GET /_sandbox/transactions`.

use std::sync::Arc;

use bytes::Bytes;
use http::StatusCode;
use http::header::{ALLOW, DATE};
use jiff::fmt::rfc2822::DateTimePrinter;
use tokio::net::TcpStream;

use super::control;
use super::faults::request::{self, Next};
use super::faults::{Fault, Hit};
use super::http::{Connection, Head, ReadError};
use super::requests::SeenRequest;
use super::shared::{Shared, locked};
use crate::provider::Operation;
use crate::sandbox::bluepay::answers::{self, ACCEPTED, Refusal};
use crate::sandbox::bluepay::operations::{self, Call};
use crate::sandbox::bluepay::request as envelope;
use crate::wire::Reply;

/// Serves `stream` until one side ends it.
pub async fn serve(stream: TcpStream, shared: Arc<Shared>) {
    let mut connection = Connection::new(stream);
    loop {
        let next = match connection.read_head().await {
            Ok(Some(head)) => one(&mut connection, &head, &shared).await,
            Ok(None) => return,
            Err(error) => Err(error),
        };
        match next {
            Ok(Next::Keep) => {}
            Ok(Next::Close) => return connection.close().await,
            Ok(Next::Reset) => return connection.reset(),
            Err(ReadError::Gone) => return,
            Err(ReadError::Refused(status)) => {
                let reply = answers::problem(status, "the request could not be read");
                let _ = connection.send(&reply, false).await;
                return connection.close().await;
            }
        }
    }
}

async fn one(connection: &mut Connection, head: &Head, shared: &Shared) -> Result<Next, ReadError> {
    if let Some(page) = control::page(&head.path) {
        let body = connection.read_body(head).await?;
        let reply = control::answer(shared, &head.method, page, &body);
        return Ok(request::send(connection, &reply, head.keep_alive()).await);
    }
    let operation = shared.operation(&head.path);
    let name = operation.map(|operation| operation.name.as_str());
    let mut seen = SeenRequest::new(head, name, shared.clock.unix_ms());
    let planned = match operation {
        Some(operation) if head.method == "POST" => {
            called(connection, head, shared, operation, &mut seen).await
        }
        other => no_call(connection, head, other.is_some(), &mut seen).await,
    };
    locked(&shared.requests).push(seen);
    let (shape, keep_alive) = (&shared.provider.answer, head.keep_alive());
    Ok(match planned? {
        Planned::Answer(reply) => {
            request::send(connection, &dated(reply, shared), keep_alive).await
        }
        Planned::Fault(fault, reply) => {
            let reply = reply.map(|reply| dated(reply, shared));
            request::deliver(connection, &fault, reply, shape, keep_alive).await
        }
    })
}

/// With the sandbox's clock in it, as servers answer.
fn dated(reply: Reply, shared: &Shared) -> Reply {
    match DateTimePrinter::new().timestamp_to_rfc9110_string(&shared.clock.now()) {
        Ok(date) => reply.with_header(DATE, &date),
        Err(_) => reply,
    }
}

/// What is left to do once a request is decided and logged.
enum Planned {
    Answer(Reply),
    /// With the honest answer when the work was done.
    Fault(Fault, Option<Reply>),
}

async fn called(
    connection: &mut Connection,
    head: &Head,
    shared: &Shared,
    operation: &Operation,
    seen: &mut SeenRequest,
) -> Result<Planned, ReadError> {
    let hit = locked(&shared.faults).choose(&operation.name);
    let Some(Hit { kind, fault }) = hit else {
        let body = read_body(connection, head, seen).await?;
        return Ok(Planned::Answer(carry_out(shared, operation, head, &body, seen)));
    };
    seen.fault = Some(kind);
    if !fault.reads_body() {
        return Ok(Planned::Fault(fault, None));
    }
    let body = read_body(connection, head, seen).await?;
    let reply = fault.commits().then(|| carry_out(shared, operation, head, &body, seen));
    Ok(Planned::Fault(fault, reply))
}

/// A path that is no operation's, or a method that calls none.
async fn no_call(
    connection: &mut Connection,
    head: &Head,
    path_exists: bool,
    seen: &mut SeenRequest,
) -> Result<Planned, ReadError> {
    read_body(connection, head, seen).await?;
    Ok(Planned::Answer(match path_exists {
        true => answers::problem(StatusCode::METHOD_NOT_ALLOWED, "every call is a POST")
            .with_header(ALLOW, "POST"),
        false => answers::problem(StatusCode::NOT_FOUND, "no operation has this path"),
    }))
}

async fn read_body(
    connection: &mut Connection,
    head: &Head,
    seen: &mut SeenRequest,
) -> Result<Bytes, ReadError> {
    let body = connection.read_body(head).await?;
    seen.set_body(&body);
    Ok(body)
}

/// The honest answer to one request.
fn carry_out(
    shared: &Shared,
    operation: &Operation,
    head: &Head,
    body: &[u8],
    seen: &mut SeenRequest,
) -> Reply {
    if !head.header("content-type").is_some_and(is_json) {
        let status = StatusCode::UNSUPPORTED_MEDIA_TYPE;
        return answers::problem(status, "the body must be `application/json`");
    }
    let shape = &shared.provider.answer;
    let (code, message, reply) = match perform(shared, operation, body) {
        Ok(data) => (ACCEPTED, "Success".to_string(), answers::accepted(shape, data)),
        Err(Refusal { code, message }) => {
            let reply = answers::refusal(shape, code.number(), &message);
            (code.number(), message, reply)
        }
    };
    seen.code = Some(code);
    seen.message = Some(message);
    reply
}

fn perform(shared: &Shared, operation: &Operation, body: &[u8]) -> operations::Outcome {
    let now_ms = shared.clock.unix_ms();
    // The signature is checked outside the lock: it is the slow part.
    let verified =
        envelope::verify(body, operation, &shared.merchants, now_ms, shared.timestamp_window_ms)?;
    shared.with_state(|state| {
        let (ledger, serial) = state.ledger(&verified.app_id).ok_or(answers::Code::AppIdError)?;
        operations::perform(&mut Call {
            operation: &operation.name,
            parameters: &verified.parameters,
            ledger,
            serial,
            now_ms,
            settle_after_ms: shared.settle_after_ms,
            zone: shared.zone,
        })
    })
}

fn is_json(content_type: &str) -> bool {
    let media_type = content_type.split(';').next().unwrap_or_default();
    media_type.trim().eq_ignore_ascii_case("application/json")
}
