//! The load: keep-alive connections that send one request after the other.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// What the clients saw.
pub struct Load {
    latencies_us: Vec<u32>,
    /// Answers that were not the expected one.
    pub refused: usize,
    took: Duration,
}

impl Load {
    /// Answered requests.
    pub fn requests(&self) -> usize {
        self.latencies_us.len()
    }

    /// Answered requests per second.
    pub fn per_second(&self) -> f64 {
        self.requests() as f64 / self.took.as_secs_f64()
    }

    /// The latency that a share of `quantile` of the requests stayed under, in milliseconds.
    pub fn percentile_ms(&self, quantile: f64) -> f64 {
        let at = ((self.latencies_us.len() - 1) as f64 * quantile) as usize;
        f64::from(self.latencies_us[at]) / 1e3
    }
}

/// Sends what `next` makes from `connections` connections, for as long as `during` or until there is no more.
/// `is_expected` looks at each whole answer, in lower case.
pub async fn run(
    address: SocketAddr,
    connections: usize,
    during: Duration,
    next: impl Fn() -> Option<Vec<u8>> + Clone + Send + 'static,
    is_expected: fn(&str) -> bool,
) -> Load {
    let started = Instant::now();
    let end = started + during;
    let clients: Vec<_> = (0..connections)
        .map(|_| tokio::spawn(client(address, end, next.clone(), is_expected)))
        .collect();
    let (mut latencies_us, mut refused) = (Vec::new(), 0);
    for client in clients {
        let (latencies, refusals) = client.await.expect("a client");
        latencies_us.extend(latencies);
        refused += refusals;
    }
    let took = started.elapsed();
    latencies_us.sort_unstable();
    assert!(!latencies_us.is_empty(), "no request was answered");
    Load { latencies_us, refused, took }
}

/// A POST of a JSON `body` to `path`.
pub fn post(path: &str, body: &str) -> Vec<u8> {
    let length = body.len();
    format!(
        "POST {path} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: {length}\r\n\r\n{body}"
    )
    .into_bytes()
}

async fn client(
    address: SocketAddr,
    end: Instant,
    next: impl Fn() -> Option<Vec<u8>>,
    is_expected: fn(&str) -> bool,
) -> (Vec<u32>, usize) {
    let mut stream = TcpStream::connect(address).await.expect("the sidecar");
    stream.set_nodelay(true).expect("no delay");
    let (mut latencies, mut refused) = (Vec::new(), 0);
    let mut answer = Vec::with_capacity(4096);
    while Instant::now() < end {
        let Some(request) = next() else { break };
        let started = Instant::now();
        stream.write_all(&request).await.expect("the sidecar reads");
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
        refused += usize::from(!is_expected(&text));
    }
    (latencies, refused)
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
