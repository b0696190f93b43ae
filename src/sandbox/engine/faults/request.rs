//! What a requested fault does to a request: whether the work is done, and what is sent in place of the answer.

use std::time::Duration;

use http::StatusCode;

use crate::sandbox::engine::http::Connection;
use crate::sandbox::engine::http::reply::{encode, json};
use crate::wire::Reply;

/// One way to mistreat a request.
#[derive(Clone, Debug)]
pub struct Fault {
    pub work: Work,
    pub instead: Instead,
}

/// How far the request gets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Work {
    /// Its body is not read.
    Unread,
    /// It is read and not executed.
    Undone,
    /// It is executed, whatever the caller receives.
    Done,
}

/// What the caller receives in place of the honest answer.
#[derive(Clone, Debug)]
pub enum Instead {
    /// The honest answer after a pause.
    Late(Duration),
    /// An RST.
    Reset,
    /// Nothing for this long, then a FIN.
    Silence(Duration),
    /// Another answer.
    Reply(Reply),
    /// 200 with this many bytes of blanks.
    Blanks(usize),
    /// Half of the honest body after a head that announces all of it, then a FIN.
    Half,
    /// The honest answer byte by byte, with a pause before each.
    Drip(Duration),
    /// Bytes that are not HTTP, then a FIN.
    Bytes(String),
}

/// What happens to the connection.
#[derive(Debug, PartialEq, Eq)]
pub enum Next {
    /// It may carry another request.
    Keep,
    /// It ends with a FIN.
    Close,
    /// It ends with an RST.
    Reset,
}

/// Sends to `connection` what `fault` prescribes in place of `honest`, the honest answer.
pub async fn deliver(
    connection: &mut Connection,
    fault: Fault,
    honest: Reply,
    keep_alive: bool,
) -> Next {
    let reply = match fault.instead {
        Instead::Late(delay) => match connection.pause(delay).await {
            true => honest,
            false => return Next::Close,
        },
        Instead::Reset => return Next::Reset,
        Instead::Silence(length) => {
            connection.pause(length).await;
            return Next::Close;
        }
        Instead::Reply(reply) => reply,
        Instead::Blanks(bytes) => json(StatusCode::OK, vec![b' '; bytes]),
        Instead::Half => {
            let half = Reply { body: honest.body.slice(..honest.body.len() / 2), ..honest.clone() };
            let _ = connection.write(&encode(&half, honest.body.len(), true)).await;
            return Next::Close;
        }
        Instead::Drip(interval) => {
            let bytes = encode(&honest, honest.body.len(), keep_alive);
            return next(drip(connection, &bytes, interval).await && keep_alive);
        }
        Instead::Bytes(bytes) => {
            let _ = connection.write(bytes.as_bytes()).await;
            return Next::Close;
        }
    };
    send(connection, &reply, keep_alive).await
}

/// Sends `reply` whole.
pub async fn send(connection: &mut Connection, reply: &Reply, keep_alive: bool) -> Next {
    let sent = connection.write(&encode(reply, reply.body.len(), keep_alive)).await;
    next(sent.is_ok() && keep_alive)
}

/// Whether every byte was sent.
async fn drip(connection: &mut Connection, bytes: &[u8], interval: Duration) -> bool {
    for byte in bytes {
        if !connection.pause(interval).await || connection.write(&[*byte]).await.is_err() {
            return false;
        }
    }
    true
}

fn next(keeps: bool) -> Next {
    if keeps { Next::Keep } else { Next::Close }
}
