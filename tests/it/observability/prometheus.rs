//! A real Prometheus that scrapes one sidecar and evaluates the project's rules.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;

use super::{project, tool};

/// Longer than its start or any answer takes.
const PATIENCE: Duration = Duration::from_secs(30);

/// A running Prometheus; ended when dropped, its data with it.
pub struct Prometheus {
    child: Child,
    address: SocketAddr,
    _folder: tempfile::TempDir,
}

impl Prometheus {
    /// Scrapes `target` and evaluates `alerts/countersign.rules.yml`, both every second.
    pub fn scraping(target: SocketAddr) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let config = folder.path().join("prometheus.yml");
        let rules = project("alerts/countersign.rules.yml");
        let text = format!(
            "global: {{ scrape_interval: 1s, scrape_timeout: 1s, evaluation_interval: 1s }}\n\
             rule_files: [{rules:?}]\n\
             scrape_configs: [{{ job_name: countersign, static_configs: [{{ targets: [\"{target}\"] }}] }}]\n"
        );
        std::fs::write(&config, text).expect("a configuration");
        let mut child = tool("prometheus")
            .arg(format!("--config.file={}", config.display()))
            .arg(format!("--storage.tsdb.path={}", folder.path().join("data").display()))
            .arg("--web.listen-address=127.0.0.1:0")
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .expect("prometheus starts");
        let address = listening(&mut child);
        Self { child, address, _folder: folder }
    }

    /// The result of an instant query, or why there is none.
    pub fn query(&self, expr: &str) -> Result<Vec<Value>, String> {
        let encoded: String = url::form_urlencoded::Serializer::new(String::new())
            .append_pair("query", expr)
            .finish();
        let answer = self.get(&format!("/api/v1/query?{encoded}"));
        match answer["status"].as_str() {
            Some("success") => Ok(answer["data"]["result"].as_array().expect("a vector").clone()),
            _ => Err(answer["error"].to_string()),
        }
    }

    /// Every rule, as returned by `/api/v1/rules`.
    pub fn rules(&self) -> Vec<Value> {
        let answer = self.get("/api/v1/rules");
        let groups = answer["data"]["groups"].as_array().expect("groups").clone();
        groups.iter().flat_map(|group| group["rules"].as_array().expect("rules").clone()).collect()
    }

    /// HTTP/1.0, so that the answer comes in one piece and ends with the connection.
    fn get(&self, path: &str) -> Value {
        let mut stream = TcpStream::connect(self.address).expect("prometheus");
        stream.set_read_timeout(Some(PATIENCE)).expect("a time-out");
        write!(stream, "GET {path} HTTP/1.0\r\nHost: localhost\r\n\r\n").expect("written");
        let mut answer = String::new();
        stream.read_to_string(&mut answer).expect("an answer");
        let (head, body) = answer.split_once("\r\n\r\n").expect("a whole answer");
        serde_json::from_str(body).unwrap_or_else(|error| panic!("{error}: {head}\n{body}"))
    }
}

impl Drop for Prometheus {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Reads the log until it names the port, and continues reading so that Prometheus never blocks on it.
fn listening(child: &mut Child) -> SocketAddr {
    let started = Instant::now();
    let mut lines = BufReader::new(child.stderr.take().expect("piped")).lines();
    let mut seen = Vec::new();
    while started.elapsed() < PATIENCE {
        let Some(Ok(line)) = lines.next() else { break };
        // Up to version 2 `msg="Listening on" address=…`, since version 3 the same with other fields around.
        let named = line.split("\"Listening on\"").nth(1);
        let address = named.and_then(|rest| rest.split("address=").nth(1));
        if let Some(address) = address.and_then(|rest| rest.split_whitespace().next()) {
            std::thread::spawn(move || lines.map_while(Result::ok).for_each(drop));
            return address.parse().expect("an address");
        }
        seen.push(line);
    }
    panic!("prometheus did not say where it listens: {seen:#?}");
}
