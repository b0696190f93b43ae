//! Two questions to the kernel about the socket under a connection, which pingora does not ask: who is at the other
//! end, and is it still there.

use std::os::fd::BorrowedFd;

use pingora_core::protocols::Stream;
use rustix::io::Errno;
use rustix::net::{RecvFlags, recv, sockopt::socket_peercred};

use crate::wire::Peer;

/// The client of a TCP listener, by the address that was noted when the connection was accepted.
pub(super) fn tcp_peer(stream: &Stream) -> Peer {
    let digest = stream.get_socket_digest();
    let address = digest.as_ref().and_then(|digest| digest.peer_addr()?.as_inet().copied());
    address.map_or(Peer::Unidentified, Peer::Tcp)
}

/// The client of a unix listener, by the user id the kernel recorded when it connected.
pub(super) fn unix_peer(stream: &Stream) -> Peer {
    let credentials = socket_of(stream).and_then(|socket| socket_peercred(socket).ok());
    Peer::Unix { uid: credentials.map(|credentials| credentials.uid.as_raw()) }
}

/// Whether an idle connection is still open and silent.
///
/// Asks the kernel itself rather than the runtime, which may not yet have noticed that the other end closed. Bytes that
/// wait on an idle connection (a farewell, an answer to nothing) also make it unusable.
pub(super) fn is_quiet(stream: &Stream) -> bool {
    let Some(socket) = socket_of(stream) else { return false };
    let mut byte = [0u8; 1];
    let peeked = recv(socket, &mut byte, RecvFlags::PEEK | RecvFlags::DONTWAIT);
    matches!(peeked, Err(Errno::AGAIN))
}

#[allow(unsafe_code)]
fn socket_of(stream: &Stream) -> Option<BorrowedFd<'_>> {
    let descriptor = stream.id();
    if descriptor < 0 {
        return None;
    }
    // SAFETY: pingora's `UniqueID` of a TCP, unix or TLS stream is the descriptor of the socket that the stream owns,
    // so it stays open for as long as `stream` is borrowed. Streams without a socket say -1. pingora offers no safe
    // way to borrow it.
    Some(unsafe { BorrowedFd::borrow_raw(descriptor) })
}
