//! The HTTP side: keep-alive, chunks, limits, hostile clients, and the end of the sandbox.

use serde_json::json;

use super::bench::{Bench, post};

#[tokio::test]
async fn one_connection_serves_many_requests_even_when_sent_ahead() {
    let bench = Bench::start().await;
    let request = post(&bench.path("balance"), &bench.body(json!({})));
    let mut socket = bench.connect().await;
    socket.write(&[request.clone(), request].concat()).await;
    assert_eq!(socket.answer().await.code(), 10000);
    assert_eq!(socket.answer().await.code(), 10000);
}

#[tokio::test]
async fn a_chunked_body_is_put_together() {
    let bench = Bench::start().await;
    let body = bench.body(json!({}));
    let (first, second) = body.split_at(10);
    let mut socket = bench.connect().await;
    let path = bench.path("balance");
    let head = format!(
        "POST {path} HTTP/1.1\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n"
    );
    socket.write(head.as_bytes()).await;
    socket.write(format!("a;ext=1\r\n{first}\r\n").as_bytes()).await;
    let rest = format!("{:x}\r\n{second}\r\n0\r\nTrailer: x\r\n\r\n", second.len());
    socket.write(rest.as_bytes()).await;
    assert_eq!(socket.answer().await.code(), 10000);
    socket.write(&post(&path, &body)).await;
    assert_eq!(socket.answer().await.code(), 10000, "nothing of the chunks should be left over");
}

#[tokio::test]
async fn a_client_that_waits_for_permission_gets_it() {
    let bench = Bench::start().await;
    let body = bench.body(json!({}));
    let mut socket = bench.connect().await;
    let head = format!(
        "POST {} HTTP/1.1\r\nContent-Type: application/json\r\nExpect: 100-continue\r\n\
         Content-Length: {}\r\n\r\n",
        bench.path("balance"),
        body.len()
    );
    socket.write(head.as_bytes()).await;
    assert_eq!(socket.answer().await.status, 100);
    socket.write(body.as_bytes()).await;
    assert_eq!(socket.answer().await.code(), 10000);
}

#[tokio::test]
async fn a_client_that_asks_for_the_end_gets_it() {
    let bench = Bench::start().await;
    let mut socket = bench.connect().await;
    socket.write(b"GET /_sandbox HTTP/1.1\r\nConnection: close\r\n\r\n").await;
    assert!(socket.answer().await.head.contains("connection: close"));
    let (bytes, ended) = socket.rest().await;
    assert!(bytes.is_empty() && ended.is_ok());
}

#[tokio::test]
async fn hostile_requests_are_refused_and_the_next_client_is_served() {
    let bench = Bench::start().await;
    let path = bench.path("balance");
    let long = "x".repeat(20_000);
    for (request, status) in [
        ("\0\0\0\0\r\n\r\n".to_string(), 400),
        ("POST\r\n\r\n".to_string(), 400),
        (format!("POST {path} HTTP/1.1\r\nX: {long}\r\n\r\n"), 431),
        (format!("POST {path} HTTP/1.1\r\n{}\r\n", "A: b\r\n".repeat(100)), 431),
        (
            format!("POST {path} HTTP/1.1\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\n{{}}"),
            400,
        ),
        (format!("POST {path} HTTP/1.1\r\nContent-Length: 99999999\r\n\r\n"), 413),
        (format!("POST {path} HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n"), 400),
        (format!("POST {path} HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nffffff\r\n"), 413),
        (format!("POST {path} HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n1\r\n{{}}\r\n"), 400),
        (format!("POST {path} HTTP/1.1\r\nTransfer-Encoding: gzip\r\n\r\n"), 501),
    ] {
        let mut socket = bench.connect().await;
        socket.write(request.as_bytes()).await;
        assert_eq!(socket.answer().await.status, status, "{request:.60}");
    }
    bench.accepted("balance", json!({})).await;
}

#[tokio::test]
async fn a_client_that_goes_away_half_way_changes_nothing() {
    let bench = Bench::start().await;
    let whole = post(&bench.path("balance"), &bench.body(json!({})));
    for length in [1, 20, whole.len() - 1] {
        let mut socket = bench.connect().await;
        socket.write(&whole[..length]).await;
    }
    bench.accepted("balance", json!({})).await;
}

#[tokio::test]
async fn dropping_the_handle_ends_every_connection() {
    let bench = Bench::start().await;
    let mut idle = bench.connect().await;
    idle.write(b"GET /_sandbox HTTP/1.1\r\n\r\n").await;
    idle.answer().await;
    let address = bench.running.address();
    drop(bench);
    let (bytes, _) = idle.rest().await;
    assert!(bytes.is_empty());
    while tokio::net::TcpStream::connect(address).await.is_ok() {
        tokio::task::yield_now().await;
    }
}
