//! A very small HTTP/1.1 server side, over plain TCP.
//!
//! The sidecar itself speaks through pingora. The sandbox has its own because a fault must control the very bytes on the
//! socket: resets, answers byte by byte, lengths that lie, no HTTP at all. It takes what a provider's front end takes:
//! keep-alive, `Content-Length` and chunked bodies, limits on everything. Not for production traffic.

pub mod client;
pub mod target;

use std::io;
use std::time::Duration;

use bytes::{Buf, Bytes, BytesMut};
use http::StatusCode;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::{Instant, timeout, timeout_at};

use crate::clock::later;
use crate::wire::Reply;

/// The largest request head, in bytes.
const HEAD_BYTES_MAX: usize = 16 * 1024;
/// The most header fields in one request.
const HEADERS_MAX: usize = 64;
/// The largest request body, in bytes; signed requests are a few hundred bytes.
const BODY_BYTES_MAX: usize = 1024 * 1024;
/// How long a connection may lie idle between requests: longer than clients keep theirs, so that they close first and no
/// test meets a connection that ends just as it is used.
const IDLE_MAX: Duration = Duration::from_secs(900);
/// How long a head or a body may take once it has begun.
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

/// A request's head.
#[derive(Debug)]
pub struct Head {
    pub method: String,
    /// The path without the query.
    pub path: String,
    /// Names and values in their order.
    pub headers: Vec<(String, String)>,
    length: BodyLength,
    keep_alive: bool,
    expects_continue: bool,
}

#[derive(Debug, PartialEq, Eq)]
enum BodyLength {
    Exactly(usize),
    Chunked,
}

/// Why no whole request could be read.
#[derive(Debug)]
pub enum ReadError {
    /// The connection ended or failed; there is nobody to answer.
    Gone,
    /// Answer this and close.
    Refused(StatusCode),
}

impl Head {
    /// Whether the client wants to use the connection again.
    pub fn keep_alive(&self) -> bool {
        self.keep_alive
    }

    pub fn header(&self, name: &str) -> Option<&str> {
        find(&self.headers, name)
    }
}

impl Connection {
    pub fn new(stream: TcpStream) -> Self {
        // Answers are written whole, and a drip must leave byte by byte.
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
        let deadline = later(Instant::now(), READ_MAX);
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
        let deadline = later(Instant::now(), READ_MAX);
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

    /// Sends a whole answer with its exact length.
    pub async fn send(&mut self, reply: &Reply, keep_alive: bool) -> io::Result<()> {
        self.write(&encode(reply, reply.body.len(), keep_alive)).await
    }

    pub async fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        match timeout(WRITE_MAX, self.stream.write_all(bytes)).await {
            Ok(written) => written,
            Err(_) => Err(io::ErrorKind::TimedOut.into()),
        }
    }

    /// Waits for `pause`, or less when the client goes away. Whether the client is still there.
    pub async fn pause(&mut self, pause: Duration) -> bool {
        let end = later(Instant::now(), pause);
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
        // A socket that is closed with unread bytes sends an RST, which can overtake the answer: take a little more first.
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
        let mut body = BytesMut::new();
        loop {
            let size = self.read_chunk_size(deadline).await?;
            if size == 0 {
                self.skip_trailers(deadline).await?;
                return Ok(body.freeze());
            }
            if size > BODY_BYTES_MAX - body.len() {
                return Err(ReadError::Refused(StatusCode::PAYLOAD_TOO_LARGE));
            }
            self.fill_to(size + 2, deadline).await?;
            body.extend_from_slice(&self.buffer[..size]);
            if &self.buffer[size..size + 2] != b"\r\n" {
                return Err(ReadError::Refused(StatusCode::BAD_REQUEST));
            }
            self.buffer.advance(size + 2);
        }
    }

    async fn read_chunk_size(&mut self, deadline: Instant) -> Result<usize, ReadError> {
        const LINE_BYTES_MAX: usize = 256;
        loop {
            match httparse::parse_chunk_size(&self.buffer) {
                Ok(httparse::Status::Complete((used, size))) => {
                    self.buffer.advance(used);
                    return usize::try_from(size)
                        .map_err(|_| ReadError::Refused(StatusCode::PAYLOAD_TOO_LARGE));
                }
                Ok(httparse::Status::Partial) if self.buffer.len() < LINE_BYTES_MAX => {
                    self.fill_before(deadline).await?;
                }
                _ => return Err(ReadError::Refused(StatusCode::BAD_REQUEST)),
            }
        }
    }

