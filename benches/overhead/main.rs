//! What the sidecar adds to a bare signature.
//!
//! The release binary runs as its own process against a trivial upstream in this one; 32 keep-alive connections post a
//! payout of about 300 bytes each. Printed per key size: CPU per request of the sidecar alone, the CPU of the bare
//! signature measured in the same run, and their ratio, which is the figure to compare between machines and days.

#[path = "../support/mod.rs"]
mod support;

use std::net::SocketAddr;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use countersign::secret::Secret;
use countersign::sign::{Hash, PrivateKey};
use support::load::{self, Load};
use support::process::Sidecar;
use support::{cpu, server};

const CONNECTIONS: usize = 32;
const WARM_UP: Duration = Duration::from_secs(2);
const MEASURED: Duration = Duration::from_secs(8);
const BARE_SIGNATURES_FOR: Duration = Duration::from_secs(2);

const ANSWER: &[u8] = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 141\r\n\r\n\
{\"code\":10000,\"message\":\"Success\",\"data\":{\"mchOrderId\":\"B000000000000\",\"transactionId\":\"D1631118424367169536\",\"transactionStatus\":\"PENDING\"}}";

fn main() {
    if support::is_only_a_test() {
        return;
    }
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    let upstream = runtime.block_on(server::start(ANSWER, || {}));
    println!(
        "{CONNECTIONS} connections, {} s measured after {} s of warm-up",
        MEASURED.as_secs(),
        WARM_UP.as_secs()
    );
    for bits in [2048, 4096] {
        let folder = tempfile::tempdir().expect("a folder");
        let key = PrivateKey::generate(bits).expect("a key pair").to_pkcs8_pem();
        std::fs::write(folder.path().join("key.pem"), key.expose()).expect("a key file");
        let signature_us = bare_signature_us(&key);
        let figures = runtime.block_on(run(folder.path(), upstream));
        figures.print(bits, signature_us);
    }
}

/// What one run brought.
struct Figures {
    ready_after: Duration,
    idle_rss_mb: f64,
    loaded_rss_mb: f64,
    cpu_us_per_request: f64,
    load: Load,
}

/// One account, `bench`, towards `upstream`, with the key in `folder`.
async fn run(folder: &Path, upstream: SocketAddr) -> Figures {
    let config = format!(
        "[listen]\napp = \"127.0.0.1:0\"\nadmin = \"127.0.0.1:0\"\n\n[log]\nformat = \"json\"\nlevel = \"info\"\n\n\
         [[account]]\nname = \"bench\"\nprovider = \"bluepay\"\nbase_url = \"http://{upstream}\"\napp_id = \"bench\"\n\
         [account.limits]\nin_flight = 1024\n[[account.signing_key]]\nid = \"bench\"\nprivate_key = {{ file = \"key.pem\" }}\n"
    );
    let sidecar = Sidecar::start(folder, &config).await;
    tokio::time::sleep(Duration::from_millis(300)).await;
    let idle_rss_mb = sidecar.rss_mb();
    post_payouts(&sidecar, WARM_UP).await;
    let cpu_before = sidecar.cpu();
    let load = post_payouts(&sidecar, MEASURED).await;
    let cpu = sidecar.cpu() - cpu_before;
    Figures {
        ready_after: sidecar.ready_after,
        idle_rss_mb,
        loaded_rss_mb: sidecar.rss_mb(),
        cpu_us_per_request: cpu.as_secs_f64() * 1e6 / load.requests() as f64,
        load,
    }
}

async fn post_payouts(sidecar: &Sidecar, during: Duration) -> Load {
    static REFERENCE: AtomicU64 = AtomicU64::new(0);
    let next = || {
        let body = parameters(REFERENCE.fetch_add(1, Ordering::Relaxed));
        Some(load::post("/bench/payout_create", &body))
    };
    load::run(sidecar.address("app"), CONNECTIONS, during, next, |answer| {
        answer.contains("countersign-outcome: accepted")
    })
    .await
}

/// CPU time of one signature over a message like those the sidecar signs, in microseconds.
fn bare_signature_us(key: &Secret) -> f64 {
    let key = PrivateKey::from_text(key).expect("a private key");
    let message = parameters(0);
    cpu::us_of(BARE_SIGNATURES_FOR, || {
        std::hint::black_box(key.sign(Hash::Sha256, message.as_bytes()));
    })
}

/// The parameters of a payout, about 300 bytes.
fn parameters(reference: u64) -> String {
    format!(
        r#"{{"mchOrderId":"B{reference:015}","amount":50020,"payMethodCode":"BANK","transferCode":"KBANK","accountNo":"1234567890","accountName":"Somchai Jaidee","accountType":"INDIVIDUAL","accountTaxId":"1103700000000","mobile":"0812345678","relationship":"supplier","remark":"invoice 2026-0001, settled weekly"}}"#
    )
}

impl Figures {
    fn print(&self, bits: usize, signature_us: f64) {
        let load = &self.load;
        println!("\nRSA-{bits}");
        println!("  start to ready        {:>9.1} ms", self.ready_after.as_secs_f64() * 1e3);
        println!(
            "  RSS idle / loaded     {:>9.1} / {:.1} MB",
            self.idle_rss_mb, self.loaded_rss_mb
        );
        println!("  requests per second   {:>9.0}", load.per_second());
        println!(
            "  latency p50 / p99     {:>9.2} / {:.2} ms",
            load.percentile_ms(0.50),
            load.percentile_ms(0.99)
        );
        println!("  CPU per request       {:>9.1} us", self.cpu_us_per_request);
        println!("  CPU of the signature  {signature_us:>9.1} us");
        println!("  ratio                 {:>9.3}", self.cpu_us_per_request / signature_us);
        println!("  answers not accepted  {:>9}", load.refused);
    }
}
