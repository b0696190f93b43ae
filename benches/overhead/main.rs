//! What the sidecar adds to a bare signature.
//!
//! The release binary runs as its own process against a trivial upstream in this one; 32 keep-alive connections post a
//! payout of about 300 bytes each. Printed per key size: CPU per request of the sidecar alone, the CPU of the bare
//! signature measured in the same run, and their ratio, which is the figure to compare between machines and days.

mod client;
mod process;
mod upstream;

use std::net::SocketAddr;
use std::path::Path;
use std::time::{Duration, Instant};

use countersign::secret::Secret;
use countersign::sign::{Hash, PrivateKey};
use process::Sidecar;

const CONNECTIONS: usize = 32;
const WARM_UP: Duration = Duration::from_secs(2);
const MEASURED: Duration = Duration::from_secs(8);
/// Long enough to even out the scheduler's ticks (10 ms), short enough to leave the clock rate alone.
const BARE_SIGNATURES_FOR: Duration = Duration::from_secs(2);

fn main() {
    // `cargo test --benches` and IDEs pass flags of the standard harness; only a plain run measures.
    if std::env::args().any(|argument| argument == "--test") {
        return;
    }
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    let upstream = runtime.block_on(upstream::start());
    println!(
        "{CONNECTIONS} connections, {} s measured after {} s of warm-up",
        MEASURED.as_secs(),
        WARM_UP.as_secs()
    );
    for bits in [2048, 4096] {
        let folder = tempfile::tempdir().expect("a folder");
        let key = folder.path().join("key.pem");
        let made = PrivateKey::generate(bits).expect("a key pair");
        std::fs::write(&key, made.to_pkcs8_pem().expose()).expect("a key file");
        let signature_us = bare_signature_us(&key);
        let figures = runtime.block_on(run(folder.path(), upstream));
        figures.print(bits, signature_us);
    }
}

/// What one run brought.
struct Figures {
    ready_after: Duration,
    idle_rss_kib: u64,
    loaded_rss_kib: u64,
    cpu_us_per_request: f64,
    load: client::Load,
}

async fn run(folder: &Path, upstream: SocketAddr) -> Figures {
    let sidecar = Sidecar::start(folder, upstream).await;
    tokio::time::sleep(Duration::from_millis(300)).await;
    let idle_rss_kib = sidecar.rss_kib();
    client::run(sidecar.app, CONNECTIONS, WARM_UP).await;
    let cpu_before = sidecar.cpu();
    let load = client::run(sidecar.app, CONNECTIONS, MEASURED).await;
    let cpu = sidecar.cpu() - cpu_before;
    Figures {
        ready_after: sidecar.ready_after,
        idle_rss_kib,
        loaded_rss_kib: sidecar.rss_kib(),
        cpu_us_per_request: cpu.as_secs_f64() * 1e6 / load.requests() as f64,
        load,
    }
}

/// CPU time of one signature over a message like those the sidecar signs, in microseconds of this thread.
fn bare_signature_us(key: &Path) -> f64 {
    let text = std::fs::read(key).expect("the key file");
    let key = PrivateKey::from_text(&Secret::new(text)).expect("a private key");
    let message = client::parameters(0);
    let thread_cpu = || {
        let time = rustix::time::clock_gettime(rustix::time::ClockId::ThreadCPUTime);
        Duration::new(time.tv_sec as u64, time.tv_nsec as u32)
    };
    let (started, cpu_before) = (Instant::now(), thread_cpu());
    let mut count = 0u32;
    while started.elapsed() < BARE_SIGNATURES_FOR {
        std::hint::black_box(key.sign(Hash::Sha256, message.as_bytes()));
        count += 1;
    }
    (thread_cpu() - cpu_before).as_secs_f64() * 1e6 / f64::from(count)
}

impl Figures {
    fn print(&self, bits: usize, signature_us: f64) {
        let load = &self.load;
        println!("\nRSA-{bits}");
        println!("  start to ready        {:>9.1} ms", self.ready_after.as_secs_f64() * 1e3);
        println!(
            "  RSS idle / loaded     {:>9.1} / {:.1} MB",
            mb(self.idle_rss_kib),
            mb(self.loaded_rss_kib)
        );
        println!(
            "  requests per second   {:>9.0}",
            load.requests() as f64 / MEASURED.as_secs_f64()
        );
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

fn mb(kib: u64) -> f64 {
    kib as f64 * 1024.0 / 1e6
}
