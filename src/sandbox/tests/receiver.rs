//! A merchant that listens for notifications and checks them itself, over a raw socket.

use aws_lc_rs::signature::{RSA_PKCS1_2048_8192_SHA256, UnparsedPublicKey};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

use super::bench::{APP, Bench, payout};
use crate::config::demo;
use crate::sandbox::Sandbox;
use crate::sandbox::engine::notify::row::NotificationState;

pub const ACK: &str = r#"{"code":10000,"message":"Success"}"#;

pub struct Receiver {
    listener: TcpListener,
    pub url: String,
}

/// A notification as received.
#[derive(Debug)]
pub struct Received {
    pub head: String,
    pub body: Value,
}

impl Received {
    /// The signed text, after its exact signature was verified with `public_key`.
    pub fn param_signed_by(&self, public_key: &str) -> String {
        assert!(self.is_signed_by(public_key), "the signature should verify: {self:?}");
        self.param()
    }

    pub fn is_signed_by(&self, public_key: &str) -> bool {
        let der = STANDARD.decode(public_key.trim()).expect("one-line base64");
        let sign = STANDARD.decode(self.body["sign"].as_str().expect("a sign")).expect("base64");
        UnparsedPublicKey::new(&RSA_PKCS1_2048_8192_SHA256, der)
            .verify(self.param().as_bytes(), &sign)
            .is_ok()
    }

    pub fn param(&self) -> String {
        self.body["param"].as_str().expect("a param").to_string()
    }

    /// The reference and status it reports.
    pub fn reported(&self) -> (String, String) {
        let reported: Value = serde_json::from_str(&self.param()).expect("JSON");
        let text = |name: &str| reported[name].as_str().expect(name).to_string();
        (text("mchOrderId"), text("transactionStatus"))
    }
}

impl Receiver {
    pub async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a listener");
        let url = format!("http://{}/shop-th", listener.local_addr().expect("an address"));
        Self { listener, url }
    }

    /// The next notification, acknowledged.
    pub async fn acknowledged(&self) -> Received {
        self.answered(200, ACK).await
    }

    /// The next notification, with this answer.
    pub async fn answered(&self, status: u16, body: &str) -> Received {
        let (mut stream, _) = self.listener.accept().await.expect("a connection");
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            head.push(stream.read_u8().await.expect("the rest of the head"));
        }
        let head = String::from_utf8(head).expect("a readable head");
        let length = head.lines().find_map(|line| line.strip_prefix("Content-Length: "));
        let mut bytes = vec![0; length.and_then(|it| it.parse().ok()).expect("a length")];
        stream.read_exact(&mut bytes).await.expect("the whole body");
        let length = body.len();
        let answer = format!("HTTP/1.1 {status} Any\r\nContent-Length: {length}\r\n\r\n{body}");
        stream.write_all(answer.as_bytes()).await.expect("answered");
        let body = serde_json::from_slice(&bytes)
            .unwrap_or_else(|_| json!(String::from_utf8_lossy(&bytes)));
        Received { head, body }
    }

    /// The next connection, without an answer.
    pub async fn hung_up_on(&self) {
        drop(self.listener.accept().await.expect("a connection"));
    }
}

/// A sandbox with the demo keys that repeats at once, twice.
pub async fn bench() -> Bench {
    Bench::start_with(with_keys).await
}

pub fn with_keys(sandbox: Sandbox) -> Sandbox {
    let demo = Sandbox::demo(sandbox.provider.clone()).expect("the demo keys");
    let mut notify = demo.notify.clone();
    notify.repeat = vec![std::time::Duration::ZERO; 2];
    let (provider_key, next_provider_key) = (demo.provider_key, demo.next_provider_key);
    Sandbox { provider_key, next_provider_key, notify, ..sandbox }
}

/// A payout that has settled and whose merchant listens at `url`.
pub async fn paid(bench: &Bench, url: &str, reference: &str) {
    bench.running.set_payout_notify_url(APP, url).expect("a known merchant");
    bench.accepted("payout_create", payout(reference)).await;
    bench.settle();
    bench.running.transactions();
}

/// Waits until the notification is over, and says how it ended.
pub async fn end_of(bench: &Bench, number: usize) -> NotificationState {
    loop {
        let state = bench.running.notifications()[number - 1].state;
        if state != NotificationState::Waiting {
            return state;
        }
        tokio::task::yield_now().await;
    }
}

pub const KEY: &str = demo::PROVIDER_PUBLIC_KEY;
pub const NEXT_KEY: &str = demo::NEXT_PROVIDER_PUBLIC_KEY;
