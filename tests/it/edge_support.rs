//! Shared by the tests of the edge: a handler that echoes, a server to call, certificates made by `openssl`.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use countersign::in_process::config::{Address, Listener, ListenerTls};
use countersign::in_process::edge::{Deadlines, InFlight, Serving, bind, serve};
use countersign::in_process::secret::Secret;
use countersign::in_process::wire::{Handler, Refusal, Reply, Request};
use http::StatusCode;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::{Notify, watch};

/// The largest body that [`Echo`] accepts.
pub const ECHO_BYTES_MAX: usize = 1024 * 1024;

/// Answers with the request body. `/slow` waits for `gate`, `/panic` panics, `/peer` returns the caller's identity.
#[derive(Default)]
pub struct Echo {
    pub gate: Notify,
    pub started: Notify,
    pub finished: Notify,
    pub handled: AtomicUsize,
}

#[async_trait]
impl Handler for Echo {
    fn body_bytes_max(&self) -> usize {
        ECHO_BYTES_MAX
    }

    async fn handle(&self, request: Request) -> Reply {
        self.started.notify_one();
        match request.path.as_str() {
            "/slow" => self.gate.notified().await,
            "/panic" => panic!("expected in this test"),
            "/peer" => {
                return Reply::new(StatusCode::OK, "text/plain", format!("{:?}", request.peer));
            }
            _ => {}
        }
        self.handled.fetch_add(1, Ordering::SeqCst);
        self.finished.notify_one();
        Reply::new(StatusCode::OK, "application/octet-stream", request.body)
    }

    fn refuse(&self, refusal: Refusal) -> Reply {
        let status = match refusal {
            Refusal::BodyTooLarge => StatusCode::PAYLOAD_TOO_LARGE,
            Refusal::BadRequest => StatusCode::BAD_REQUEST,
            Refusal::HeadTooLarge => StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE,
            Refusal::TooSlow => StatusCode::REQUEST_TIMEOUT,
            Refusal::UnknownTransferCoding => StatusCode::NOT_IMPLEMENTED,
            Refusal::UnknownExpectation => StatusCode::EXPECTATION_FAILED,
            Refusal::ShuttingDown => StatusCode::SERVICE_UNAVAILABLE,
            Refusal::HandlerFailed => StatusCode::INTERNAL_SERVER_ERROR,
        };
        Reply::new(status, "text/plain", format!("{refusal:?}"))
    }
}

/// Deadlines short enough to be reached in a test, long enough not to be reached by accident.
pub fn impatient() -> Deadlines {
    let short = Duration::from_millis(300);
    Deadlines {
        head: short,
        body: short,
        linger: Duration::from_millis(200),
        ..Deadlines::default()
    }
}

/// A running server. Dropping it tells the server to stop.
pub struct TestServer {
    pub echo: Arc<Echo>,
    pub in_flight: InFlight,
    pub address: Address,
    pub shutdown: watch::Sender<bool>,
    pub stopped: tokio::task::JoinHandle<()>,
}

impl TestServer {
    pub fn start() -> Self {
        Self::start_on(loopback(), Serving::default())
    }

    pub fn start_impatient() -> Self {
        Self::start_on(loopback(), Serving { deadlines: impatient(), ..Serving::default() })
    }

    pub fn start_on(listener: Listener, serving: Serving) -> Self {
        let echo = Arc::new(Echo::default());
        let in_flight = serving.in_flight.clone();
        let bound = bind("listen.app", &listener).expect("a kernel-chosen port is free");
        let address = bound.address().clone();
        let service = bound.service(echo.clone(), serving);
        let (shutdown, watch) = watch::channel(false);
        let stopped = tokio::spawn(serve(service, watch, Duration::from_secs(20)));
        Self { echo, in_flight, address, shutdown, stopped }
    }

    pub fn tcp(&self) -> SocketAddr {
        match self.address {
            Address::Tcp(address) => address,
            Address::Unix(_) => panic!("this server listens on a unix socket"),
        }
    }

