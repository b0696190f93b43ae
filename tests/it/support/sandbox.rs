//! The sandbox provider as a separate process, controlled over HTTP.

use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::process::{Child, Stdio};

use serde_json::Value;

use super::http::{get, post, request};
use super::sidecar::command;

/// A running `countersign sandbox`; ended when dropped.
pub struct SandboxProcess {
    child: Child,
    address: SocketAddr,
}

impl SandboxProcess {
    pub fn start() -> Self {
        Self::start_with("")
    }

    /// Starts it with a configuration of this text.
    pub fn start_with(config: &str) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("sandbox.toml");
        std::fs::write(&file, config).expect("a configuration file");
        let file = file.to_str().expect("a path of text");
        let mut child =
            command(&["sandbox", "--listen", "127.0.0.1:0", "--json", "--config", file])
                .stdout(Stdio::piped())
                .stderr(Stdio::null())
                .spawn()
                .expect("the sandbox starts");
        let mut line = String::new();
        let mut stdout = BufReader::new(child.stdout.take().expect("piped"));
        stdout.read_line(&mut line).expect("a line");
        let told: Value = serde_json::from_str(&line).expect("JSON");
        let url = told["base_url"].as_str().expect("its address");
        let address = url.trim_start_matches("http://").parse().expect("an address");
        Self { child, address }
    }

    /// The address for the provider's calls and the tests' requests.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    pub fn base_url(&self) -> String {
        format!("http://{}", self.address)
    }

    #[track_caller]
    pub fn fault(&self, rule: &Value) {
        let answer = post(self.address, "/_sandbox/faults", &rule.to_string());
        assert!(answer.status < 300, "{rule}: {}", answer.text());
    }

    pub fn clear_faults(&self) {
        request(self.address, "DELETE", "/_sandbox/faults", &[], b"");
    }

    /// Everything that happened at the sandbox.
    pub fn transactions(&self) -> Vec<Value> {
        let listed = get(self.address, "/_sandbox/transactions").json();
        listed.as_array().expect("a list").clone()
    }

    /// The number of payouts under a reference.
    pub fn payouts(&self, reference: &str) -> usize {
        let all = self.transactions();
        all.iter().filter(|transaction| transaction["reference"] == reference).count()
    }
}

impl Drop for SandboxProcess {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
