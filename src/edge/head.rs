//! Reads one request head from a connection, under limits of size and time.
//!
//! pingora parses heads, but it buffers up to a megabyte of them, times each read instead of the whole, and accepts
//! line ends without a carriage return. So the bytes are collected here, and its parser only ever sees complete,
//! bounded heads. The meaning of a head is not examined here.

use std::time::Duration;

use bytes::{Buf, BytesMut};
use pingora_core::protocols::Stream;
use tokio::io::AsyncReadExt;
use tokio::time::{sleep, timeout};

use crate::wire::Refusal;

/// The largest head accepted, in bytes: request line and all header fields. Common servers allow 8 to 32 KiB.
pub(super) const HEAD_BYTES_MAX: usize = 32 * 1024;

/// The first allocation per connection, in bytes; nearly every head with a small body fits.
const FIRST_READ_BYTES: usize = 4 * 1024;

/// Waits for the first byte of a request. `false` when none will come: the caller left, stayed silent for `patience`,
/// or `stop` has come.
pub(super) async fn await_request(
    stream: &mut Stream,
    buffer: &mut BytesMut,
    patience: Duration,
    stop: impl Future<Output = ()>,
) -> bool {
    if !buffer.is_empty() {
        return true;
    }
    buffer.reserve(FIRST_READ_BYTES);
    tokio::select! {
        biased;
        read = stream.read_buf(buffer) => matches!(read, Ok(count) if count > 0),
        () = sleep(patience) => false,
        () = stop => false,
    }
}

/// Reads until `buffer` begins with one complete head.
pub(super) async fn read_head(
    stream: &mut Stream,
    buffer: &mut BytesMut,
    deadline: Duration,
) -> Result<(), Refusal> {
    let reading = async {
        let mut scan = Scan::default();
        while !scan.advance(buffer)? {
            buffer.reserve(FIRST_READ_BYTES);
            match stream.read_buf(buffer).await {
                Ok(0) | Err(_) => return Err(Refusal::BadRequest),
                Ok(_) => {}
            }
        }
        Ok(())
    };
    timeout(deadline, reading).await.unwrap_or(Err(Refusal::TooSlow))
}

/// Scans every byte of a head once, however the head is split into packets.
#[derive(Default)]
struct Scan {
    seen: usize,
}

impl Scan {
    /// Whether `buffer` now begins with a complete head.
    fn advance(&mut self, buffer: &mut BytesMut) -> Result<bool, Refusal> {
        if self.seen == 0 {
            // RFC 9112 2.2: an empty line before a request is ignored.
            while buffer.starts_with(b"\r\n") {
                buffer.advance(2);
            }
            // Anything but a method is not HTTP (a TLS client on a plain port, for example): do not wait for its end.
            if buffer.first().is_some_and(|first| !first.is_ascii_graphic() && *first != b'\r') {
                return Err(Refusal::BadRequest);
            }
        }
        while let Some(offset) = buffer[self.seen..].iter().position(|byte| *byte == b'\n') {
            let end = self.seen + offset + 1;
            let head = &buffer[..end];
            if end > HEAD_BYTES_MAX {
                return Err(Refusal::HeadTooLarge);
            }
            // Parsers disagree about a bare line feed, which is how one request is smuggled inside another.
            if !head.ends_with(b"\r\n") {
                return Err(Refusal::BadRequest);
            }
            if head.ends_with(b"\r\n\r\n") {
                return Ok(true);
            }
            self.seen = end;
        }
        // A lone first `\r` is scanned again together with the bytes after it.
        if buffer.as_ref() != b"\r" {
            self.seen = buffer.len();
        }
        if buffer.len() > HEAD_BYTES_MAX { Err(Refusal::HeadTooLarge) } else { Ok(false) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scan(pieces: &[&[u8]]) -> Result<bool, Refusal> {
        let mut scan = Scan::default();
        let mut buffer = BytesMut::new();
        let mut whole = Ok(false);
        for piece in pieces {
            buffer.extend_from_slice(piece);
            whole = scan.advance(&mut buffer);
            if whole != Ok(false) {
                break;
            }
        }
        whole
    }

    #[test]
    fn a_bare_line_feed_is_refused_in_every_position() {
        for head in ["GET / HTTP/1.1\nHost: a\n\n", "GET / HTTP/1.1\r\nHost: a\n\r\n", "\nGET"] {
            assert_eq!(scan(&[head.as_bytes()]), Err(Refusal::BadRequest), "{head:?}");
        }
        assert_eq!(scan(&[b"GET / HTTP/1.1\r\nHost: a", b"\nX: b"]), Err(Refusal::BadRequest));
    }

    #[test]
    fn bytes_that_cannot_be_a_method_are_refused_at_once() {
        assert_eq!(scan(&[b"\x16\x03\x01\x02\x00"]), Err(Refusal::BadRequest), "a TLS hello");
        assert_eq!(scan(&[b"\0"]), Err(Refusal::BadRequest));
    }

    #[test]
    fn a_head_over_the_limit_is_refused_whole_or_in_pieces() {
        let line = format!("X: {}\r\n", "a".repeat(HEAD_BYTES_MAX));
        assert_eq!(scan(&[line.as_bytes()]), Err(Refusal::HeadTooLarge));
        let endless = "a".repeat(1000);
        let pieces = vec![endless.as_bytes(); HEAD_BYTES_MAX / 1000 + 1];
        assert_eq!(scan(&pieces), Err(Refusal::HeadTooLarge));
    }

    #[test]
    fn a_head_is_recognised_however_it_is_split() {
        let head = b"\r\nPOST / HTTP/1.1\r\nHost: a\r\n\r\n";
        for cut in 1..head.len() {
            let (first, second) = head.split_at(cut);
            assert_eq!(scan(&[first, second]), Ok(true), "split after {cut} bytes");
        }
        assert_eq!(scan(&[&head[..head.len() - 1]]), Ok(false));
    }
}
