//! Deliveries over real sockets: TLS with a private authority, and applications that hang or read slowly.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use bytes::Bytes;
use countersign::in_process::clock::Clock;
use countersign::in_process::config::{Live, load_text};
use countersign::in_process::delivery::Delivery;
use countersign::in_process::edge::{PingoraUpstream, Serving, install_crypto_provider};
use countersign::in_process::metrics::Metrics;
use countersign::in_process::store::{
    EventDetail, EventId, EventState, Intake, NewEvent, Store, StoreUrl, open,
};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::{sleep, timeout};

use crate::edge_support::{Authority, Caller, TestServer, content_length, has_field};

/// Longer than any delivery of these tests takes, pauses included.
const PATIENCE: Duration = Duration::from_secs(30);

#[tokio::test]
async fn an_application_is_trusted_by_the_configured_authority() {
    let authority = Authority::new();
    let server = TestServer::start_on(authority.listener("application"), Serving::default());
    let deliveries = Deliveries::start(server.tcp(), "https", Some(&authority.ca_pem()));
    let event = deliveries.receive().await;
    deliveries.until(&event, EventState::Delivered).await;
    assert_eq!(server.echo.handled.load(Ordering::SeqCst), 1);
    deliveries.stop().await;
}

#[tokio::test]
async fn an_application_with_another_authority_gets_nothing() {
    let server = TestServer::start_on(Authority::new().listener("application"), Serving::default());
    let stranger = Authority::new().ca_pem();
    let deliveries = Deliveries::start(server.tcp(), "https", Some(&stranger));
    let event = deliveries.receive().await;
    let event = deliveries.until(&event, EventState::Retrying).await;
    assert_eq!(event.row.last_error.as_deref(), Some("the TLS handshake failed"));
    assert_eq!(server.echo.handled.load(Ordering::SeqCst), 0);
    deliveries.stop().await;
}

#[tokio::test]
async fn an_application_that_hangs_or_reads_slowly_gets_the_same_event_again() {
    let application = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = application.local_addr().expect("its address");
    let deliveries = Deliveries::start(address, "http", None);
    let event = deliveries.receive().await;
    // The first connection is not read until its time is over.
    let (hanging, _) = application.accept().await.expect("a connection");
    let (reading, _) = application.accept().await.expect("another attempt");
    let (late, again) = (read(&mut Caller(hanging)).await, answer_slowly(Caller(reading)).await);
    let detail = deliveries.until(&event, EventState::Delivered).await;
    let field = format!("webhook-id: {event}");
    assert!(has_field(&late, &field) && has_field(&again, &field), "{late}\n{again}");
    let errors: Vec<_> = detail.attempts.iter().map(|tried| tried.error.as_deref()).collect();
    assert_eq!(errors, [Some("no whole answer within the total time-out"), None]);
    deliveries.stop().await;
}

/// The head of a request; its body is read as well.
async fn read(caller: &mut Caller<TcpStream>) -> String {
    let (head, body) = caller.answer().await;
    assert_eq!(body.len(), content_length(&head));
    head
}

async fn answer_slowly(mut caller: Caller<TcpStream>) -> String {
    let head = read(&mut caller).await;
    for piece in ["HTTP/1.1 2", "04 No Content\r", "\nContent-Length: 0\r\n\r\n"] {
        caller.send(piece.as_bytes()).await;
        tokio::task::yield_now().await;
    }
    head
}

/// Deliveries of account `shop` to an application, as they run in the program.
struct Deliveries {
    store: Arc<dyn Store>,
    stop: watch::Sender<bool>,
    running: JoinHandle<()>,
    _folder: tempfile::TempDir,
}

impl Deliveries {
    fn start(application: SocketAddr, scheme: &str, ca_pem: Option<&[u8]>) -> Self {
        install_crypto_provider();
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("ca.pem");
        let tls = ca_pem.map_or(String::new(), |pem| {
            std::fs::write(&file, pem).expect("a file");
            format!(", tls = {{ ca = {{ file = {file:?} }} }}")
        });
        let text = configuration(&format!(
            "url = \"{scheme}://localhost:{}/events\", timeout = \"500ms\"{tls}",
            application.port()
        ));
        let loaded = match load_text(&text) {
            Ok(loaded) => loaded,
            Err(mistakes) => panic!("should load: {mistakes:?}"),
        };
        let store = store_in(folder.path());
        let delivery = Delivery {
            live: Live::new(loaded.snapshot),
            inbox: store.clone(),
            upstream: Arc::new(PingoraUpstream::default()),
            metrics: Metrics::new("0", "0"),
            clock: Clock::System,
        };
        let (stop, stopping) = watch::channel(false);
        let running = tokio::spawn(delivery.run(stopping));
        Self { store, stop, running, _folder: folder }
    }

    async fn receive(&self) -> EventId {
        let now_ms = Clock::System.unix_ms();
        let id = EventId::generate(now_ms).expect("randomness");
        let event = NewEvent {
            id: id.clone(),
            account: "shop".to_owned(),
            provider: "bluepay".to_owned(),
            dedupe_key: "key".to_owned(),
            event_name: None,
            kind: None,
            event_type: "countersign.payout.succeeded".to_owned(),
            status: None,
            reference: None,
            provider_reference: None,
            body: Bytes::new(),
            param: "{}".to_owned(),
            event: Some("{}".to_owned()),
            verified_by: None,
            received_at_ms: now_ms,
            intake: Intake::Deliver,
        };
        self.store.receive(event).await.expect("a writable store");
        id
    }

    async fn until(&self, id: &EventId, state: EventState) -> EventDetail {
        let look = async {
            loop {
                let event = self.store.show(id).await.expect("a readable store").expect("known");
                if event.row.state == state && !event.row.claimed {
                    return event;
                }
                sleep(Duration::from_millis(5)).await;
            }
        };
        timeout(PATIENCE, look).await.unwrap_or_else(|_| panic!("never {state:?}"))
    }

    async fn stop(self) {
        self.stop.send_replace(true);
        timeout(PATIENCE, self.running).await.expect("an end").expect("without a panic");
        self.store.close().await.expect("a store that closes");
    }
}

fn store_in(folder: &Path) -> Arc<dyn Store> {
    open(&StoreUrl::Sqlite(folder.join("test.db"))).expect("a store")
}

fn configuration(delivery: &str) -> String {
    format!(
        "[[account]]\nname = \"shop\"\nprovider = \"bluepay\"\nbase_url = \"http://127.0.0.1:9\"\n\
         app_id = \"countersign-demo-app\"\n\
         signing_key = [{{ id = \"demo\", private_key = {{ file = \"config/demo/merchant.pem\" }} }}]\n\
         delivery = {{ {delivery} }}\n"
    )
}