    async fn skip_trailers(&mut self, deadline: Instant) -> Result<(), ReadError> {
        let mut skipped = 0;
        loop {
            if let Some(end) = self.buffer.windows(2).position(|pair| pair == b"\r\n") {
                self.buffer.advance(end + 2);
                skipped += end + 2;
                if end == 0 {
                    return Ok(());
                }
            } else {
                self.fill_before(deadline).await?;
            }
            if skipped + self.buffer.len() > HEAD_BYTES_MAX + BODY_BYTES_MAX {
                return Err(ReadError::Refused(StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE));
            }
        }
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

/// The bytes of an answer whose head announces `length` bytes of body.
pub fn encode(reply: &Reply, length: usize, keep_alive: bool) -> Vec<u8> {
    let mut out = Vec::with_capacity(256 + reply.body.len());
    let reason = reply.status.canonical_reason().unwrap_or("Unknown");
    out.extend_from_slice(format!("HTTP/1.1 {} {reason}\r\n", reply.status.as_u16()).as_bytes());
    for (name, value) in &reply.headers {
        out.extend_from_slice(name.as_str().as_bytes());
        out.extend_from_slice(b": ");
        out.extend_from_slice(value.as_bytes());
        out.extend_from_slice(b"\r\n");
    }
    // 204 has no body and must not announce one.
    if reply.status != StatusCode::NO_CONTENT {
        out.extend_from_slice(format!("content-length: {length}\r\n").as_bytes());
    }
    if !keep_alive {
        out.extend_from_slice(b"connection: close\r\n");
    }
    out.extend_from_slice(b"\r\n");
    out.extend_from_slice(&reply.body);
    out
}

/// The head at the start of `bytes` and its length, or `None` while it is not whole.
fn parse_head(bytes: &[u8]) -> Result<Option<(Head, usize)>, StatusCode> {
    let mut fields = [httparse::EMPTY_HEADER; HEADERS_MAX];
    let mut request = httparse::Request::new(&mut fields);
    let used = match request.parse(bytes) {
        Ok(httparse::Status::Complete(used)) => used,
        Ok(httparse::Status::Partial) => return Ok(None),
        Err(httparse::Error::TooManyHeaders) => {
            return Err(StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE);
        }
        Err(_) => return Err(StatusCode::BAD_REQUEST),
    };
    let target = request.path.unwrap_or_default();
    let headers: Vec<_> = request
        .headers
        .iter()
        .map(|field| {
            (field.name.to_string(), String::from_utf8_lossy(field.value).trim().to_string())
        })
        .collect();
    let says = |name, word| find(&headers, name).is_some_and(|value| lists(value, word));
    let head = Head {
        method: request.method.unwrap_or_default().to_string(),
        path: target.split('?').next().unwrap_or_default().to_string(),
        length: body_length(&headers)?,
        keep_alive: match request.version {
            Some(1) => !says("connection", "close"),
            _ => says("connection", "keep-alive"),
        },
        expects_continue: says("expect", "100-continue"),
        headers,
    };
    Ok(Some((head, used)))
}

/// Two lengths, or a length beside a transfer coding, could be read in two ways: refused.
fn body_length(headers: &[(String, String)]) -> Result<BodyLength, StatusCode> {
    let all = |wanted: &str| {
        let mut found = headers.iter().filter(|(name, _)| name.eq_ignore_ascii_case(wanted));
        (found.next().map(|(_, value)| value.as_str()), found.next().is_some())
    };
    let (length, length_again) = all("content-length");
    let (coding, coding_again) = all("transfer-encoding");
    if length_again || coding_again || (length.is_some() && coding.is_some()) {
        return Err(StatusCode::BAD_REQUEST);
    }
    match (length, coding) {
        (None, None) => Ok(BodyLength::Exactly(0)),
        (_, Some(coding)) if coding.eq_ignore_ascii_case("chunked") => Ok(BodyLength::Chunked),
        (_, Some(_)) => Err(StatusCode::NOT_IMPLEMENTED),
        (Some(length), _) if length.bytes().all(|byte| byte.is_ascii_digit()) => {
            length.parse().map(BodyLength::Exactly).map_err(|_| StatusCode::BAD_REQUEST)
        }
        (Some(_), _) => Err(StatusCode::BAD_REQUEST),
    }
}

fn find<'h>(headers: &'h [(String, String)], wanted: &str) -> Option<&'h str> {
    let found = headers.iter().find(|(name, _)| name.eq_ignore_ascii_case(wanted));
    found.map(|(_, value)| value.as_str())
}

fn lists(value: &str, word: &str) -> bool {
    value.split(',').any(|part| part.trim().eq_ignore_ascii_case(word))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn head(text: &str) -> Result<Option<(Head, usize)>, StatusCode> {
        parse_head(text.as_bytes())
    }

    #[test]
    fn ambiguous_lengths_are_refused() {
        for fields in [
            "Content-Length: 1\r\nContent-Length: 1\r\n",
            "Content-Length: 1\r\nTransfer-Encoding: chunked\r\n",
            "Content-Length: +1\r\n",
            "Content-Length: \r\n",
            "Content-Length: 99999999999999999999999\r\n",
        ] {
            let refused = head(&format!("POST / HTTP/1.1\r\n{fields}\r\n"));
            assert_eq!(refused.expect_err(fields), StatusCode::BAD_REQUEST, "{fields}");
        }
        let coding = head("POST / HTTP/1.1\r\nTransfer-Encoding: gzip, chunked\r\n\r\n");
        assert_eq!(coding.expect_err("unknown coding"), StatusCode::NOT_IMPLEMENTED);
    }

    #[test]
    fn a_head_is_read_when_it_is_whole() {
        assert!(head("POST /a HTTP/1.1\r\nHost: x\r\n").expect("fine so far").is_none());
        let (head, used) =
            head("POST /a?b=c HTTP/1.1\r\nHost: x\r\n\r\nbody").expect("valid").expect("whole");
        assert_eq!((head.method.as_str(), head.path.as_str()), ("POST", "/a"));
        assert_eq!(used, "POST /a?b=c HTTP/1.1\r\nHost: x\r\n\r\n".len());
        assert!(head.keep_alive());
    }

    #[test]
    fn the_client_says_whether_the_connection_stays() {
        let keeps = |text: &str| head(text).expect("valid").expect("whole").0.keep_alive();
        assert!(!keeps("GET / HTTP/1.1\r\nConnection: Close\r\n\r\n"));
        assert!(!keeps("GET / HTTP/1.0\r\n\r\n"));
        assert!(keeps("GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n"));
    }

    #[test]
    fn hostile_heads_never_panic() {
        for bytes in [&b"\0"[..], b"POST", b"\xff\xfe / HTTP/1.1\r\n\r\n", b"GET  HTTP/9.9\r\n\r\n"]
        {
            let _ = parse_head(bytes);
        }
    }
}
