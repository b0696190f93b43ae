//! Notifications acknowledged durably per second, and beside it the rate at which the same ones are refused.

use std::path::Path;
use std::time::Duration;

use countersign::in_process::clock::Clock;
use countersign::in_process::provider::{NormaliseContext, Provider as Profile};
use countersign::in_process::sign::PrivateKey;
use jiff::tz;

use super::signed::{self, Provider};
use super::support::load::{self, Load};
use super::support::{cpu, process::Sidecar};

const CONNECTIONS: [usize; 3] = [1, 8, 64];
/// A row ends after this time or when its notifications are used up, whichever comes first.
const ROW_AT_MOST: Duration = Duration::from_secs(8);
const WARM_UP: usize = 1_000;
const IN_PROCESS_FOR: Duration = Duration::from_secs(1);

/// One number of connections.
struct Row {
    connections: usize,
    load: Load,
    cpu_us: f64,
}

/// Measures and prints; returns how many events are in the store.
pub async fn run(folder: &Path, provider: &Provider, notifications: usize) -> usize {
    let merchant = PrivateKey::generate(2048).expect("a key pair").to_pkcs8_pem();
    std::fs::write(folder.join("merchant.pem"), merchant.expose()).expect("a key file");
    let sidecar = super::sidecar(folder, "").await;
    let idle_rss_mb = sidecar.rss_mb();
    let warm_up = provider.sign(WARM_UP).genuine();
    let mut stored = row(&sidecar, 8, warm_up, is_acknowledged).await.load.requests();

    println!(
        "At most {notifications} notifications per row, signed with RSA-2048, {} bytes of param.",
        signed::param(0).len()
    );
    println!(
        "The clients share the cores with the sidecar; CPU is the sidecar's own, per notification.\n"
    );
    let (mut acknowledged, mut refused) = (Vec::new(), Vec::new());
    for connections in CONNECTIONS {
        let batch = provider.sign(notifications);
        refused.push(row(&sidecar, connections, batch.forged(), is_refused).await);
        acknowledged.push(row(&sidecar, connections, batch.genuine(), is_acknowledged).await);
        stored += acknowledged.last().map_or(0, |row| row.load.requests());
    }
    println!("verified, stored on disk, acknowledged");
    acknowledged.iter().for_each(Row::print);
    println!("verified, not stored: wrong signatures, so neither normalised nor stored");
    refused.iter().for_each(Row::print);
    let (verifying_us, normalising_us) = (verifying_us(provider), normalising_us());
    println!(
        "in this process, alone: verifying {verifying_us:.1} us, normalising {normalising_us:.1} us"
    );
    println!("the store's share of the CPU: what is left of the difference without normalising");
    for (with, without) in acknowledged.iter().zip(&refused) {
        let store_us = with.cpu_us - without.cpu_us - normalising_us;
        let share = 100.0 * store_us / with.cpu_us;
        println!("  {:>3} connections  {store_us:>8.1} us, {share:.0} %", with.connections);
    }
    println!("RSS idle / loaded {idle_rss_mb:.1} / {:.1} MB", sidecar.rss_mb());
    stored
}

async fn row(
    sidecar: &Sidecar,
    connections: usize,
    bodies: Vec<String>,
    is_expected: fn(&str) -> bool,
) -> Row {
    let body = signed::once(bodies);
    let next = move || body().map(|body| load::post("/bench", &body));
    let cpu_before = sidecar.cpu();
    let address = sidecar.address("notify");
    let load = load::run(address, connections, ROW_AT_MOST, next, is_expected).await;
    assert_eq!(load.refused, 0, "every answer is the expected one");
    let cpu = sidecar.cpu() - cpu_before;
    Row { connections, cpu_us: cpu.as_secs_f64() * 1e6 / load.requests() as f64, load }
}

fn is_acknowledged(answer: &str) -> bool {
    answer.starts_with("http/1.1 200 ")
}

fn is_refused(answer: &str) -> bool {
    answer.starts_with("http/1.1 401 ")
}

impl Row {
    fn print(&self) {
        let Self { connections, load, cpu_us } = self;
        println!(
            "  {connections:>3} connections  {:>8.0} /s   p50 {:>7.2} ms   p99 {:>7.2} ms   CPU {cpu_us:>6.1} us",
            load.per_second(),
            load.percentile_ms(0.50),
            load.percentile_ms(0.99)
        );
    }
}

/// CPU time of finding the signed text in a body and checking its signature.
fn verifying_us(provider: &Provider) -> f64 {
    let body = provider.sign(1).genuine().remove(0);
    let recipe = Profile::builtin("bluepay").expect("built in").notification.clone();
    cpu::us_of(IN_PROCESS_FOR, || {
        let signer = recipe.verify(body.as_bytes(), [provider.key.public()]);
        assert_eq!(std::hint::black_box(signer), Some(0));
    })
}

/// CPU time of making the event's text out of a verified one.
fn normalising_us() -> f64 {
    cpu::us_of(IN_PROCESS_FOR, || {
        std::hint::black_box(event(&signed::param(0)));
    })
}

/// The event's text.
pub fn event(param: &str) -> String {
    thread_local! {
        static PROFILE: Profile = Profile::builtin("bluepay").expect("built in");
    }
    let context = NormaliseContext {
        account: "bench",
        currency: Some("THB"),
        timezone: tz::offset(7),
        received_at: Clock::System.now(),
        id: "evt_01hv3e9k5y0000000000000000",
    };
    PROFILE.with(|profile| profile.normalise(param, &context).expect("JSON").to_cloud_event())
}
