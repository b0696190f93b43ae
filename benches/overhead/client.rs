//! The load: keep-alive connections that post one payout after the other.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// What the clients saw.
pub struct Load {
    latencies_us: Vec<u32>,
    /// Answers that were not an accepted outcome.
    pub refused: usize,
}

impl Load {
    /// Answered requests.
    pub fn requests(&self) -> usize {
        self.latencies_us.len()
    }

    /// The latency that a share of `quantile` of the requests stayed under, in milliseconds.
    pub fn percentile_ms(&self, quantile: f64) -> f64 {
        let at = ((self.latencies_us.len() - 1) as f64 * quantile) as usize;
        f64::from(self.latencies_us[at]) / 1e3
    }
}

/// Posts from `connections` connections for as long as `during`.
pub async fn run(app: SocketAddr, connections: usize, during: Duration) -> Load {
    let end = Instant::now() + during;
    let clients: Vec<_> = (0..connections).map(|_| tokio::spawn(client(app, end))).collect();
    let mut load = Load { latencies_us: Vec::new(), refused: 0 };
    for client in clients {
        let (latencies, refused) = client.await.expect("a client");
        load.latencies_us.extend(latencies);
        load.refused += refused;
    }
    load.latencies_us.sort_unstable();
    assert!(!load.latencies_us.is_empty(), "no request was answered");
    load
}

async fn client(app: SocketAddr, end: Instant) -> (Vec<u32>, usize) {
    static REFERENCE: AtomicU64 = AtomicU64::new(0);
    let mut stream = TcpStream::connect(app).await.expect("the sidecar");
    stream.set_nodelay(true).expect("no delay");
    let (mut latencies, mut refused) = (Vec::new(), 0);
    let mut answer = Vec::with_capacity(4096);
    while Instant::now() < end {
        let body = parameters(REFERENCE.fetch_add(1, Ordering::Relaxed));
        let request = format!(
            "POST /bench/payout_create HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
            body.len()
        );
        let started = Instant::now();
        stream.write_all(request.as_bytes()).await.expect("the sidecar reads");
        answer.clear();
        while !whole(&answer) {
            let read = stream.read_buf(&mut answer).await.expect("the sidecar answers");
            assert!(
                read > 0,
                "the sidecar closed the connection: {}",
                String::from_utf8_lossy(&answer)
            );
        }
        latencies.push(u32::try_from(started.elapsed().as_micros()).unwrap_or(u32::MAX));
        let text = String::from_utf8_lossy(&answer).to_ascii_lowercase();
        refused += usize::from(!text.contains("countersign-outcome: accepted"));
    }
    (latencies, refused)
}

/// The parameters of a payout, about 300 bytes.
pub fn parameters(reference: u64) -> String {
    format!(
        r#"{{"mchOrderId":"B{reference:015}","amount":50020,"payMethodCode":"BANK","transferCode":"KBANK","accountNo":"1234567890","accountName":"Somchai Jaidee","accountType":"INDIVIDUAL","accountTaxId":"1103700000000","mobile":"0812345678","relationship":"supplier","remark":"invoice 2026-0001, settled weekly"}}"#
    )
}

fn whole(answer: &[u8]) -> bool {
    let Some(head) = answer.windows(4).position(|window| window == b"\r\n\r\n") else {
        return false;
    };
    let text = String::from_utf8_lossy(&answer[..head]);
    let length = text.lines().find_map(|line| {
        let (name, value) = line.split_once(':')?;
        name.eq_ignore_ascii_case("content-length").then(|| value.trim().parse::<usize>().ok())?
    });
    answer.len() >= head + 4 + length.expect("answers carry a length")
}
