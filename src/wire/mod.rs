//! HTTP messages as plain values: complete, bounded, already read from the socket.
//!
//! No I/O here. `edge` turns sockets into [`Request`]s and [`Reply`]s into bytes; everything between is functions over
//! these types. [`Upstream`] is the one seam through which a call leaves for the provider.

mod request_id;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode};
use tokio::time::Instant;

use crate::secret::Secret;

pub use request_id::RequestId;

/// The largest body an application may post, in bytes. Parameters are a few hundred bytes; the rest allows for lists.
pub const APP_BODY_BYTES_MAX: usize = 1024 * 1024;

/// The largest notification taken, in bytes.
pub const NOTIFICATION_BYTES_MAX: usize = 1024 * 1024;

/// The largest answer read from a provider, in bytes. A longer one is treated as unreadable.
pub const PROVIDER_BODY_BYTES_MAX: usize = 4 * 1024 * 1024;

/// A whole request, body included.
#[derive(Debug)]
pub struct Request {
    /// The request's method.
    pub method: Method,
    /// The path without the query, percent-encoded as received.
    pub path: String,
    /// The query string without its `?`, empty when there is none.
    pub query: String,
    /// All header fields as received.
    pub headers: HeaderMap,
    /// The whole body, unchunked.
    pub body: Bytes,
    /// Who is calling.
    pub peer: Peer,
    /// When the request's head was read.
    pub received_at: Instant,
}

/// The other end of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Peer {
    /// A TCP client.
    Tcp(SocketAddr),
    /// A unix-socket client and its user id (SO_PEERCRED), where the kernel reports it.
    Unix { uid: Option<u32> },
    /// The address is not known; such a peer is trusted with nothing.
    Unidentified,
}

/// A whole answer.
#[derive(Debug, Clone)]
pub struct Reply {
    /// The status line's code.
    pub status: StatusCode,
    /// Header fields; `Content-Length`, `Date` and `Connection` are set by the edge.
    pub headers: HeaderMap,
    /// The body.
    pub body: Bytes,
    /// Passed to [`Handler::unheard`] if the caller is gone when this is written.
    pub ticket: Option<String>,
}

impl Reply {
    /// An answer with a body of the given media type.
    pub fn new(status: StatusCode, content_type: &'static str, body: impl Into<Bytes>) -> Self {
        let mut headers = HeaderMap::new();
        headers.insert(http::header::CONTENT_TYPE, HeaderValue::from_static(content_type));
        Self { status, headers, body: body.into(), ticket: None }
    }

    /// Adds one header field, replacing an earlier one of that name. A value that no header can carry is left out.
    pub fn with_header(mut self, name: HeaderName, value: &str) -> Self {
        if let Ok(value) = HeaderValue::from_str(value) {
            self.headers.insert(name, value);
        }
        self
    }
}

/// Answers requests on one listener. Implementations do not touch sockets; the edge lets each call run to its end, even
/// when its caller hangs up.
#[async_trait]
pub trait Handler: Send + Sync + 'static {
    /// The largest body this handler takes, in bytes; the edge answers longer ones with [`Handler::refuse`].
    fn body_bytes_max(&self) -> usize;

    /// Answers one request.
    async fn handle(&self, request: Request) -> Reply;

    /// The caller left before it was answered, or the answer with this ticket could not be written.
    async fn unheard(&self, _ticket: &str) {}

    /// The answer to a request that the edge itself had to refuse before it was whole.
    fn refuse(&self, refusal: Refusal) -> Reply;
}

/// Why the edge refuses a request before a handler sees it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// The body is longer than [`Handler::body_bytes_max`].
    BodyTooLarge,
    /// The head or the body is not valid HTTP (also a missing `Host`, or an ambiguous length).
    BadRequest,
    /// The header fields are larger than the edge accepts.
    HeadTooLarge,
    /// The head or the body did not arrive in time.
    TooSlow,
    /// A transfer coding that is not `chunked`.
    UnknownTransferCoding,
    /// An `Expect` that is not `100-continue`.
    UnknownExpectation,
    /// The process is shutting down and accepts no new work.
    ShuttingDown,
    /// The handler failed unexpectedly. The outcome of the call is not known.
    HandlerFailed,
}

/// Where an account's provider is reached. Equal targets share connections.
#[derive(Debug, Clone)]
pub struct Target {
    /// `https`, or plain `http` to loopback.
    pub tls: Option<TargetTls>,
    /// Host name (or address text) for DNS, `Host` and SNI.
    pub host: String,
    /// TCP port.
    pub port: u16,
    /// The base URL's path without a trailing `/`; may be empty.
    pub base_path: String,
    /// Changes whenever anything above changes (address, roots, client certificate): pools are keyed by it.
    pub fingerprint: String,
}

