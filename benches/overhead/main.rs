//! What the sidecar adds to a bare signature, and what the journal adds to that.
//!
//! The release binary runs as its own process against a trivial upstream in this one; keep-alive connections post calls of
//! about 300 bytes. Printed per key size, for a call that moves no money and for a payout, which is journalled: CPU per
//! request of the sidecar alone, the CPU of the bare signature measured in the same run, and their ratio, which is the
//! figure to compare between machines and days. The bare signature is also measured on every core at once, as the load keeps
//! them: cores that share a unit or a clock rate are slower then, which is no cost of ours ("busy"). After each pair the journal's share stands by itself: what a payout costs more
//! than a query, as CPU and as waiting.
#![expect(clippy::disallowed_methods, clippy::disallowed_types, reason = "it measures real time")]

#[path = "../support/mod.rs"]
mod support;

use std::net::SocketAddr;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use countersign::in_process::secret::Secret;
use countersign::in_process::sign::{Hash, PrivateKey};
use support::load::{self, Load};
use support::process::Sidecar;
use support::{cpu, server};

const WARM_UP: Duration = Duration::from_secs(1);
const MEASURED: Duration = Duration::from_secs(5);
const WARM_UP_CONNECTIONS: usize = 32;

/// Callers at the same time, one connection each.
const CONNECTIONS: [usize; 3] = [32, 1, 64];

/// Measured one after the other. A query of the same size takes the same way, but for the journal.
const QUERY: &str = "payout_status";
const PAYOUT: &str = "payout_create";

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
        "{} s measured for each case after {} s of warm-up",
        MEASURED.as_secs(),
        WARM_UP.as_secs()
    );
    for bits in [2048, 4096] {
        let folder = tempfile::tempdir().expect("a folder");
        let key = PrivateKey::generate(bits).expect("a key pair").to_pkcs8_pem();
        std::fs::write(folder.path().join("key.pem"), key.expose()).expect("a key file");
        let signature = Bare::measure(&key);
        runtime.block_on(run(bits, folder.path(), upstream, &signature));
    }
}

/// One account, `bench`, towards `upstream`, with the key in `folder`.
async fn run(bits: usize, folder: &Path, upstream: SocketAddr, signature: &Bare) {
    let config = format!(
        "[listen]\napp = \"127.0.0.1:0\"\nadmin = \"127.0.0.1:0\"\n\n[log]\nformat = \"json\"\nlevel = \"info\"\n\n\
         [[account]]\nname = \"bench\"\nprovider = \"bluepay\"\nbase_url = \"http://{upstream}\"\napp_id = \"bench\"\n\
         [account.limits]\nin_flight = 1024\n[[account.signing_key]]\nid = \"bench\"\nprivate_key = {{ file = \"key.pem\" }}\n"
    );
    let sidecar = Sidecar::start(folder, &config).await;
    tokio::time::sleep(Duration::from_millis(300)).await;
    let idle_rss_mb = sidecar.rss_mb();
    let Bare { alone_us, busy_us } = signature;
    println!(
        "\nRSA-{bits}: CPU of the bare signature {alone_us:.1} us, with every core busy {busy_us:.1} us"
    );
    println!("  start to ready {:.1} ms", sidecar.ready_after.as_secs_f64() * 1e3);
    println!(
        "  connections  operation        req/s   p50 ms   p99 ms   CPU us   ratio    busy  not accepted"
    );
    post(&sidecar, WARM_UP_CONNECTIONS, PAYOUT, WARM_UP).await;
    for connections in CONNECTIONS {
        let query = measure(&sidecar, connections, QUERY, signature).await;
        let payout = measure(&sidecar, connections, PAYOUT, signature).await;
        let (cpu_us, p50_ms) = (payout.cpu_us - query.cpu_us, payout.p50_ms - query.p50_ms);
        println!(
            "  {connections:>11}  journal's share: {cpu_us:+.1} us of CPU ({:+.0} %), p50 {p50_ms:+.2} ms",
            cpu_us / query.cpu_us * 100.0
        );
    }
    println!("  RSS idle / loaded {idle_rss_mb:.1} / {:.1} MB", sidecar.rss_mb());
}

/// What one call costs.
struct Cost {
    cpu_us: f64,
    p50_ms: f64,
}

/// Measures one case and prints its line.
async fn measure(sidecar: &Sidecar, connections: usize, operation: &str, signature: &Bare) -> Cost {
    let cpu_before = sidecar.cpu();
    let load = post(sidecar, connections, operation, MEASURED).await;
    let cpu_us = (sidecar.cpu() - cpu_before).as_secs_f64() * 1e6 / load.requests() as f64;
    let p50_ms = load.percentile_ms(0.50);
    println!(
        "  {connections:>11}  {operation:<13} {:>8.0} {p50_ms:>8.2} {:>8.2} {cpu_us:>8.1} {:>7.3} {:>7.3}  {:>12}",
        load.per_second(),
        load.percentile_ms(0.99),
        cpu_us / signature.alone_us,
        cpu_us / signature.busy_us,
        load.refused
    );
    Cost { cpu_us, p50_ms }
}

async fn post(sidecar: &Sidecar, connections: usize, operation: &str, during: Duration) -> Load {
    static REFERENCE: AtomicU64 = AtomicU64::new(0);
    let path = format!("/bench/{operation}");
    let next = move || {
        let body = parameters(REFERENCE.fetch_add(1, Ordering::Relaxed));
        Some(load::post(&path, &body))
    };
    load::run(sidecar.address("app"), connections, during, next, |answer| {
        answer.contains("countersign-outcome: accepted")
    })
    .await
}

/// CPU time of one signature over a message like those the sidecar signs, in microseconds.
struct Bare {
    alone_us: f64,
    /// With a thread for every core signing at once.
    busy_us: f64,
}

impl Bare {
    fn measure(key: &Secret) -> Self {
        let key = PrivateKey::from_text(key).expect("a private key");
        let message = parameters(0);
        let signing = || {
            cpu::us_of(BARE_SIGNATURES_FOR, || {
                std::hint::black_box(key.sign(Hash::Sha256, message.as_bytes()));
            })
        };
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        let alone_us = signing();
        let every_us = std::thread::scope(|scope| {
            let threads: Vec<_> = (0..cores).map(|_| scope.spawn(signing)).collect();
            threads.into_iter().map(|thread| thread.join().expect("no panic")).sum::<f64>()
        });
        Self { alone_us, busy_us: every_us / cores as f64 }
    }
}

/// The parameters of a payout, about 300 bytes.
fn parameters(reference: u64) -> String {
    format!(
        r#"{{"mchOrderId":"B{reference:015}","amount":50020,"payMethodCode":"BANK","transferCode":"KBANK","accountNo":"1234567890","accountName":"Somchai Jaidee","accountType":"INDIVIDUAL","accountTaxId":"1103700000000","mobile":"0812345678","relationship":"supplier","remark":"invoice 2026-0001, settled weekly"}}"#
    )
}
