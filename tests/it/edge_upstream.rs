//! Calls to providers that misbehave: what is proved not sent, what stays unknown, and what is never repeated.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use countersign::in_process::edge::PingoraUpstream;
use countersign::in_process::wire::{
    Answer, AnswerBody, Call, LastLook, NoAnswer, NotSent, PROVIDER_BODY_BYTES_MAX, SendError,
    Target, Timeouts, Upstream,
};
use http::{HeaderName, HeaderValue};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;

use crate::edge_support::{Caller, content_length};

pub const OK: &[u8] = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";

pub fn patient() -> Timeouts {
    let long = Duration::from_secs(10);
    Timeouts { connect: long, send: long, total: long }
}

pub fn target(address: SocketAddr) -> Target {
    Target {
        tls: None,
        host: address.ip().to_string(),
        port: address.port(),
        base_path: "/gateway".to_owned(),
        fingerprint: address.to_string(),
    }
}

pub fn call(body: impl Into<Bytes>) -> Call {
    Call {
        path: "/pay".to_owned(),
        headers: vec![(
            HeaderName::from_static("content-type"),
            HeaderValue::from_static("application/json"),
        )],
        body: body.into(),
        answer_body: AnswerBody::Needed,
    }
}

/// A provider's action on one connection.
#[derive(Clone, Copy)]
enum Step {
    /// Reads one complete request.
    Read,
    /// Sends bytes.
    Send(&'static [u8]),
    /// Keeps the connection open without sending anything.
    Stall,
}

/// A provider that follows `script` on every connection, then closes it.
struct Provider {
    address: SocketAddr,
    connections: Arc<AtomicUsize>,
    requests: mpsc::UnboundedReceiver<String>,
}

impl Provider {
    async fn start(script: &'static [Step]) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let connections = Arc::new(AtomicUsize::new(0));
        let (sender, requests) = mpsc::unbounded_channel();
        let counted = connections.clone();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                counted.fetch_add(1, Ordering::SeqCst);
                tokio::spawn(follow(stream, script, sender.clone()));
            }
        });
        Self { address, connections, requests }
    }

    async fn answer(script: &'static [Step]) -> Result<Answer, SendError> {
        let provider = Self::start(script).await;
        PingoraUpstream::default()
            .send(&target(provider.address), call("{}"), patient(), None)
            .await
    }
}

async fn follow(stream: TcpStream, script: &[Step], requests: mpsc::UnboundedSender<String>) {
    let mut connection = Caller(stream);
    for step in script {
        match step {
            Step::Read => {
                let mut first = [0];
                if !matches!(connection.0.peek(&mut first).await, Ok(1)) {
                    return;
                }
                let head = connection.head().await;
                let mut body = vec![0; content_length(&head)];
                connection.0.read_exact(&mut body).await.unwrap();
                let _ = requests.send(head + &String::from_utf8_lossy(&body));
            }
            Step::Send(bytes) => connection.send(bytes).await,
            Step::Stall => std::future::pending().await,
        }
    }
}

fn unknown(outcome: Result<Answer, SendError>) -> NoAnswer {
    match outcome {
        Err(SendError::Unknown(reason)) => reason,
        other => panic!("expected an unknown outcome, got {other:?}"),
    }
}

fn not_sent(outcome: Result<Answer, SendError>) -> NotSent {
    match outcome {
        Err(SendError::NotSent(reason)) => reason,
        other => panic!("expected proof that nothing was sent, got {other:?}"),
    }
}

#[tokio::test]
async fn a_port_without_a_listener_proves_that_nothing_was_sent() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let closed = listener.local_addr().unwrap();
    drop(listener);
    let outcome =
        PingoraUpstream::default().send(&target(closed), call("{}"), patient(), None).await;
    assert_eq!(not_sent(outcome), NotSent::Connect);
}

#[tokio::test]
async fn an_empty_host_and_an_impossible_one_are_not_resolved() {
    let any = ([127, 0, 0, 1], 1).into();
    let label_too_long = "x".repeat(64);
    for host in ["", "[]", "a..b", &label_too_long] {
        let target = Target { host: host.to_owned(), ..target(any) };
        let outcome = PingoraUpstream::default().send(&target, call("{}"), patient(), None).await;
        assert_eq!(not_sent(outcome), NotSent::Resolve, "{host:?}");
    }
}

