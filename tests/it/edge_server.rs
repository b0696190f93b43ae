//! How the server treats callers that misbehave, and those that do not.

use std::sync::atomic::Ordering;
use std::time::Duration;

use countersign::in_process::config::{Address, Listener};
use countersign::in_process::edge::Serving;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::UnixStream;

use crate::edge_support::{Caller, ECHO_BYTES_MAX, TestServer, has_field};

fn post(path: &str, fields: &str, body: &str) -> Vec<u8> {
    format!("POST {path} HTTP/1.1\r\nHost: a\r\n{fields}\r\n{body}").into_bytes()
}

#[tokio::test]
async fn malformed_and_ambiguous_requests_are_refused_and_the_connection_closed() {
    let server = TestServer::start();
    let many = "X: y\r\n".repeat(300);
    let long = format!("X: {}\r\n", "y".repeat(40_000));
    let cases: Vec<(&str, Vec<u8>, &str)> = vec![
        ("no host", b"GET / HTTP/1.1\r\n\r\n".to_vec(), "400"),
        ("two hosts", b"GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n".to_vec(), "400"),
        ("no version", b"GET /\r\n\r\n".to_vec(), "400"),
        ("bare line feeds", b"GET / HTTP/1.1\nHost: a\n\n".to_vec(), "400"),
        ("a NUL", post("/", "X: a\0b\r\n", ""), "400"),
        ("a space before the colon", post("/", "X : y\r\n", ""), "400"),
        ("a folded field", post("/", "X: y\r\n z\r\n", ""), "400"),
        ("a TLS hello", b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03".to_vec(), "400"),
        ("two lengths", post("/", "Content-Length: 2\r\nContent-Length: 3\r\n", "abc"), "400"),
        ("one length twice", post("/", "Content-Length: 2\r\nContent-Length: 2\r\n", "ab"), "400"),
        ("a list of lengths", post("/", "Content-Length: 2, 2\r\n", "ab"), "400"),
        ("a signed length", post("/", "Content-Length: +2\r\n", "ab"), "400"),
        ("a negative length", post("/", "Content-Length: -1\r\n", ""), "400"),
        ("a huge length", post("/", "Content-Length: 99999999999999999999\r\n", ""), "400"),
        (
            "length and coding",
            post("/", "Content-Length: 3\r\nTransfer-Encoding: chunked\r\n", "0\r\n\r\n"),
            "400",
        ),
        ("a coding below chunked", post("/", "Transfer-Encoding: gzip, chunked\r\n", ""), "501"),
        ("a coding of its own", post("/", "Transfer-Encoding: gzip\r\n", ""), "501"),
        (
            "two codings",
            post("/", "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n", ""),
            "501",
        ),
        ("a bad chunk size", post("/", "Transfer-Encoding: chunked\r\n", "zz\r\nab\r\n"), "400"),
        (
            "a chunk longer than it says",
            post("/", "Transfer-Encoding: chunked\r\n", "2\r\nabcd\r\n0\r\n\r\n"),
            "400",
        ),
        ("an expectation", post("/", "Expect: miracles\r\nContent-Length: 1\r\n", "a"), "417"),
        ("a long head", post("/", &long, ""), "431"),
        ("many fields", post("/", &many, ""), "400"),
    ];
    for (what, bytes, status) in cases {
        let answer = server.exchange(&bytes).await;
        assert!(answer.starts_with(&format!("HTTP/1.1 {status} ")), "{what}: {answer:?}");
        assert!(has_field(&answer, "connection: close"), "{what}: {answer:?}");
    }
    assert_eq!(server.echo.handled.load(Ordering::SeqCst), 0, "none of them was acted on");
}

#[tokio::test]
async fn an_incomplete_request_is_not_acted_on() {
    let server = TestServer::start();
    let whole = post("/", "Content-Length: 10\r\n", "0123456789");
    for cut in [1, 10, 30, whole.len() - 1] {
        let mut caller = server.connect().await;
        caller.send(&whole[..cut]).await;
        caller.0.shutdown().await.unwrap();
        let answer = caller.rest().await;
        assert!(answer.starts_with("HTTP/1.1 400 "), "cut after {cut}: {answer:?}");
    }
    let mut chunked = server.connect().await;
    chunked.send(&post("/", "Transfer-Encoding: chunked\r\n", "5\r\nabcde\r\n")).await;
    chunked.0.shutdown().await.unwrap();
    assert!(chunked.rest().await.starts_with("HTTP/1.1 400 "));
    assert_eq!(server.echo.handled.load(Ordering::SeqCst), 0);
}

#[tokio::test]
async fn a_sender_of_twenty_megabytes_can_read_the_refusal() {
    let server = TestServer::start();
    let body = vec![b'x'; 20 * 1024 * 1024];
    let mut caller = server.connect().await;
    caller.send(&post("/", &format!("Content-Length: {}\r\n", body.len()), "")).await;
    caller.send(&body).await;
    assert!(caller.rest().await.starts_with("HTTP/1.1 413 "));
}

#[tokio::test]
async fn chunks_whose_sum_is_too_large_are_refused() {
    let server = TestServer::start();
    let mut caller = server.connect().await;
    caller.send(&post("/", "Transfer-Encoding: chunked\r\n", "")).await;
    let chunk = [b"10000\r\n".to_vec(), vec![b'x'; 0x1_0000], b"\r\n".to_vec()].concat();
    for _ in 0..=ECHO_BYTES_MAX / 0x1_0000 {
        caller.send(&chunk).await;
    }
    assert!(caller.rest().await.starts_with("HTTP/1.1 413 "));
}

#[tokio::test]
async fn a_head_that_trickles_in_times_out() {
    let server = TestServer::start_impatient();
    let mut caller = server.connect().await;
    caller.send(b"POST / HTTP/1.1\r\nHo").await;
    assert!(caller.rest().await.starts_with("HTTP/1.1 408 "));
}

#[tokio::test]
async fn a_body_that_trickles_in_times_out() {
    let server = TestServer::start_impatient();
    let mut caller = server.connect().await;
    caller.send(&post("/", "Content-Length: 10\r\n", "01")).await;
    assert!(caller.rest().await.starts_with("HTTP/1.1 408 "));
}

#[tokio::test]
async fn a_silent_connection_is_closed_without_an_answer() {
    let server = TestServer::start_impatient();
    assert_eq!(server.connect().await.rest().await, "");
}

#[tokio::test]
async fn connections_beyond_the_limit_are_closed() {
    let server = TestServer::start_on(
        crate::edge_support::loopback(),
        Serving { connections_max: 1, ..Serving::default() },
    );
    let mut first = server.connect().await;
    first.send(&post("/", "Content-Length: 2\r\n", "ab")).await;
    first.answer().await;
    let mut second = server.connect().await;
    let mut byte = [0];
    // Closed or reset: which of the two depends on whether anything was sent.
    assert!(matches!(second.0.read(&mut byte).await, Ok(0) | Err(_)));
    first.send(&post("/", "Content-Length: 2\r\n", "cd")).await;
    assert_eq!(first.answer().await.1, b"cd", "the first is not disturbed");
}

#[tokio::test]
async fn large_bodies_wait_for_room_and_small_ones_do_not() {
    let server = TestServer::start_on(
        crate::edge_support::loopback(),
        Serving {
            large_bodies_max: 0,
            deadlines: crate::edge_support::impatient(),
            ..Serving::default()
        },
    );
    for chunked in [false, true] {
        let large = "x".repeat(200_000);
        let (fields, body) = match chunked {
            true => {
                ("Transfer-Encoding: chunked\r\n".into(), format!("30D40\r\n{large}\r\n0\r\n\r\n"))
            }
            false => ("Content-Length: 200000\r\n".to_owned(), large),
        };
        let answer = server.exchange(&post("/", &fields, &body)).await;
        assert!(answer.starts_with("HTTP/1.1 408 "), "chunked {chunked}: {answer}");
    }
    let mut caller = server.connect().await;
    caller.send(&post("/", "Content-Length: 60000\r\n", &"x".repeat(60_000))).await;
    assert_eq!(caller.answer().await.1.len(), 60_000);
}

#[tokio::test]
async fn three_requests_sent_at_once_are_answered_in_order() {
    let server = TestServer::start();
    let mut caller = server.connect().await;
    let mut burst = Vec::new();
    for body in ["one", "two", "three"] {
        burst.extend(post("/", &format!("Content-Length: {}\r\n", body.len()), body));
    }
    caller.send(&burst).await;
    for body in ["one", "two", "three"] {
        assert_eq!(caller.answer().await.1, body.as_bytes());
    }
}

#[tokio::test]
async fn chunks_are_joined_and_a_pipelined_request_after_them_survives() {
    let server = TestServer::start();
    let mut caller = server.connect().await;
    let mut bytes = post(
        "/",
        "Transfer-Encoding: chunked\r\n",
        "3\r\nabc\r\n2;extension=1\r\nde\r\n0\r\nTrailer: x\r\n\r\n",
    );
    bytes.extend(post("/", "Content-Length: 4\r\n", "next"));
    // One byte per packet is the hardest way to split a chunked body.
    for byte in bytes {
        caller.send(&[byte]).await;
    }
    assert_eq!(caller.answer().await.1, b"abcde");
    assert_eq!(caller.answer().await.1, b"next");
}

#[tokio::test]
async fn a_caller_that_waits_for_100_continue_gets_it_and_keeps_its_connection() {
    let server = TestServer::start();
    let mut caller = server.connect().await;
    for _ in 0..2 {
        caller.send(&post("/", "Expect: 100-continue\r\nContent-Length: 2\r\n", "")).await;
        assert_eq!(caller.head().await, "HTTP/1.1 100 Continue\r\n\r\n");
        caller.send(b"ok").await;
        let (head, body) = caller.answer().await;
        assert_eq!(body, b"ok");
        assert!(has_field(&head, "connection: keep-alive"), "{head}");
    }
}

#[tokio::test]
async fn a_body_that_is_too_large_gets_no_100_continue() {
    let server = TestServer::start();
    let fields = format!("Expect: 100-continue\r\nContent-Length: {}\r\n", ECHO_BYTES_MAX + 1);
    let answer = server.exchange(&post("/", &fields, "")).await;
    assert!(answer.starts_with("HTTP/1.1 413 "), "{answer}");
}

#[tokio::test]
async fn large_bodies_arrive_unchanged() {
    let server = TestServer::start();
    let mut caller = server.connect().await;
    for length in [0, 1, 4_000, 65_535, 65_537, 200_000, ECHO_BYTES_MAX] {
        let body: Vec<u8> = (0..length).map(|index| (index * 31 % 251) as u8).collect();
        let mut bytes = post("/", &format!("Content-Length: {length}\r\n"), "");
        bytes.extend(&body);
        let (mut reading, mut writing) = caller.0.split();
        let sending = async { writing.write_all(&bytes).await.unwrap() };
        let receiving = async {
            let mut caller = Caller(tokio::io::join(&mut reading, tokio::io::sink()));
            caller.answer().await
        };
        let ((), (head, echoed)) = tokio::join!(sending, receiving);
        assert!(has_field(&head, &format!("content-length: {length}")), "{head}");
        assert!(echoed == body, "{length} bytes came back changed");
    }
}

#[tokio::test]
async fn head_answers_have_the_length_and_no_body() {
    let server = TestServer::start();
    let mut caller = server.connect().await;
    caller.send(b"HEAD /peer HTTP/1.1\r\nHost: a\r\n\r\n").await;
    let head = caller.head().await;
    assert!(crate::edge_support::content_length(&head) > 0, "{head}");
    caller.send(&post("/", "Content-Length: 4\r\n", "next")).await;
    assert_eq!(caller.answer().await.1, b"next", "a body would have come first");
}

#[tokio::test]
async fn http_1_0_is_answered_and_closed() {
    let server = TestServer::start();
    let answer = server.exchange(b"POST / HTTP/1.0\r\nContent-Length: 2\r\n\r\nab").await;
    assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");
    assert!(answer.ends_with("\r\n\r\nab"), "{answer}");
    assert!(answer.lines().any(|line| line.starts_with("Date: ")), "{answer}");
}

#[tokio::test]
async fn a_handler_that_panics_fails_one_request_and_not_the_process() {
    let server = TestServer::start();
    let mut caller = server.connect().await;
    caller.send(&post("/panic", "Content-Length: 0\r\n", "")).await;
    let (head, body) = caller.answer().await;
    assert!(head.starts_with("HTTP/1.1 500 "), "{head}");
    assert_eq!(body, b"HandlerFailed");
    caller.send(&post("/", "Content-Length: 2\r\n", "ok")).await;
    assert_eq!(caller.answer().await.1, b"ok");
    drop(caller);
    let closing = post("/", "Content-Length: 2\r\nConnection: close\r\n", "ok");
    assert!(server.exchange(&closing).await.ends_with("ok"));
}

#[tokio::test]
async fn a_caller_that_hangs_up_does_not_stop_its_request() {
    for reset in [false, true] {
        let server = TestServer::start();
        let mut caller = server.connect().await;
        caller.send(&post("/slow", "Content-Length: 0\r\n", "")).await;
        server.echo.started.notified().await;
        if reset {
            caller.0.set_zero_linger().unwrap();
        }
        drop(caller);
        assert_eq!(server.in_flight.count(), 1, "it counts although no caller waits for it");
        server.echo.gate.notify_one();
        server.echo.finished.notified().await;
        assert_eq!(server.echo.handled.load(Ordering::SeqCst), 1);
    }
}

#[tokio::test]
async fn a_caller_that_closed_its_sending_side_gets_its_answer() {
    let server = TestServer::start();
    let mut caller = server.connect().await;
    caller.send(&post("/slow", "Content-Length: 2\r\n", "ab")).await;
    caller.0.shutdown().await.unwrap();
    server.echo.started.notified().await;
    server.echo.gate.notify_one();
    assert!(caller.rest().await.ends_with("\r\n\r\nab"));
}

#[tokio::test]
async fn a_stopping_server_answers_open_requests_and_announces_the_close() {
    let mut server = TestServer::start_impatient();
    let mut busy = server.connect().await;
    let mut idle = server.connect().await;
    let mut silent = server.connect().await;
    for caller in [&mut idle, &mut silent] {
        caller.send(&post("/", "Content-Length: 2\r\n", "ok")).await;
        caller.answer().await;
    }
    busy.send(&post("/slow", "Content-Length: 2\r\n", "ab")).await;
    server.echo.started.notified().await;

    server.shutdown.send(true).unwrap();
    idle.send(&post("/", "Content-Length: 2\r\n", "cd")).await;
    let (head, body) = idle.answer().await;
    assert_eq!(body, b"cd", "idle connections stay usable for a moment");
    assert!(has_field(&head, "connection: close"), "{head}");
    assert_eq!(silent.rest().await, "", "and are closed afterwards");

    let still_running = tokio::time::timeout(Duration::from_millis(700), &mut server.stopped);
    assert!(still_running.await.is_err(), "one request is still in flight");
    server.echo.gate.notify_one();
    let (head, body) = busy.answer().await;
    assert_eq!(body, b"ab");
    assert!(has_field(&head, "connection: close"), "{head}");
    server.stopped.await.unwrap();
}

#[tokio::test]
async fn a_unix_caller_is_identified_by_its_user_id() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("app.sock");
    let listener = Listener { address: Address::Unix(path.clone()), tls: None };
    let _server = TestServer::start_on(listener, Serving::default());
    let mut caller = Caller(UnixStream::connect(&path).await.unwrap());
    caller.send(&post("/peer", "Content-Length: 0\r\n", "")).await;
    let uid = rustix::process::getuid().as_raw();
    let expected = format!("Unix {{ uid: Some({uid}) }}");
    assert_eq!(String::from_utf8(caller.answer().await.1).unwrap(), expected);
}

#[tokio::test]
async fn a_tcp_caller_is_identified_by_its_address() {
    let server = TestServer::start();
    let mut caller = server.connect().await;
    let local = caller.0.local_addr().unwrap();
    caller.send(&post("/peer", "Content-Length: 0\r\n", "")).await;
    assert_eq!(String::from_utf8(caller.answer().await.1).unwrap(), format!("Tcp({local})"));
}
