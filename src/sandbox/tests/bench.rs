//! A running sandbox with a clock that stands still, a merchant that signs, and a raw socket.

use std::sync::{Arc, OnceLock};

use aws_lc_rs::rsa::KeySize;
use aws_lc_rs::signature::{KeyPair as _, RSA_PKCS1_SHA256, RsaKeyPair};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::clock::Clock;
use crate::provider::Provider;
use crate::random;
use crate::sandbox::engine::keys::MerchantKey;
use crate::sandbox::engine::settings::App;
use crate::sandbox::{Running, Sandbox};
use crate::sign::Hash;

/// 2023-11-15 05:13:20 in the sandbox's zone.
pub const NOW_MS: i64 = 1_700_000_000_000;

pub const APP: &str = "app-a";
pub const OTHER_APP: &str = "app-b";

pub struct Bench {
    pub running: Running,
    pub provider: Arc<Provider>,
    clock: Clock,
}

/// An HTTP answer.
#[derive(Debug)]
pub struct Answered {
    pub status: u16,
    pub head: String,
    pub body: Vec<u8>,
}

impl Answered {
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body)
            .unwrap_or_else(|_| panic!("not JSON: {}", String::from_utf8_lossy(&self.body)))
    }

    pub fn code(&self) -> i64 {
        self.json()["code"].as_i64().expect("a code")
    }
}

pub fn merchant() -> &'static RsaKeyPair {
    static KEY: OnceLock<RsaKeyPair> = OnceLock::new();
    KEY.get_or_init(|| RsaKeyPair::generate(KeySize::Rsa2048).expect("a key"))
}

pub fn other_merchant() -> &'static RsaKeyPair {
    static KEY: OnceLock<RsaKeyPair> = OnceLock::new();
    KEY.get_or_init(|| RsaKeyPair::generate(KeySize::Rsa2048).expect("a key"))
}

pub fn sign(key: &RsaKeyPair, message: &str) -> String {
    let mut signature = vec![0; key.public_modulus_len()];
    key.sign(&RSA_PKCS1_SHA256, &random::source(), message.as_bytes(), &mut signature)
        .expect("a signature");
    STANDARD.encode(signature)
}

/// The whole body of a request.
pub fn signed(param: &str) -> String {
    json!({"appId": APP, "sign": sign(merchant(), param), "param": param}).to_string()
}

/// The bytes of a POST.
pub fn post(path: &str, body: &str) -> Vec<u8> {
    let length = body.len();
    format!(
        "POST {path} HTTP/1.1\r\nHost: sandbox\r\nContent-Type: application/json\r\n\
         Content-Length: {length}\r\n\r\n{body}"
    )
    .into_bytes()
}

/// A sandbox without a merchant.
pub fn plain() -> Sandbox {
    Sandbox::new(Arc::new(Provider::builtin("bluepay").expect("the built-in profile")), vec![])
}

impl Bench {
    pub async fn start() -> Self {
        Self::start_with(|sandbox| sandbox).await
    }

    pub async fn start_with(change: fn(Sandbox) -> Sandbox) -> Self {
        let provider = Arc::new(Provider::builtin("bluepay").expect("the built-in profile"));
        let clock = Clock::fixed(NOW_MS);
        let app = |id: &str, key: &RsaKeyPair| App {
            app_id: id.to_string(),
            public_key: MerchantKey::from_text(
                &STANDARD.encode(key.public_key().as_ref()),
                Hash::Sha256,
            )
            .expect("a public key"),
            payout_notify_url: None,
        };
        let apps = vec![app(APP, merchant()), app(OTHER_APP, other_merchant())];
        let sandbox = Sandbox { clock: clock.clone(), ..Sandbox::new(provider.clone(), apps) };
        let running = change(sandbox).start().await.expect("a running sandbox");
        Self { running, provider, clock }
    }

    /// Moves the clock.
    pub fn pass(&self, milliseconds: i64) {
        self.clock.moves().expect("a test's clock").pass(milliseconds);
    }

    /// Lets everything that settles by itself settle.
    pub fn settle(&self) {
        self.pass(1_000);
    }

    pub fn path(&self, operation: &str) -> String {
        self.provider.operation(operation).expect(operation).path.clone()
    }

    pub async fn connect(&self) -> Socket {
        Socket(TcpStream::connect(self.running.address()).await.expect("a connection"))
    }

    /// Posts `body` to `path` and reads the whole answer.
    pub async fn post(&self, path: &str, body: &str) -> Answered {
        let mut socket = self.connect().await;
        socket.write(&post(path, body)).await;
        socket.answer().await
    }

    /// `parameters` with a fresh timestamp, signed.
    pub fn body(&self, mut parameters: Value) -> String {
        if parameters.get("timestamp").is_none() {
            parameters["timestamp"] = self.clock.unix_ms().into();
        }
        signed(&parameters.to_string())
    }

