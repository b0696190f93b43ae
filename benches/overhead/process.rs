//! The sidecar as a process of its own, and what the kernel says about it.

use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// Longer than this and something is broken.
const READY_WITHIN: Duration = Duration::from_secs(20);

/// A running sidecar; ended when dropped.
pub struct Sidecar {
    child: Child,
    /// Where applications post.
    pub app: SocketAddr,
    /// From starting the process to `/readyz` answering 200.
    pub ready_after: Duration,
}

impl Sidecar {
    /// Starts one account, `bench`, towards `upstream`, with the key in `folder`.
    pub async fn start(folder: &Path, upstream: SocketAddr) -> Self {
        let config = folder.join("countersign.toml");
        let key = folder.join("key.pem");
        let text = format!(
            "[listen]\napp = \"127.0.0.1:0\"\nadmin = \"127.0.0.1:0\"\n\n[log]\nformat = \"json\"\nlevel = \"info\"\n\n\
             [[account]]\nname = \"bench\"\nprovider = \"bluepay\"\nbase_url = \"http://{upstream}\"\napp_id = \"bench\"\n\
             [account.limits]\nin_flight = 1024\n[[account.signing_key]]\nid = \"bench\"\nprivate_key = {{ file = {key:?} }}\n"
        );
        std::fs::write(&config, text).expect("a configuration file");
        let started = Instant::now();
        let mut child = Command::new(env!("CARGO_BIN_EXE_countersign"))
            .args(["run", "--config"])
            .arg(&config)
            .stderr(Stdio::piped())
            .spawn()
            .expect("the sidecar starts");
        let (app, admin) = addresses(&mut child);
        wait_until_ready(admin, started).await;
        Self { child, app, ready_after: started.elapsed() }
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

    /// Resident memory, in KiB.
    pub fn rss_kib(&self) -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id()))
            .expect("its status");
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).expect("VmRSS");
        line.trim().trim_end_matches(" kB").parse().expect("a number of KiB")
    }
}

impl Drop for Sidecar {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Reads the log until it names the application and the admin address, and goes on reading so that it never blocks.
fn addresses(child: &mut Child) -> (SocketAddr, SocketAddr) {
    let mut lines = BufReader::new(child.stderr.take().expect("piped")).lines();
    let (mut app, mut admin) = (None, None);
    while app.is_none() || admin.is_none() {
        let line = lines.next().expect("the sidecar logs its addresses").expect("text");
        let Ok(entry) = serde_json::from_str::<serde_json::Value>(&line) else {
            panic!("the sidecar said: {line}")
        };
        let address = entry["address"].as_str().and_then(|text| text.parse().ok());
        match entry["listener"].as_str() {
            Some("app") => app = address,
            Some("admin") => admin = address,
            _ => {}
        }
    }
    std::thread::spawn(move || lines.map_while(Result::ok).for_each(drop));
    (app.expect("an address"), admin.expect("an address"))
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
