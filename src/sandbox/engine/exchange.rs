//! One connection's life: read a request, decide, execute, answer (or do what a requested fault prescribes), and
//! repeat.
//!
//! The order decides what a fault can prove. A fault is chosen when the head is known and before the body is read; the
//! work is done under one short lock; only then does anything go back over the wire. So "after committing" means that
//! the transaction can already be seen on `GET /_sandbox/transactions`.

use std::sync::Arc;

use bytes::Bytes;
use http::StatusCode;
use http::header::{ALLOW, DATE};
use jiff::fmt::rfc2822::DateTimePrinter;
use tokio::net::TcpStream;

use super::control;
use super::dialect::{Answer, Call, Request};
use super::faults::Hit;
use super::faults::request::{self, Next, Work};
use super::http::head::Head;
use super::http::reply::problem;
use super::http::{Connection, ReadError};
use super::requests::SeenRequest;
use super::shared::Shared;
use crate::provider::Operation;
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
                let reply = problem(status, "the request could not be read");
                request::send(&mut connection, &reply, false).await;
                return connection.close().await;
            }
        }
    }
}

async fn one(connection: &mut Connection, head: &Head, shared: &Shared) -> Result<Next, ReadError> {
    if let Some(page) = control::page(&head.path) {
        let body = connection.read_body(head).await?;
        let reply = control::answer(shared, &head.method, page, &body);
        return Ok(request::send(connection, &reply, head.keep_alive).await);
    }
    let sandbox = &shared.sandbox;
    let operation = sandbox.operation(&head.path);
    let name = operation.map(|operation| operation.name.as_str());
    let mut seen = SeenRequest::new(head, name, sandbox.clock.unix_ms());
    let called = operation.ok_or_else(no_such_path).and_then(|operation| {
        let method = shared.dialect.method(operation);
        if head.method == method { Ok(operation) } else { Err(wrong_method(method)) }
    });
    let hit = match called {
        Ok(operation) => shared.faults.lock().choose(&operation.name),
        Err(_) => None,
    };
    seen.fault = hit.as_ref().map(|hit| hit.kind);
    let work = hit.as_ref().map_or(Work::Done, |hit| hit.fault.work);
    let body = match work {
        Work::Unread => Ok(Bytes::new()),
        Work::Undone | Work::Done => connection.read_body(head).await,
    };
    if let (Ok(body), Work::Undone | Work::Done) = (&body, work) {
        seen.set_body(body);
    }
    let reply = match (called, &body) {
        (Ok(operation), Ok(body)) if work == Work::Done => {
            let answer = honest(shared, operation, head, body).unwrap_or_else(|refused| *refused);
            (seen.code, seen.message) = (answer.code, answer.message);
            answer.reply
        }
        // A fault that cuts off an answer without doing the work still needs an answer to cut.
        (Ok(_), _) => shared.dialect.accepted(sandbox),
        (Err(refusal), _) => refusal,
    };
    shared.seen.lock().push(seen);
    body?;
    let reply = dated(reply, shared);
    Ok(match hit {
        None => request::send(connection, &reply, head.keep_alive).await,
        Some(Hit { fault, .. }) => {
            request::deliver(connection, fault, reply, head.keep_alive).await
        }
    })
}

fn no_such_path() -> Reply {
    problem(StatusCode::NOT_FOUND, "no operation has this path")
}

fn wrong_method(method: &str) -> Reply {
    let detail = format!("this operation is called with {method}");
    problem(StatusCode::METHOD_NOT_ALLOWED, &detail).with_header(ALLOW, method)
}

/// With the date of the sandbox's clock, as servers do.
fn dated(reply: Reply, shared: &Shared) -> Reply {
    match DateTimePrinter::new().timestamp_to_rfc9110_string(&shared.sandbox.clock.now()) {
        Ok(date) => reply.with_header(DATE, &date),
        Err(_) => reply,
    }
}

/// The honest answer to one request.
fn honest(
    shared: &Shared,
    operation: &Operation,
    head: &Head,
    body: &[u8],
) -> Result<Answer, Box<Answer>> {
    let (dialect, sandbox) = (shared.dialect, &shared.sandbox);
    let now_ms = sandbox.clock.unix_ms();
    // The signature is checked outside the lock: it is the slow part.
    let verified = dialect.verify(sandbox, &Request { operation, head, body, now_ms })?;
    Ok(shared.with_state(|state| {
        dialect.perform(&mut Call {
            sandbox,
            operation: &operation.name,
            parameters: &verified.parameters,
            ledger: state.ledger(&verified.app_id),
            now_ms,
        })
    }))
}