    /// Calls an operation; the provider's whole answer.
    pub async fn call(&self, operation: &str, parameters: Value) -> Value {
        let answered = self.post(&self.path(operation), &self.body(parameters)).await;
        assert_eq!(answered.status, 200, "every understood call is answered with 200");
        answered.json()
    }

    /// The `data` of a call that must be accepted.
    pub async fn accepted(&self, operation: &str, parameters: Value) -> Value {
        let mut answer = self.call(operation, parameters).await;
        assert_eq!(answer["code"], 10000, "`{operation}` should be accepted: {answer}");
        assert_eq!(answer["message"], "Success");
        answer["data"].take()
    }

    /// The code of a call that must be refused.
    pub async fn refused(&self, operation: &str, parameters: Value) -> i64 {
        let answer = self.call(operation, parameters).await;
        assert_eq!(answer["data"], Value::Null, "a refusal carries no data: {answer}");
        answer["code"].as_i64().expect("a code")
    }

    /// A page of the sandbox's own.
    pub async fn page(&self, method: &str, page: &str, body: &str) -> Answered {
        let mut socket = self.connect().await;
        let length = body.len();
        let head = format!("{method} {page} HTTP/1.1\r\nContent-Length: {length}\r\n\r\n{body}");
        socket.write(head.as_bytes()).await;
        socket.answer().await
    }

    pub fn fault(&self, rule: Value) {
        self.running.add_fault(&rule).expect("a valid rule");
    }
}

/// A raw connection.
pub struct Socket(TcpStream);

impl Socket {
    pub async fn write(&mut self, bytes: &[u8]) {
        self.0.write_all(bytes).await.expect("written");
    }

    /// Some bytes, at least one.
    pub async fn read_some(&mut self) -> Vec<u8> {
        let mut bytes = vec![0; 64 * 1024];
        let length = self.0.read(&mut bytes).await.expect("some bytes");
        bytes.truncate(length);
        bytes
    }

    /// Everything up to the end of the connection, and how it ended.
    pub async fn rest(&mut self) -> (Vec<u8>, std::io::Result<()>) {
        let mut bytes = Vec::new();
        let ended = self.0.read_to_end(&mut bytes).await.map(drop);
        (bytes, ended)
    }

    /// One whole answer with a `Content-Length`, or none for 204 and 100.
    pub async fn answer(&mut self) -> Answered {
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            head.push(self.0.read_u8().await.expect("the rest of the head"));
        }
        let head = String::from_utf8(head).expect("a readable head");
        let status = head.get(9..12).and_then(|it| it.parse().ok()).expect("a status line");
        let length = head.lines().find_map(|line| line.strip_prefix("content-length: "));
        let mut body = vec![0; length.map_or(0, |it| it.parse().expect("a length"))];
        self.0.read_exact(&mut body).await.expect("the whole body");
        Answered { status, head, body }
    }
}

pub fn payout(reference: &str) -> Value {
    json!({
        "mchOrderId": reference, "idempotencyId": format!("idem{reference}"), "amount": 50020,
        "payMethodCode": "PROMPTPAY", "promptpayAccountType": "MSISDN", "accountNo": "0812345678",
    })
}

pub fn qr(reference: &str) -> Value {
    json!({
        "mchOrderId": reference, "channelCode": "THAI_DYNAMIC_QR", "amount": 1000,
        "notifyUrl": "https://example.com/",
    })
}

pub fn webpay(reference: &str) -> Value {
    json!({
        "mchOrderId": reference, "channelCode": "TRUEMONEY_URL", "amount": 2300,
        "notifyUrl": "https://example.com/n", "redirectUrl": "https://example.com/r",
        "customerName": "Raja", "email": "raja@example.com", "mobile": "0812345678",
    })
}

pub fn refund(reference: &str, original: &Value, amount: i64) -> Value {
    json!({
        "mchRefundOrderId": reference, "originalTransactionId": original, "refundAmount": amount,
        "refundCallbackUrl": "https://example.com/refunds",
    })
}

pub fn void(reference: &str, original: &Value) -> Value {
    json!({"mchVoidOrderId": reference, "originalTransactionId": original})
}

pub fn authorization(user: &str, request: &str) -> Value {
    json!({
        "userId": user, "requestId": request, "channelCode": "BLUEPAY_DIRECT_DEBIT",
        "terminalType": "WEB", "notifyUrl": "https://example.com/n",
        "redirectUrl": "https://example.com/r",
    })
}

pub fn debit(reference: &str, pay_token: &Value) -> Value {
    json!({
        "mchOrderId": reference, "amount": 700, "channelCode": "BLUEPAY_DIRECT_DEBIT",
        "payToken": pay_token, "notifyUrl": "https://example.com/n",
    })
}
