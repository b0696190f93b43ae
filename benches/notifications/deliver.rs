//! Deliveries per second of a waiting inbox to an application that takes everything at once.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use tokio::time::sleep;

use super::support::server;

/// Deliveries under way at once: the default, and many.
const CONCURRENCY: [usize; 2] = [8, 64];
const MEASURED: Duration = Duration::from_secs(5);
const FIRST_WITHIN: Duration = Duration::from_secs(20);
const ANSWER: &[u8] = b"HTTP/1.1 204 No Content\r\nContent-Length: 0\r\n\r\n";
const SECRET: &str = "whsec_MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=";

/// Delivers what is in the store of `folder`, at most `events`.
pub async fn run(folder: &Path, events: usize) {
    let received = Arc::new(AtomicUsize::new(0));
    let counter = received.clone();
    let on_request = move || {
        counter.fetch_add(1, Ordering::Relaxed);
    };
    let application = server::start(ANSWER, on_request).await;
    println!("\ndelivered to an application that takes everything, out of an inbox of {events}");
    for (round, concurrency) in CONCURRENCY.into_iter().enumerate() {
        // Every round may use up its part of the events.
        let until = events * (round + 1) / CONCURRENCY.len();
        let section = format!(
            "[account.delivery]\nurl = \"http://{application}/events\"\nsecret = \"{SECRET}\"\nconcurrency = {concurrency}\n"
        );
        let before = received.load(Ordering::Relaxed);
        let sidecar = super::sidecar(folder, &section).await;
        let ready_ms = sidecar.ready_after.as_secs_f64() * 1e3;
        wait_for_first(&received, before).await;
        let (started, cpu_before) = (Instant::now(), sidecar.cpu());
        let before = received.load(Ordering::Relaxed);
        while started.elapsed() < MEASURED && received.load(Ordering::Relaxed) < until {
            sleep(Duration::from_millis(5)).await;
        }
        let delivered = (received.load(Ordering::Relaxed) - before).max(1) as f64;
        println!(
            "  {concurrency:>3} at a time    {:>8.0} /s   CPU {:>6.1} us each   ready after {ready_ms:.1} ms",
            delivered / started.elapsed().as_secs_f64(),
            (sidecar.cpu() - cpu_before).as_secs_f64() * 1e6 / delivered
        );
    }
}

async fn wait_for_first(received: &AtomicUsize, before: usize) {
    let started = Instant::now();
    while received.load(Ordering::Relaxed) == before {
        assert!(started.elapsed() < FIRST_WITHIN, "nothing was delivered");
        sleep(Duration::from_millis(1)).await;
    }
}