#[tokio::test]
async fn a_provider_that_closes_after_reading_is_called_once_and_the_outcome_is_unknown() {
    let mut provider = Provider::start(&[Step::Read]).await;
    let outcome = PingoraUpstream::default()
        .send(&target(provider.address), call("{}"), patient(), None)
        .await;
    assert_eq!(unknown(outcome), NoAnswer::ConnectionLost);
    assert!(provider.requests.recv().await.is_some());
    assert_eq!(provider.connections.load(Ordering::SeqCst), 1, "nothing may be sent again");
}

#[tokio::test]
async fn a_provider_that_never_answers_reaches_the_total_time_out() {
    let provider = Provider::start(&[Step::Read, Step::Stall]).await;
    let timeouts = Timeouts { total: Duration::from_millis(300), ..patient() };
    let outcome = PingoraUpstream::default()
        .send(&target(provider.address), call("{}"), timeouts, None)
        .await;
    assert_eq!(unknown(outcome), NoAnswer::Timeout);
}

#[tokio::test]
async fn a_provider_slower_than_the_total_time_out_is_given_up() {
    let provider =
        Provider::start(&[Step::Read, Step::Send(b"HTTP/1.1 200 OK\r\n"), Step::Stall]).await;
    let timeouts = Timeouts { total: Duration::from_millis(300), ..patient() };
    let outcome = PingoraUpstream::default()
        .send(&target(provider.address), call("{}"), timeouts, None)
        .await;
    assert_eq!(unknown(outcome), NoAnswer::Timeout);
}