    pub async fn connect(&self) -> Caller<TcpStream> {
        Caller(TcpStream::connect(self.tcp()).await.unwrap())
    }

    /// Sends `bytes` on its own connection and reads to the end of the connection.
    pub async fn exchange(&self, bytes: &[u8]) -> String {
        let mut caller = self.connect().await;
        caller.send(bytes).await;
        caller.rest().await
    }
}

pub fn loopback() -> Listener {
    Listener { address: Address::Tcp(([127, 0, 0, 1], 0).into()), tls: None }
}

/// The other end, byte by byte.
pub struct Caller<S>(pub S);

impl<S: AsyncReadExt + AsyncWriteExt + Unpin> Caller<S> {
    pub async fn send(&mut self, bytes: &[u8]) {
        self.0.write_all(bytes).await.unwrap();
        self.0.flush().await.unwrap();
    }

    /// Everything until the other end closes.
    pub async fn rest(&mut self) -> String {
        let mut bytes = Vec::new();
        self.0.read_to_end(&mut bytes).await.expect("closed, not reset");
        String::from_utf8_lossy(&bytes).into_owned()
    }

    /// One answer with a `Content-Length`: its head as text, and its body.
    pub async fn answer(&mut self) -> (String, Vec<u8>) {
        let head = self.head().await;
        let mut body = vec![0; content_length(&head)];
        self.0.read_exact(&mut body).await.unwrap();
        (head, body)
    }

    /// Bytes up to and with the next blank line.
    pub async fn head(&mut self) -> String {
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            head.push(self.0.read_u8().await.expect("an answer"));
        }
        String::from_utf8(head).unwrap()
    }
}

pub fn content_length(head: &str) -> usize {
    head.lines()
        .filter_map(|line| line.split_once(": "))
        .find(|(name, _)| name.eq_ignore_ascii_case("content-length"))
        .map_or(0, |(_, length)| length.parse().unwrap())
}

pub fn has_field(head: &str, field: &str) -> bool {
    head.lines().any(|line| line.eq_ignore_ascii_case(field))
}

/// Certificates of a temporary authority, in a directory that is removed with it.
pub struct Authority {
    directory: tempfile::TempDir,
}

impl Authority {
    pub fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let authority = Self { directory };
        authority.openssl(
            "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj /CN=test-ca \
             -addext basicConstraints=critical,CA:true -keyout ca.key -out ca.pem",
        );
        authority
    }

    pub fn ca_pem(&self) -> Vec<u8> {
        self.read("ca.pem")
    }

    /// A certificate for `localhost` (not for its address), and its key.
    pub fn issue(&self, name: &str) -> (Vec<u8>, Vec<u8>) {
        std::fs::write(
            self.path("extensions"),
            "subjectAltName=DNS:localhost\nbasicConstraints=CA:false\n",
        )
        .unwrap();
        self.openssl(&format!(
            "req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj /CN={name} \
             -keyout {name}.key -out {name}.csr"
        ));
        self.openssl(&format!(
            "x509 -req -in {name}.csr -CA ca.pem -CAkey ca.key -CAcreateserial -days 2 \
             -extfile extensions -out {name}.pem"
        ));
        (self.read(&format!("{name}.pem")), self.read(&format!("{name}.key")))
    }

    pub fn listener(&self, name: &str) -> Listener {
        let (cert_pem, key_pem) = self.issue(name);
        Listener {
            tls: Some(ListenerTls { cert_pem, key_pem: Secret::new(key_pem) }),
            ..loopback()
        }
    }

    fn path(&self, name: &str) -> PathBuf {
        Path::new(self.directory.path()).join(name)
    }

    fn read(&self, name: &str) -> Vec<u8> {
        std::fs::read(self.path(name)).unwrap()
    }

    fn openssl(&self, arguments: &str) {
        let output = Command::new("openssl")
            .args(arguments.split_whitespace())
            .current_dir(self.directory.path())
            .output()
            .expect("`openssl` is installed");
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    }
}
