//! The sidecar as a process of its own, and what the kernel says about it.

use std::collections::HashMap;
use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// Longer than this and something is broken.
const READY_WITHIN: Duration = Duration::from_secs(20);

/// The configuration's name in the sidecar's folder.
const FILE: &str = "countersign.toml";

/// A running sidecar; killed when dropped.
pub struct Sidecar {
    child: Child,
    addresses: HashMap<String, SocketAddr>,
    /// From starting the process to `/readyz` answering 200.
    pub ready_after: Duration,
}

impl Sidecar {
    /// Starts it in `folder` with a configuration of this `text`, whose listeners include `app` and `admin`.
    pub async fn start(folder: &Path, text: &str) -> Self {
        std::fs::write(folder.join(FILE), text).expect("a configuration file");
        let started = Instant::now();
        let mut child = Command::new(env!("CARGO_BIN_EXE_countersign"))
            .args(["run", "--config", FILE])
            .current_dir(folder)
            .stderr(Stdio::piped())
            .spawn()
            .expect("the sidecar starts");
        let addresses = addresses(&mut child);
        wait_until_ready(addresses["admin"], started).await;
        Self { child, addresses, ready_after: started.elapsed() }
    }

    /// Where the `listener` of that name listens.
    pub fn address(&self, listener: &str) -> SocketAddr {
        self.addresses[listener]
    }

    /// CPU time used so far, user and system.
    pub fn cpu(&self) -> Duration {
        let stat =
            std::fs::read_to_string(format!("/proc/{}/stat", self.child.id())).expect("its stat");
        // Fields are counted from after the command name, which may hold blanks: utime and stime are the 12th and 13th.
        let fields: Vec<&str> =
            stat.rsplit_once(')').expect("a name").1.split_whitespace().collect();
        let ticks: u64 = [11, 12].iter().map(|at| fields[*at].parse::<u64>().expect("ticks")).sum();
        Duration::from_millis(ticks * 10)
    }

    /// Resident memory, in MB.
    pub fn rss_mb(&self) -> f64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id()))
            .expect("its status");
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).expect("VmRSS");
        let kib: u32 = line.trim().trim_end_matches(" kB").parse().expect("a number of KiB");
        f64::from(kib) * 1024.0 / 1e6
    }
}

impl Drop for Sidecar {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Reads the log until it names the application's and the admin listener (the provider's comes before them), and goes on
/// reading so that the sidecar never waits for it.
fn addresses(child: &mut Child) -> HashMap<String, SocketAddr> {
    let mut lines = BufReader::new(child.stderr.take().expect("piped")).lines();
    let mut addresses = HashMap::new();
    while !(addresses.contains_key("app") && addresses.contains_key("admin")) {
        let line = lines.next().expect("the sidecar logs its addresses").expect("text");
        let Ok(entry) = serde_json::from_str::<serde_json::Value>(&line) else {
            panic!("the sidecar said: {line}")
        };
        let address = entry["address"].as_str().and_then(|text| text.parse().ok());
        if let (Some(listener), Some(address)) = (entry["listener"].as_str(), address) {
            addresses.insert(listener.to_owned(), address);
        }
    }
    std::thread::spawn(move || lines.map_while(Result::ok).for_each(drop));
    addresses
}

async fn wait_until_ready(admin: SocketAddr, since: Instant) {
    while since.elapsed() < READY_WITHIN {
        if ready(admin).await == Some(true) {
            return;
        }
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    panic!("the sidecar was not ready within {READY_WITHIN:?}");
}

async fn ready(admin: SocketAddr) -> Option<bool> {
    let mut stream = TcpStream::connect(admin).await.ok()?;
    stream
        .write_all(b"GET /readyz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
        .await
        .ok()?;
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).await.ok()?;
    Some(answer.starts_with(b"HTTP/1.1 200"))
}
