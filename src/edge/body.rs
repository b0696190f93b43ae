//! Reads one request body completely, and never more of it than the handler accepts.

use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http::Version;
use http::header::{CONTENT_LENGTH, EXPECT};
use pingora_core::protocols::http::v1::server::HttpSession;
use tokio::sync::Semaphore;
use tokio::time::timeout;

use crate::wire::Refusal;

/// Bodies up to this size need no permit for large bodies, in bytes. Parameters are a few hundred bytes.
const SMALL_BODY_BYTES: usize = 64 * 1024;

/// The body that follows the head just read, unchunked. A large one waits for a permit of `large_bodies`: until a
/// body is complete, its sender has not been checked.
pub(super) async fn read_body(
    session: &mut HttpSession,
    bytes_max: usize,
    deadline: Duration,
    large_bodies: &Semaphore,
) -> Result<Bytes, Refusal> {
    if announced_bytes(session).is_some_and(|announced| announced > bytes_max as u64) {
        return Err(Refusal::BodyTooLarge);
    }
    if session.is_body_done() {
        return Ok(Bytes::new());
    }
    let reading = async {
        invite(session).await?;
        collect(session, bytes_max, large_bodies).await
    };
    timeout(deadline, reading).await.unwrap_or(Err(Refusal::TooSlow))
}

fn announced_bytes(session: &HttpSession) -> Option<u64> {
    session.get_header(CONTENT_LENGTH)?.to_str().ok()?.parse().ok()
}

/// Answers `Expect: 100-continue`; pingora leaves this to its user.
async fn invite(session: &mut HttpSession) -> Result<(), Refusal> {
    if session.get_header(EXPECT).is_none() || session.req_header().version != Version::HTTP_11 {
        return Ok(());
    }
    // pingora gives up keep-alive whenever it writes a head while a body is outstanding, even this one.
    let keep_alive = session.get_keepalive_timeout();
    session.write_continue_response().await.map_err(|_| Refusal::BadRequest)?;
    session.set_server_keepalive(keep_alive);
    Ok(())
}

async fn collect(
    session: &mut HttpSession,
    bytes_max: usize,
    large_bodies: &Semaphore,
) -> Result<Bytes, Refusal> {
    let mut whole = BytesMut::new();
    let mut room = None;
    // An error is a broken chunk or a caller that left early: either way there is no complete request.
    while let Some(piece) = session.read_body_bytes().await.map_err(|_| Refusal::BadRequest)? {
        if whole.len() + piece.len() > bytes_max {
            return Err(Refusal::BodyTooLarge);
        }
        if room.is_none() && whole.len() + piece.len() > SMALL_BODY_BYTES {
            room = Some(large_bodies.acquire().await.expect("it is never closed"));
        }
        if whole.is_empty() && session.is_body_done() {
            return Ok(piece);
        }
        whole.extend_from_slice(&piece);
    }
    Ok(whole.freeze())
}
