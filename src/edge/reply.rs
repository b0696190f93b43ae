//! Writes replies, and closes connections so that a caller that is still sending can read the reason.

use std::time::Duration;

use http::header::{CONNECTION, CONTENT_LENGTH, DATE, TRANSFER_ENCODING};
use http::{HeaderName, StatusCode};
use pingora_core::protocols::Stream;
use pingora_core::protocols::http::v1::server::HttpSession;
use pingora_http::ResponseHeader;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::time::timeout;

use crate::wire::Reply;

/// How much of an unwanted body is read at once, in bytes.
const DISCARD_BYTES: usize = 16 * 1024;

/// Writes `reply` completely. pingora adds `Date` and `Connection`.
pub(super) async fn write_reply(
    session: &mut HttpSession,
    reply: &Reply,
    with_body: bool,
) -> pingora_core::Result<()> {
    session.write_response_header(Box::new(head_of(reply)?)).await?;
    if with_body && !reply.body.is_empty() {
        session.write_body(&reply.body).await?;
    }
    session.finish_body().await?;
    Ok(())
}

/// Ends a connection on which the caller may still be sending.
///
/// Closing a socket with unread bytes resets it, and the reset can overtake the reply. So only our direction is
/// closed, and incoming bytes are thrown away until the caller has closed too or `patience` is over.
pub(super) async fn close_readably(mut stream: Stream, patience: Duration) {
    let closing = async {
        if AsyncWriteExt::shutdown(&mut stream).await.is_err() {
            return;
        }
        let mut discarded = vec![0; DISCARD_BYTES];
        while matches!(stream.read(&mut discarded).await, Ok(count) if count > 0) {}
    };
    // Running out of patience is not a failure: the reply had time to arrive.
    let _ = timeout(patience, closing).await;
}

fn head_of(reply: &Reply) -> pingora_core::Result<ResponseHeader> {
    let mut head = ResponseHeader::build(reply.status, Some(reply.headers.len() + 3))?;
    for (name, value) in reply.headers.iter().filter(|(name, _)| !is_ours(name)) {
        head.append_header(name.clone(), value.clone())?;
    }
    if has_length(reply.status) {
        head.insert_header(CONTENT_LENGTH, reply.body.len())?;
    }
    Ok(head)
}

fn is_ours(name: &HeaderName) -> bool {
    [CONTENT_LENGTH, CONNECTION, TRANSFER_ENCODING, DATE].contains(name)
}

fn has_length(status: StatusCode) -> bool {
    !status.is_informational() && status != StatusCode::NO_CONTENT
}
