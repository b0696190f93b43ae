//! Commands that start something: `demo`, `sandbox`, and `run` when it refuses to start.

use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::process::{Child, Stdio};

use serde_json::json;

use super::{json, run, run_with};
use crate::support::http::{get, post};
use crate::support::sidecar::command;

/// A running `countersign sandbox`; ended when dropped.
struct Sandbox {
    child: Child,
    address: SocketAddr,
}

impl Sandbox {
    fn start() -> Self {
        let mut child = command(&["sandbox", "--listen", "127.0.0.1:0", "--json"])
            .stdout(Stdio::piped())
            .spawn()
            .expect("the program starts");
        let mut line = String::new();
        let mut stdout = BufReader::new(child.stdout.take().expect("piped"));
        stdout.read_line(&mut line).expect("a line about where it listens");
        let told = json(&line);
        assert_eq!(told["app_ids"], json!(["countersign-demo-app"]));
        let url = told["base_url"].as_str().expect("an address");
        let address = url.strip_prefix("http://").expect("plain HTTP");
        Self { child, address: address.parse().expect("a TCP address") }
    }
}

impl Drop for Sandbox {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
fn the_sandbox_accepts_the_output_of_sign_and_ends_on_sigterm() {
    let mut sandbox = Sandbox::start();
    assert_eq!(get(sandbox.address, "/_sandbox").status, 200);
    let parameters = r#"{"mchOrderId":"A1","amount":50020,"payMethodCode":"PROMPTPAY","promptpayAccountType":"MSISDN","accountNo":"0812345678"}"#;
    let sign = ["sign", "--account", "demo", "--json", "--operation"];
    for (operation, parameters) in [
        ("payout_create", parameters),
        ("payout_status", r#"{"mchOrderId":"A1"}"#),
        ("balance", "{}"),
    ] {
        let report = run_with(&[&sign[..], &[operation]].concat(), parameters).json();
        let url = report["url"].as_str().expect("where it goes");
        let path = url.strip_prefix("http://127.0.0.1:8700").expect("the configured address");
        let envelope = report["envelope"].as_str().expect("text");
        let answer = post(sandbox.address, path, envelope);
        assert_eq!(answer.json()["code"], 10000, "{operation}: {}", answer.text());
    }
    let id = rustix::process::Pid::from_child(&sandbox.child);
    rustix::process::kill_process(id, rustix::process::Signal::TERM).expect("it is there");
    let status = sandbox.child.wait().expect("a child");
    assert_eq!(status.code(), Some(0), "SIGTERM is an orderly end");
}

#[test]
fn the_sandbox_warns_of_a_file_at_the_old_place_of_its_paths() {
    let folder = tempfile::tempdir().expect("a folder");
    std::fs::create_dir(folder.path().join("conf")).expect("a folder");
    let write = |path: &str, text: &str| {
        std::fs::write(folder.path().join(path), text).expect("a file");
    };
    write("provider.pem", include_str!("../../../config/demo/merchant.pem"));
    write("conf/sandbox.toml", "provider_key = { file = \"provider.pem\" }");
    let mut child =
        command(&["sandbox", "--listen", "127.0.0.1:0", "--config", "conf/sandbox.toml"])
            .current_dir(folder.path())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the program starts");
    let mut line = String::new();
    let mut stderr = BufReader::new(child.stderr.take().expect("piped"));
    stderr.read_line(&mut line).expect("a line");
    child.kill().expect("it runs");
    child.wait().expect("a child");
    assert!(line.starts_with("warning: provider_key: "), "{line}");
    assert!(line.contains("provider.pem"), "{line}");
}

#[test]
fn the_demo_tells_its_story_and_ends() {
    let text = run(&["demo", "--once"]).done();
    for words in ["POST /shop-th/payout_create", "countersign-demo-app", "accepted"] {
        assert!(text.contains(words), "`{words}` should be shown:\n{text}");
    }
    assert!(!text.contains('\x1b'), "no colours away from a terminal");
}

#[test]
fn the_demo_tells_its_story_as_json() {
    let story = run(&["demo", "--once", "--json"]).json();
    assert_eq!(story["ok"], true);
    let steps = story["steps"].as_array().expect("a list");
    assert!(steps.len() >= 3, "{story:#}");
    for step in steps {
        for member in ["step", "title"] {
            assert!(step[member].is_string(), "`{member}` is missing from {step:#}");
        }
        assert!(step["shown"].is_object(), "{step:#}");
    }
    let wire = steps.iter().find(|step| step["shown"]["sign"].is_string()).expect("the wire");
    assert_eq!(wire["shown"]["sign"].as_str().map(str::len), Some(344), "not shortened in JSON");
}

#[test]
fn a_command_that_cannot_start_says_why() {
    run(&["run", "--config", "no/such.toml"]).complained(1, "no/such.toml");
    run(&["sandbox", "--config", "no/such.toml"]).complained(1, "no/such.toml");
    let taken = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = taken.local_addr().expect("its address").to_string();
    run(&["sandbox", "--listen", &address]).complained(1, &format!("`{address}`"));
}
