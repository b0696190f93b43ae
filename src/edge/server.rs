//! Serves HTTP/1 connections: read a complete request, call the handler, write the reply, repeat.
//!
//! pingora accepts the connections, parses heads, unchunks bodies and writes replies; this file defines the order of
//! the steps and every deadline. Nothing here watches for a caller that hangs up: work on a connection is never
//! dropped before it is done, so a handler always finishes, and a caller that closed only its sending side gets its
//! answer.

use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use bytes::BytesMut;
use http::Method;
use pingora_core::apps::ServerApp;
use pingora_core::protocols::Stream;
use pingora_core::protocols::http::v1::server::HttpSession;
use pingora_core::server::ShutdownWatch;
use tokio::sync::Semaphore;
use tokio::time::{sleep, timeout};

use super::body::read_body;
use super::guard::catching;
use super::head::{await_request, read_head};
use super::in_flight::InFlight;
use super::reply::{close_readably, write_reply};
use super::request::{check_head, refusal_of_unparsed, request_of};
use super::socket::{has_hung_up, tcp_peer, unix_peer};
use crate::clock::instant;
use crate::wire::{Handler, Peer, Refusal, Reply, Request};

/// The most connections that one listener keeps open. An idle one costs some 40 KiB, so this is 160 MiB of them; an
/// application and its pool need a few dozen.
pub const CONNECTIONS_MAX: usize = 4096;

/// Bodies over 64 KiB that one listener reads at the same time; more wait. Without this limit strangers could make a
/// listener hold a complete body for each of its connections, 4 GiB.
pub const LARGE_BODIES_MAX: usize = 64;

/// How long a connection may take for each step.
#[derive(Clone, Copy, Debug)]
pub struct Deadlines {
    /// From a request's first byte to the end of its head; also from connecting to the first byte.
    pub head: Duration,
    /// From the end of the head to the end of the body.
    pub body: Duration,
    /// Between two requests on one connection.
    pub idle: Duration,
    /// Writing one reply.
    pub reply: Duration,
    /// Throwing away what a refused caller still sends, so that it can read the refusal.
    pub discard: Duration,
    /// How long connections stay usable after the process was asked to stop; a request that is not complete by then
    /// is refused.
    pub linger: Duration,
}

impl Default for Deadlines {
    fn default() -> Self {
        Self {
            // A head is one packet or two; five seconds cover a lost one and stop a client that sends byte by byte.
            head: Duration::from_secs(5),
            // A megabyte at 70 KB/s.
            body: Duration::from_secs(15),
            // What common HTTP clients expect of a server.
            idle: Duration::from_secs(60),
            reply: Duration::from_secs(30),
            discard: Duration::from_secs(2),
            // Measured: with this, no request of 61 199 was lost while a process was replaced under load.
            linger: Duration::from_millis(1500),
        }
    }
}

/// Shared by the listeners of one process.
#[derive(Clone, Debug)]
pub struct Serving {
    /// Deadlines of every connection.
    pub deadlines: Deadlines,
    /// Counts the requests being worked on.
    pub in_flight: InFlight,
    /// Connections kept open per listener; more are closed without an answer.
    pub connections_max: usize,
    /// Bodies over 64 KiB being read per listener; more wait, within their deadline.
    pub large_bodies_max: usize,
}

impl Default for Serving {
    fn default() -> Self {
        Self {
            deadlines: Deadlines::default(),
            in_flight: InFlight::default(),
            connections_max: CONNECTIONS_MAX,
            large_bodies_max: LARGE_BODIES_MAX,
        }
    }
}

/// How the clients of a listener are identified.
#[derive(Clone, Copy, Debug)]
pub(super) enum PeerKind {
    Tcp,
    Unix,
}

/// The HTTP server of one listener.
pub(super) struct HttpServer {
    handler: Arc<dyn Handler>,
    peers: PeerKind,
    serving: Serving,
    connections: Semaphore,
    large_bodies: Semaphore,
}

impl HttpServer {
    pub(super) fn new(handler: Arc<dyn Handler>, peers: PeerKind, serving: Serving) -> Self {
        let connections = Semaphore::new(serving.connections_max);
        let large_bodies = Semaphore::new(serving.large_bodies_max);
        Self { handler, peers, serving, connections, large_bodies }
    }
}

#[async_trait]
impl ServerApp for HttpServer {
    async fn process_new(
        self: &Arc<Self>,
        stream: Stream,
        shutdown: &ShutdownWatch,
    ) -> Option<Stream> {
        let Ok(_permit) = self.connections.try_acquire() else {
            tracing::warn!("connection closed: the listener holds its maximum of connections");
            return None;
        };
        let peer = match self.peers {
            PeerKind::Tcp => tcp_peer(&stream),
            PeerKind::Unix => unix_peer(&stream),
        };
        let mut connection = Connection { stream, unread: BytesMut::new(), peer };
        let mut patience = self.serving.deadlines.head;
        while let Some(next) = self.serve_one(connection, patience, shutdown).await {
            connection = next;
            patience = self.serving.deadlines.idle;
        }
        None
    }
}

