//! What pingora does not report about a connection: the peer, whether it is still there, and whether it is silent.

use std::os::fd::BorrowedFd;
use std::pin::Pin;
use std::task::{Context, Waker};

use pingora_core::protocols::Stream;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;
use rustix::net::{RecvFlags, recv, sockopt::socket_peercred};
use tokio::io::{AsyncRead, ReadBuf};

use crate::wire::Peer;

/// The client of a TCP listener, by the address that was recorded when the connection was accepted.
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

/// Whether an idle connection is still open and silent. Bytes waiting on it (a farewell, an answer to nothing) make
/// it unusable: they would be mistaken for the answer to the next call.
pub(super) fn is_quiet(stream: &mut Stream) -> bool {
    kernel_holds_nothing(stream) && layers_hold_nothing(stream)
}

/// Whether the other end has closed at least its sending side. A caller that did only that still reads its answer;
/// one that hung up does not, although the kernel still accepts what is written to it.
pub(super) fn has_hung_up(stream: &Stream) -> bool {
    let Some(socket) = socket_of(stream) else { return true };
    let mut watched = [PollFd::from_borrowed_fd(socket, PollFlags::RDHUP)];
    let at_once = Timespec { tv_sec: 0, tv_nsec: 0 };
    poll(&mut watched, Some(&at_once)).is_ok_and(|events| events > 0)
}

/// Asks the kernel instead of the runtime, which may not yet have noticed that the other end closed.
fn kernel_holds_nothing(stream: &Stream) -> bool {
    let Some(socket) = socket_of(stream) else { return false };
    let mut byte = [0u8; 1];
    let peeked = recv(socket, &mut byte, RecvFlags::PEEK | RecvFlags::DONTWAIT);
    matches!(peeked, Err(Errno::AGAIN))
}

/// TLS decrypts whole records, so bytes after an answer may have left the kernel already and wait decrypted.
fn layers_hold_nothing(stream: &mut Stream) -> bool {
    let mut byte = [0u8; 1];
    let mut context = Context::from_waker(Waker::noop());
    Pin::new(stream).poll_read(&mut context, &mut ReadBuf::new(&mut byte)).is_pending()
}

#[expect(unsafe_code, reason = "pingora lends no descriptor")]
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