#[tokio::test]
async fn where_only_the_status_counts_a_bad_body_does_not_invalidate_it() {
    let scripts: [&[Step]; 4] = [
        &[
            Step::Read,
            Step::Send(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nshort"),
            Step::Stall,
        ],
        &[Step::Read, Step::Send(b"HTTP/1.1 200 OK\r\n\r\nno end in sight"), Step::Stall],
        &[Step::Read, Step::Send(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\ncut")],
        &[Step::Read, Step::Send(b"HTTP/1.1 200 OK\r\nContent-Length: 99999999999\r\n\r\n")],
    ];
    for script in scripts {
        let provider = Provider::start(script).await;
        let call = Call { answer_body: AnswerBody::Ignored, ..call("{}") };
        let upstream = PingoraUpstream::default();
        for connections in [1, 2] {
            let answer =
                upstream.send(&target(provider.address), call.clone(), patient(), None).await;
            assert_eq!(answer.expect("an answer").status, 200);
            let opened = provider.connections.load(Ordering::SeqCst);
            assert_eq!(opened, connections, "the rest of a body is not an answer to the next call");
        }
    }
}

#[tokio::test]
async fn truncated_answers_are_lost_and_other_protocols_are_not_http() {
    let lost: [&[Step]; 4] = [
        &[Step::Read, Step::Send(b"HTTP/1.1 200 OK\r\nContent-Le")],
        &[Step::Read, Step::Send(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nshort")],
        &[Step::Read, Step::Send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nab")],
        &[
            Step::Read,
            Step::Send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nab\r\n"),
        ],
    ];
    let foreign: [&[Step]; 5] = [
        &[Step::Read, Step::Send(b"220 mail.example ESMTP\r\n\r\n")],
        &[Step::Read, Step::Send(b"HTTP/1.1 101 Switching Protocols\r\n\r\n")],
        &[Step::Read, Step::Send(b"HTTP/1.1 200 OK\r\nContent-Length: 2, 3\r\n\r\nabc")],
        &[Step::Read, Step::Send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n")],
        &[Step::Read, Step::Send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\nab")],
    ];
    for (index, script) in leaked(lost).into_iter().enumerate() {
        let outcome = Provider::answer(script).await;
        assert_eq!(unknown(outcome), NoAnswer::ConnectionLost, "lost {index}");
    }
    for (index, script) in leaked(foreign).into_iter().enumerate() {
        assert_eq!(unknown(Provider::answer(script).await), NoAnswer::NotHttp, "foreign {index}");
    }
}

fn leaked<const N: usize>(scripts: [&[Step]; N]) -> Vec<&'static [Step]> {
    scripts.into_iter().map(|script| &*script.to_vec().leak()).collect()
}

#[tokio::test]
async fn answers_over_the_limit_are_cut_off_with_or_without_a_length() {
    let announced =
        format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n", PROVIDER_BODY_BYTES_MAX + 1);
    let mut streamed = b"HTTP/1.1 200 OK\r\n\r\n".to_vec();
    streamed.resize(streamed.len() + PROVIDER_BODY_BYTES_MAX + 1, b'x');
    for bytes in [announced.into_bytes(), streamed] {
        let bytes: &'static [u8] = bytes.leak();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        tokio::spawn(async move {
            let (mut stream, _) = listener.accept().await.unwrap();
            // The caller hangs up in the middle, as intended.
            let _ = stream.write_all(bytes).await;
            std::future::pending::<()>().await;
        });
        let outcome =
            PingoraUpstream::default().send(&target(address), call("{}"), patient(), None).await;
        assert_eq!(unknown(outcome), NoAnswer::TooLarge);
    }
}

#[tokio::test]
async fn an_answer_sent_before_the_body_was_read_is_still_an_answer() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        let (stream, _) = listener.accept().await.unwrap();
        let mut connection = Caller(stream);
        connection.head().await;
        connection.send(b"HTTP/1.1 413 Too Large\r\nContent-Length: 3\r\n\r\nbig").await;
        // The body is never read.
        std::future::pending::<()>().await;
    });
    let timeouts = Timeouts { send: Duration::from_millis(300), ..patient() };
    let huge = call(vec![b'x'; 32 * 1024 * 1024]);
    let answer =
        PingoraUpstream::default().send(&target(address), huge, timeouts, None).await.unwrap();
    assert_eq!(answer.status, 413);
    assert_eq!(answer.body, "big");
}

#[tokio::test]
async fn a_provider_that_stops_reading_is_an_unknown_outcome() {
    let provider = Provider::start(&[Step::Stall]).await;
    let timeouts = Timeouts { send: Duration::from_millis(300), ..patient() };
    let huge = call(vec![b'x'; 32 * 1024 * 1024]);
    let outcome =
        PingoraUpstream::default().send(&target(provider.address), huge, timeouts, None).await;
    assert_eq!(unknown(outcome), NoAnswer::Write);
}

#[tokio::test]
async fn the_provider_gets_exactly_the_given_bytes_with_their_length() {
    let mut provider = Provider::start(&[Step::Read, Step::Send(OK)]).await;
    let body = "{\"amount\": 1.00, \"name\":\"ส้ม\"}";
    let upstream = PingoraUpstream::default();
    upstream.send(&target(provider.address), call(body), patient(), None).await.unwrap();
    let expected = format!(
        "POST /gateway/pay HTTP/1.1\r\nHost: {}\r\nUser-Agent: countersign/{}\r\n\
         Accept: application/json\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n\
         {body}",
        provider.address,
        env!("CARGO_PKG_VERSION"),
        body.len()
    );
    assert_eq!(provider.requests.recv().await.unwrap(), expected);
}

#[tokio::test]
async fn large_bodies_are_sent_completely() {
    let mut provider = Provider::start(&[Step::Read, Step::Send(OK)]).await;
    let body = "0123456789".repeat(100_000);
    let upstream = PingoraUpstream::default();
    upstream.send(&target(provider.address), call(body.clone()), patient(), None).await.unwrap();
    assert!(provider.requests.recv().await.unwrap().ends_with(&format!("\r\n\r\n{body}")));
}

#[tokio::test]
async fn interim_answers_are_skipped_and_every_framing_is_read() {
    let cases: [&[Step]; 5] = [
        &[Step::Read, Step::Send(b"HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n"), Step::Send(OK)],
        &[
            Step::Read,
            Step::Send(b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 102 P\r\n\r\n"),
            Step::Send(OK),
        ],
        &[
            Step::Read,
            Step::Send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\no\r\n"),
            Step::Send(b"1\r\nk\r\n0\r\n\r\n"),
        ],
        &[Step::Read, Step::Send(b"HTTP/1.1 200 OK\r\n\r\no"), Step::Send(b"k")],
        &[Step::Read, Step::Send(b"HTTP/1.0 200 OK\r\n\r\nok")],
    ];
    for (index, script) in leaked(cases).into_iter().enumerate() {
        let answer = Provider::answer(script).await.unwrap();
        assert_eq!((answer.status.as_u16(), &answer.body[..]), (200, &b"ok"[..]), "case {index}");
    }
}

#[tokio::test]
async fn two_calls_share_one_connection() {
    let provider = Provider::start(&[Step::Read, Step::Send(OK), Step::Read, Step::Send(OK)]).await;
    let upstream = PingoraUpstream::default();
    for _ in 0..2 {
        upstream.send(&target(provider.address), call("{}"), patient(), None).await.unwrap();
    }
    assert_eq!(provider.connections.load(Ordering::SeqCst), 1);
}

#[tokio::test]
async fn a_connection_is_not_shared_when_the_answer_or_the_target_forbids_it() {
    let refusals: [&[Step]; 4] = [
        &[
            Step::Read,
            Step::Send(b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nok"),
            Step::Stall,
        ],
        &[Step::Read, Step::Send(b"HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nok"), Step::Stall],
        &[
            Step::Read,
            Step::Send(b"HTTP/1.1 200 OK\r\nKeep-Alive: timeout=1\r\nContent-Length: 2\r\n\r\nok"),
            Step::Stall,
        ],
        &[
            Step::Read,
            Step::Send(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok and more"),
            Step::Stall,
        ],
    ];
    for (index, script) in leaked(refusals).into_iter().enumerate() {
        let provider = Provider::start(script).await;
        let upstream = PingoraUpstream::default();
        for _ in 0..2 {
            upstream.send(&target(provider.address), call("{}"), patient(), None).await.unwrap();
        }
        assert_eq!(provider.connections.load(Ordering::SeqCst), 2, "case {index}");
    }

    let provider = Provider::start(&[Step::Read, Step::Send(OK), Step::Read, Step::Send(OK)]).await;
    let upstream = PingoraUpstream::default();
    upstream.send(&target(provider.address), call("{}"), patient(), None).await.unwrap();
    let changed = Target { fingerprint: "other roots".to_owned(), ..target(provider.address) };
    upstream.send(&changed, call("{}"), patient(), None).await.unwrap();
    assert_eq!(provider.connections.load(Ordering::SeqCst), 2, "another fingerprint");
}

#[tokio::test]
async fn a_connection_closed_while_idle_is_not_used() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let (closed, mut was_closed) = mpsc::unbounded_channel();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let mut connection = Caller(stream);
            let head = connection.head().await;
            let mut body = vec![0; content_length(&head)];
            connection.0.read_exact(&mut body).await.unwrap();
            connection.send(OK).await;
            drop(connection);
            closed.send(()).unwrap();
        }
    });
    let upstream = PingoraUpstream::default();
    for attempt in 0..20 {
        let outcome = upstream.send(&target(address), call("{}"), patient(), None).await;
        assert!(outcome.is_ok(), "call {attempt} was written to a dead connection: {outcome:?}");
        was_closed.recv().await.unwrap();
    }
}

#[tokio::test]
async fn a_call_on_a_reused_connection_that_dies_is_unknown_and_not_repeated() {
    let provider = Provider::start(&[Step::Read, Step::Send(OK), Step::Read]).await;
    let upstream = PingoraUpstream::default();
    upstream.send(&target(provider.address), call("{}"), patient(), None).await.unwrap();
    let outcome = upstream.send(&target(provider.address), call("{}"), patient(), None).await;
    assert_eq!(unknown(outcome), NoAnswer::ConnectionLost);
    assert_eq!(provider.connections.load(Ordering::SeqCst), 1, "nothing may be sent again");
}

/// The duration of a last check, and its result.
struct Look(Duration, Result<(), NotSent>);

#[async_trait]
impl LastLook for Look {
    async fn may_leave(&self) -> Result<(), NotSent> {
        // Blocks the whole runtime, like a pause of the process.
        std::thread::sleep(self.0);
        self.1
    }
}

#[tokio::test]
async fn a_call_that_must_no_longer_be_sent_writes_no_byte() {
    let timeouts = Timeouts { total: Duration::from_millis(200), ..patient() };
    for (look, reason) in [
        (Look(Duration::ZERO, Err(NotSent::Withdrawn)), NotSent::Withdrawn),
        (Look(timeouts.total + Duration::from_millis(50), Ok(())), NotSent::TooLate),
    ] {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let target = target(listener.local_addr().unwrap());
        let upstream = PingoraUpstream::default();
        let outcome = upstream.send(&target, call("{}"), timeouts, Some(&look)).await;
        assert!(matches!(outcome, Err(SendError::NotSent(is)) if is == reason), "{outcome:?}");
        drop(upstream);
        let (mut stream, _) = listener.accept().await.expect("the connection was open");
        let mut sent = Vec::new();
        stream.read_to_end(&mut sent).await.expect("closed in an orderly way");
        assert!(sent.is_empty(), "sent {:?}", String::from_utf8_lossy(&sent));
    }
}