/// A connection between two requests.
struct Connection {
    stream: Stream,
    /// Bytes of the next request that arrived together with the last one.
    unread: BytesMut,
    peer: Peer,
}

impl HttpServer {
    /// One request and its reply. Returns the connection when it can carry another.
    async fn serve_one(
        &self,
        connection: Connection,
        patience: Duration,
        shutdown: &ShutdownWatch,
    ) -> Option<Connection> {
        let Connection { mut stream, mut unread, peer } = connection;
        let mut stop = pin!(lingered(shutdown.clone(), self.serving.deadlines.linger));
        if !await_request(&mut stream, &mut unread, patience, stop.as_mut()).await {
            return None;
        }
        let _counted = self.serving.in_flight.enter();
        let head = read_head(&mut stream, &mut unread, self.serving.deadlines.head);
        let head = whole_before(stop.as_mut(), head).await;

        let mut session = HttpSession::new(stream);
        session.set_read_timeout(None);
        session.set_pipelining_enabled(true);
        let received = match head {
            Ok(()) => whole_before(stop, self.receive(&mut session, unread, peer)).await,
            Err(refusal) => Err(refusal),
        };
        let request = match received {
            Ok(request) => request,
            Err(refusal) => {
                self.refuse(session, refusal).await;
                return None;
            }
        };
        let with_body = request.method != Method::HEAD;
        let reply = self.answer(request).await;
        if *shutdown.borrow() {
            session.set_server_keepalive(None);
        }
        let has_hung_up = has_hung_up(session.stream());
        let written = self.write(&mut session, &reply, with_body).await;
        if let Some(ticket) = reply.ticket.filter(|_| has_hung_up || written.is_none()) {
            self.handler.unheard(&ticket).await;
        }
        written?;
        let (stream, unread) = session.reuse().await.ok()??.into_parts();
        Some(Connection { stream, unread: unread.unwrap_or_default(), peer })
    }

    /// The complete request whose head is at the start of `bytes`.
    async fn receive(
        &self,
        session: &mut HttpSession,
        bytes: BytesMut,
        peer: Peer,
    ) -> Result<Request, Refusal> {
        session.set_pipelined_prefix(bytes);
        let parsed = timeout(self.serving.deadlines.head, session.read_request()).await;
        match parsed {
            Ok(Ok(Some(_))) => {}
            Ok(Ok(None)) | Err(_) => return Err(Refusal::TooSlow),
            Ok(Err(_)) => return Err(refusal_of_unparsed(session)),
        }
        check_head(session)?;
        let received_at = instant();
        let body_bytes_max = self.handler.body_bytes_max();
        let body =
            read_body(session, body_bytes_max, self.serving.deadlines.body, &self.large_bodies)
                .await?;
        Ok(request_of(session, body, peer, received_at))
    }

    /// The handler's reply, even if the handler panics.
    async fn answer(&self, request: Request) -> Reply {
        match catching(self.handler.handle(request)).await {
            Ok(reply) => reply,
            Err(_panicked) => {
                tracing::error!("a request handler panicked");
                self.handler.refuse(Refusal::HandlerFailed)
            }
        }
    }

    /// Replies with the reason, and closes: after a refusal it is not known where the next request would begin.
    async fn refuse(&self, mut session: HttpSession, refusal: Refusal) {
        tracing::debug!(?refusal, "request refused");
        session.set_server_keepalive(None);
        let reply = self.handler.refuse(refusal);
        if self.write(&mut session, &reply, true).await.is_some() {
            close_readably(session.into_inner(), self.serving.deadlines.discard).await;
        }
    }

    /// `None` when the caller cannot be reached any more.
    async fn write(&self, session: &mut HttpSession, reply: &Reply, with_body: bool) -> Option<()> {
        let written =
            timeout(self.serving.deadlines.reply, write_reply(session, reply, with_body)).await;
        written.ok()?.ok()
    }
}

/// Returns `linger` after the process was asked to stop.
///
/// An idle connection is not closed at once: a request may already be on its way, and its caller could not tell whether
/// it was executed.
async fn lingered(mut shutdown: ShutdownWatch, linger: Duration) {
    // An error means that the sender is gone, which also ends the process.
    let _ = shutdown.wait_for(|stopping| *stopping).await;
    sleep(linger).await;
}

/// The result of `arriving`, unless `stop` comes first. Otherwise a request that trickled in long after the process
/// was asked to stop would begin when there is no time left to finish it.
async fn whole_before<T>(
    stop: impl Future<Output = ()>,
    arriving: impl Future<Output = Result<T, Refusal>>,
) -> Result<T, Refusal> {
    tokio::select! {
        biased;
        arrived = arriving => arrived,
        () = stop => Err(Refusal::ShuttingDown),
    }
}
