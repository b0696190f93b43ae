//! What each fault does on the wire, once it has been decided and the work has (or has not) been done.

use std::time::Duration;

use http::StatusCode;
use http::header::RETRY_AFTER;
use serde_json::Value;

use super::Fault;
use crate::provider::AnswerShape;
use crate::sandbox::bluepay::answers;
use crate::sandbox::engine::http::{Connection, encode};
use crate::wire::Reply;

/// What becomes of the connection.
#[derive(Debug, PartialEq, Eq)]
pub enum Next {
    /// It may carry another request.
    Keep,
    /// It ends with a FIN.
    Close,
    /// It ends with an RST.
    Reset,
}

/// Gives `connection` what `fault` prescribes instead of `answer`, the honest answer. `answer` is `None` when the work
/// was not done.
pub async fn deliver(
    connection: &mut Connection,
    fault: &Fault,
    answer: Option<Reply>,
    shape: &AnswerShape,
    keep_alive: bool,
) -> Next {
    // A fault that cuts an answer off without having done the work still needs one to cut.
    let honest = answer.unwrap_or_else(|| answers::accepted(shape, Value::Null));
    let reply = match fault {
        Fault::LateAnswer { delay } => match connection.pause(*delay).await {
            true => honest,
            false => return Next::Close,
        },
        Fault::ResetBeforeReading | Fault::ResetAfterCommit => return Next::Reset,
        Fault::CloseAfterCommit => return Next::Close,
        Fault::Stall { max, .. } => {
            connection.pause(*max).await;
            return Next::Close;
        }
        Fault::Status { status, body, .. } => {
            let status = StatusCode::from_u16(*status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
            match body {
                Some(body) => answers::json(status, body.clone()),
                None => answers::bare(status),
            }
        }
        Fault::ErrorCode { code, message, .. } => answers::refusal(shape, *code, message),
        Fault::Garbage { body, .. } => answers::json(StatusCode::OK, body.clone()),
        Fault::Truncated { .. } => return truncated(connection, &honest).await,
        Fault::SlowDrip { interval } => {
            return drip(connection, &encode(&honest, honest.body.len(), keep_alive), *interval)
                .await
                .unwrap_or(if keep_alive { Next::Keep } else { Next::Close });
        }
        Fault::Throttled { retry_after_s, body } => {
            let reply = match body.is_empty() {
                true => answers::bare(StatusCode::TOO_MANY_REQUESTS),
                false => answers::json(StatusCode::TOO_MANY_REQUESTS, body.clone()),
            };
            reply.with_header(RETRY_AFTER, &retry_after_s.to_string())
        }
        Fault::Oversized { bytes, .. } => answers::json(StatusCode::OK, vec![b' '; *bytes]),
        Fault::NotHttp { body, .. } => {
            let _ = connection.write(body.as_bytes()).await;
            return Next::Close;
        }
    };
    send(connection, &reply, keep_alive).await
}

/// Sends `reply` whole.
pub async fn send(connection: &mut Connection, reply: &Reply, keep_alive: bool) -> Next {
    match connection.send(reply, keep_alive).await {
        Ok(()) if keep_alive => Next::Keep,
        Ok(()) | Err(_) => Next::Close,
    }
}

/// Half of the body behind a head that announces all of it.
async fn truncated(connection: &mut Connection, honest: &Reply) -> Next {
    let half = Reply { body: honest.body.slice(..honest.body.len() / 2), ..honest.clone() };
    let _ = connection.write(&encode(&half, honest.body.len(), true)).await;
    Next::Close
}

/// `Some` when the connection ended on the way.
async fn drip(connection: &mut Connection, bytes: &[u8], interval: Duration) -> Option<Next> {
    for byte in bytes {
        if !connection.pause(interval).await || connection.write(&[*byte]).await.is_err() {
            return Some(Next::Close);
        }
    }
    None
}
