//! A very small HTTP/1.1 server side, over plain TCP.
//!
//! The sidecar itself speaks through pingora. The sandbox has its own because a fault must control every byte on the
//! socket: resets, answers byte by byte, wrong lengths, no HTTP at all. It accepts what a provider's front end accepts:
//! keep-alive, `Content-Length` and chunked bodies, limits on everything. Not for production traffic.

mod chunks;
pub mod client;
pub mod head;
pub mod reply;
pub mod target;

use std::io;
use std::time::Duration;

use bytes::{Buf, Bytes, BytesMut};
use http::StatusCode;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::{Instant, timeout, timeout_at};

use chunks::Chunks;
use head::{BodyLength, Head, parse_head};

use crate::clock::{instant, later};

/// The largest request head, in bytes.
const HEAD_BYTES_MAX: usize = 16 * 1024;
/// The largest request body, in bytes; signed requests are a few hundred bytes.
const BODY_BYTES_MAX: usize = 1024 * 1024;
/// How long a connection may be idle between requests: longer than clients keep theirs, so that clients close first and
/// no test uses a connection that is just being closed.
const IDLE_MAX: Duration = Duration::from_secs(900);
/// How long a head or a body may take once its first byte has arrived.
const READ_MAX: Duration = Duration::from_secs(30);
/// How long one write may take while the client does not read.
const WRITE_MAX: Duration = Duration::from_secs(60);
/// How much a client may send ahead while a fault holds its connection, in bytes.
const AHEAD_BYTES_MAX: usize = 64 * 1024;

/// A client's connection and what was read from it but not yet used.
pub struct Connection {
    stream: TcpStream,
    buffer: BytesMut,
}

/// Why no whole request could be read.
#[derive(Debug)]
pub enum ReadError {
    /// The connection ended or failed; an answer cannot be sent.
    Gone,
    /// Answer this and close.
    Refused(StatusCode),
}

impl Connection {
    pub fn new(stream: TcpStream) -> Self {
        // Answers are written at once, and a drip must leave byte by byte.
        let _ = stream.set_nodelay(true);
        Self { stream, buffer: BytesMut::new() }
    }

    /// The next request's head, or `None` when the client has closed the connection between requests.
    pub async fn read_head(&mut self) -> Result<Option<Head>, ReadError> {
        if self.buffer.is_empty() {
            match timeout(IDLE_MAX, self.fill()).await {
                Ok(Ok(())) => {}
                Ok(Err(_)) | Err(_) => return Ok(None),
            }
        }
        let deadline = later(instant(), READ_MAX);
        loop {
            if let Some((head, used)) = parse_head(&self.buffer).map_err(ReadError::Refused)? {
                self.buffer.advance(used);
                return Ok(Some(head));
            }
            if self.buffer.len() >= HEAD_BYTES_MAX {
                return Err(ReadError::Refused(StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE));
            }
            self.fill_before(deadline).await?;
        }
    }

    /// The body that belongs to `head`, unchunked.
    pub async fn read_body(&mut self, head: &Head) -> Result<Bytes, ReadError> {
        if head.expects_continue {
            self.write(b"HTTP/1.1 100 Continue\r\n\r\n").await.map_err(|_| ReadError::Gone)?;
        }
        let deadline = later(instant(), READ_MAX);
        match head.length {
            BodyLength::Exactly(length) if length > BODY_BYTES_MAX => {
                Err(ReadError::Refused(StatusCode::PAYLOAD_TOO_LARGE))
            }
            BodyLength::Exactly(length) => {
                self.fill_to(length, deadline).await?;
                Ok(self.buffer.split_to(length).freeze())
            }
            BodyLength::Chunked => self.read_chunks(deadline).await,
        }
    }

    pub async fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        match timeout(WRITE_MAX, self.stream.write_all(bytes)).await {
            Ok(written) => written,
            Err(_) => Err(io::ErrorKind::TimedOut.into()),
        }
    }

    /// Waits for `pause`, or less when the client goes away. Returns whether the client is still there.
    pub async fn pause(&mut self, pause: Duration) -> bool {
        let end = later(instant(), pause);
        loop {
            if self.buffer.len() >= AHEAD_BYTES_MAX {
                tokio::time::sleep_until(end).await;
                return true;
            }
            match timeout_at(end, self.fill()).await {
                Err(_) => return true,
                Ok(Err(_)) => return false,
                Ok(Ok(())) => {}
            }
        }
    }

    /// Ends the connection with a FIN.
    pub async fn close(mut self) {
        let _ = self.stream.shutdown().await;
        // A socket that is closed with unread bytes sends an RST, which can overtake the answer: read a little more
        // first.
        let _ = timeout(Duration::from_secs(1), async {
            for _ in 0..64 {
                self.buffer.clear();
                if self.fill().await.is_err() {
                    return;
                }
            }
        })
        .await;
    }

    /// Ends the connection with an RST.
    pub fn reset(self) {
        let _ = self.stream.set_zero_linger();
    }

    async fn read_chunks(&mut self, deadline: Instant) -> Result<Bytes, ReadError> {
        let mut chunks = Chunks::new(BODY_BYTES_MAX);
        while !chunks.take(&mut self.buffer).map_err(ReadError::Refused)? {
            if self.buffer.len() > HEAD_BYTES_MAX + BODY_BYTES_MAX {
                return Err(ReadError::Refused(StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE));
            }
            self.fill_before(deadline).await?;
        }
        Ok(chunks.body.into())
    }

    async fn fill_to(&mut self, length: usize, deadline: Instant) -> Result<(), ReadError> {
        while self.buffer.len() < length {
            self.fill_before(deadline).await?;
        }
        Ok(())
    }

    async fn fill_before(&mut self, deadline: Instant) -> Result<(), ReadError> {
        match timeout_at(deadline, self.fill()).await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(_)) => Err(ReadError::Gone),
            Err(_) => Err(ReadError::Refused(StatusCode::REQUEST_TIMEOUT)),
        }
    }

    /// Reads some more into the buffer; the end of the stream is an error.
    async fn fill(&mut self) -> io::Result<()> {
        self.buffer.reserve(4096);
        match self.stream.read_buf(&mut self.buffer).await? {
            0 => Err(io::ErrorKind::UnexpectedEof.into()),
            _ => Ok(()),
        }
    }
}
