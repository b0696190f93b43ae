//! A provider that executes its requests, and counts: a complete and correctly signed create is an execution, and two
//! with the same ids are two. It recognises a duplicate only when configured to. The test decides what it answers,
//! and when; its books record what it did, whatever it answered. Plain HTTP and TLS on one port.

mod notices;
mod plan;
mod serve;

use std::net::{SocketAddr, TcpListener};
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use rustls::ServerConfig;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};

use super::openssl::KeyPair;
use crate::edge_support::Authority;

use notices::{deliver, notice};
pub use plan::{Create, Creates, Did, Entry, Fate, Notice, Question, Questions, Reply};
use serve::connection;

/// A provider on a port chosen by the kernel; its threads end with the test process.
pub struct Counting {
    pub address: SocketAddr,
    authority: Authority,
    inner: Arc<Inner>,
}

struct Inner {
    books: Mutex<Vec<Entry>>,
    creates: Mutex<Creates>,
    questions: Mutex<Questions>,
    /// The destination of notifications.
    notify: Mutex<Option<SocketAddr>>,
    key: Vec<u8>,
    tls: Arc<ServerConfig>,
    transactions: AtomicU64,
    notices: AtomicUsize,
    /// How many further handshakes are not answered.
    to_hold: AtomicUsize,
    held: AtomicUsize,
    is_released: AtomicBool,
    greeted: AtomicUsize,
    recognises: AtomicBool,
    /// One in this many connections is reset before anything is read; 0 for none.
    deaf: AtomicU64,
}

impl Counting {
    /// Gives every request the real answer and sends no notifications.
    pub fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let address = listener.local_addr().expect("its address");
        let authority = Authority::new();
        let (chain, key) = authority.issue("provider");
        let inner = Arc::new(Inner {
            books: Mutex::default(),
            creates: Mutex::new(Arc::new(|_| Fate::default())),
            questions: Mutex::new(Arc::new(|_| Reply::Usual)),
            notify: Mutex::default(),
            key: merchant_key(),
            tls: tls(&chain, &key),
            transactions: AtomicU64::new(1),
            notices: AtomicUsize::new(0),
            to_hold: AtomicUsize::new(0),
            held: AtomicUsize::new(0),
            is_released: AtomicBool::new(true),
            greeted: AtomicUsize::new(0),
            recognises: AtomicBool::new(false),
            deaf: AtomicU64::new(0),
        });
        let kept = inner.clone();
        thread::spawn(move || {
            for (number, stream) in listener.incoming().map_while(Result::ok).enumerate() {
                let inner = kept.clone();
                thread::spawn(move || connection(&inner, stream, number as u64));
            }
        });
        Self { address, authority, inner }
    }

    pub fn base_url(&self) -> String {
        format!("http://{}", self.address)
    }

    pub fn tls_url(&self) -> String {
        format!("https://localhost:{}", self.address.port())
    }

    /// The roots for checking [`Counting::tls_url`].
    pub fn ca_pem(&self) -> String {
        String::from_utf8(self.authority.ca_pem()).expect("PEM")
    }

    pub fn creates(&self, plan: impl Fn(&Create) -> Fate + Send + Sync + 'static) {
        *lock(&self.inner.creates) = Arc::new(plan);
    }

    pub fn questions(&self, plan: impl Fn(&Question) -> Reply + Send + Sync + 'static) {
        *lock(&self.inner.questions) = Arc::new(plan);
    }

    pub fn notify_at(&self, address: SocketAddr) {
        *lock(&self.inner.notify) = Some(address);
    }

    /// Whether a second create with the same reference is answered "duplicate" and not executed.
    pub fn recognise(&self, recognises: bool) {
        self.inner.recognises.store(recognises, Ordering::SeqCst);
    }

    /// The next `count` handshakes are not answered until [`Counting::release`].
    pub fn hold(&self, count: usize) {
        self.inner.is_released.store(false, Ordering::SeqCst);
        self.inner.to_hold.store(count, Ordering::SeqCst);
    }

    pub fn release(&self) {
        self.inner.to_hold.store(0, Ordering::SeqCst);
        self.inner.is_released.store(true, Ordering::SeqCst);
    }

    /// Handshakes that have begun and are still unanswered.
    pub fn held(&self) -> usize {
        self.inner.held.load(Ordering::SeqCst)
    }

    /// Handshakes that were answered so far.
    pub fn greeted(&self) -> usize {
        self.inner.greeted.load(Ordering::SeqCst)
    }

    /// Resets one of `many` new connections before it reads anything; 0 for none.
    pub fn deafen(&self, many: u64) {
        self.inner.deaf.store(many, Ordering::SeqCst);
    }

    /// Everything it has done so far.
    pub fn books(&self) -> Vec<Entry> {
        lock(&self.inner.books).clone()
    }

    pub fn executions(&self, reference: &str) -> Vec<Entry> {
        let mut books = self.books();
        books.retain(|entry| entry.reference == reference && entry.is_execution());
        books
    }

    /// How often it was queried, at this place, about `reference`.
    pub fn asked(&self, place: &str, reference: &str) -> usize {
        let books = self.books();
        let is_one = |it: &&Entry| {
            let is_question = matches!(it.what, Did::Asked { .. });
            is_question && it.place == place && it.reference == reference
        };
        books.iter().filter(is_one).count()
    }

    /// Notifications that are still to be acknowledged.
    pub fn notices_open(&self) -> usize {
        self.inner.notices.load(Ordering::SeqCst)
    }

    /// Notifies of a transaction until it is acknowledged, which this waits for.
    pub fn notify(&self, reference: &str, amount: u64, transaction: &str) {
        self.inner.notices.fetch_add(1, Ordering::SeqCst);
        deliver(&self.inner, &notice(reference, amount, transaction, "COMPLETED"));
    }
}

impl Entry {
    pub fn is_execution(&self) -> bool {
        matches!(self.what, Did::Executed { .. })
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The merchant's public key, as DER.
fn merchant_key() -> Vec<u8> {
    let pem = std::fs::read_to_string(KeyPair::merchant().public()).expect("a public key");
    let text: String = pem.lines().filter(|line| !line.starts_with('-')).collect();
    STANDARD.decode(text).expect("PEM")
}

fn tls(chain: &[u8], key: &[u8]) -> Arc<ServerConfig> {
    let chain = CertificateDer::pem_slice_iter(chain).collect::<Result<_, _>>().expect("a chain");
    let key = PrivateKeyDer::from_pem_slice(key).expect("a key");
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .expect("versions")
        .with_no_client_auth()
        .with_single_cert(chain, key)
        .expect("a certificate and its key");
    Arc::new(config)
}