/// TLS material towards a provider.
#[derive(Debug, Clone)]
pub struct TargetTls {
    /// PEM bundle of the roots to trust; the system's roots when `None`.
    pub ca_pem: Option<Arc<Vec<u8>>>,
    /// PEM chain and PEM private key to present.
    pub client: Option<Arc<ClientCertificate>>,
}

/// A client certificate chain with its key.
#[derive(Debug)]
pub struct ClientCertificate {
    /// PEM chain, leaf first.
    pub chain_pem: Vec<u8>,
    /// PEM private key.
    pub key_pem: Secret,
}

/// One outgoing call: its bytes are complete, nothing is left to decide.
#[derive(Debug, Clone)]
pub struct Call {
    /// Path below the target's base path, beginning with `/`.
    pub path: String,
    /// Header fields beyond `Host`, `Content-Length` and `Connection`, which the edge sets.
    pub headers: Vec<(HeaderName, HeaderValue)>,
    /// The exact body; always sent with `Content-Length`.
    pub body: Bytes,
    /// Whether the answer is of any use without its body.
    pub answer_body: AnswerBody,
}

/// Whether a caller needs the body of an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AnswerBody {
    /// The answer is in the body: without all of it there is none.
    Needed,
    /// The status says everything. The body is read only to reuse the connection, and may be missing.
    Ignored,
}

/// How long the phases of one exchange may take.
#[derive(Clone, Copy, Debug)]
pub struct Timeouts {
    /// DNS, TCP connect and TLS handshake together.
    pub connect: Duration,
    /// Writing the whole request.
    pub send: Duration,
    /// The whole exchange, connect included.
    pub total: Duration,
}

/// A provider's whole HTTP answer, whatever it means.
#[derive(Debug, Clone)]
pub struct Answer {
    /// HTTP status.
    pub status: StatusCode,
    /// Header fields.
    pub headers: HeaderMap,
    /// Body, at most [`PROVIDER_BODY_BYTES_MAX`].
    pub body: Bytes,
}

/// Why an exchange returned no whole answer. The distinction is about money: only [`SendError::NotSent`] proves that
/// the provider did not get the call.
#[derive(Debug, Clone, thiserror::Error)]
pub enum SendError {
    /// Failed before the first byte of the request was handed to the connection.
    #[error("not sent: {0}")]
    NotSent(NotSent),
    /// Failed at or after the first byte: the provider may have acted on it.
    #[error("no answer: {0}")]
    Unknown(NoAnswer),
}

/// Failures that prove nothing was sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NotSent {
    /// The host name could not be resolved.
    #[error("the host name could not be resolved")]
    Resolve,
    /// No TCP connection: refused, unreachable.
    #[error("the connection was refused or the host is unreachable")]
    Connect,
    /// DNS, TCP or TLS took longer than the connect time-out.
    #[error("connecting took longer than the connect time-out")]
    ConnectTimeout,
    /// The TLS handshake failed: certificate, name or version.
    #[error("the TLS handshake failed")]
    Tls,
    /// The process began to stop before it could be sent.
    #[error("the process is stopping")]
    Stopping,
    /// Its time was over before the connection was ready.
    #[error("its time was over before it could be sent")]
    TooLate,
    /// The last look found that it must not leave any more.
    #[error("it was withdrawn before it could be sent")]
    Withdrawn,
}

/// Failures that leave open what happened.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NoAnswer {
    /// Writing the request failed or took too long.
    #[error("writing the request failed")]
    Write,
    /// The connection ended before a whole answer had been read.
    #[error("the connection ended before a whole answer")]
    ConnectionLost,
    /// The total time-out passed.
    #[error("no whole answer within the total time-out")]
    Timeout,
    /// What came back is about another call.
    #[error("the answer is about another call")]
    AnotherCall,
    /// What came back is not HTTP.
    #[error("the answer is not valid HTTP")]
    NotHttp,
    /// The answer is longer than [`PROVIDER_BODY_BYTES_MAX`].
    #[error("the answer is too large")]
    TooLarge,
}

/// The last moment at which a call can still be stopped: its connection is ready and nothing was written yet. Name
/// resolution, connecting and the handshake can take seconds, and the process may have been paused for longer.
#[async_trait]
pub trait LastLook: Send + Sync {
    /// Whether the first byte may be written now.
    ///
    /// # Errors
    /// Why it must not; then nothing is sent.
    async fn may_leave(&self) -> Result<(), NotSent>;
}

/// The way out to a provider. One exchange, one answer or one reason; never repeats by itself.
#[async_trait]
pub trait Upstream: Send + Sync + 'static {
    /// Sends `call` to `target` and reads the whole answer. Before the first byte it takes the `last_look`, if given,
    /// because something may meanwhile have happened that forbids the call, and checks that there is time left.
    async fn send(
        &self,
        target: &Target,
        call: Call,
        timeouts: Timeouts,
        last_look: Option<&dyn LastLook>,
    ) -> Result<Answer, SendError>;
}
