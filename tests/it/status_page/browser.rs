//! A real headless browser: Chromium, set to resolve no name, with virtual time that runs ahead while it waits.

use std::net::SocketAddr;
use std::path::Path;
use std::process::{Command, Output};

use serde_json::Value;

/// The browser's result for the page.
pub struct Visit {
    /// The final page, as markup.
    pub dom: String,
    /// The visible text: markup removed, one blank between words. Still escaped as in markup.
    pub text: String,
    /// Everything written to the console.
    pub complaints: Vec<String>,
    /// Addresses that the page requested and that are not its own.
    pub strangers: Vec<String>,
}

/// Opens the page at `address` and reads it some refreshes later.
pub fn visit(address: SocketAddr) -> Visit {
    let folder = tempfile::tempdir().expect("a folder");
    let log = folder.path().join("net.json");
    let log_to = format!("--log-net-log={}", log.display());
    let output = chromium(folder.path(), address, &["--dump-dom", &log_to]);
    let said = String::from_utf8_lossy(&output.stderr);
    let complaints = said.lines().filter(|line| line.contains("CONSOLE")).map(str::to_owned);
    let dom = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(dom.contains("</html>"), "no page came back: {said}");
    Visit {
        text: text(&dom),
        complaints: complaints.collect(),
        strangers: strangers(&log, address),
        dom,
    }
}

/// A picture of the page, as PNG.
pub fn screenshot(address: SocketAddr) -> Vec<u8> {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("page.png");
    let to = format!("--screenshot={}", file.display());
    let output = chromium(folder.path(), address, &[&to, "--window-size=1180,1240"]);
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    std::fs::read(&file).unwrap_or_else(|error| panic!("no picture ({error}): {said}"))
}

fn chromium(folder: &Path, address: SocketAddr, arguments: &[&str]) -> Output {
    // `timeout` ends a browser that hangs. Without a sandbox, because tests also run as root; it opens our own page only.
    Command::new("timeout")
        .args([
            "--kill-after=5",
            "90",
            "chromium",
            "--headless=new",
            "--no-sandbox",
            "--disable-gpu",
        ])
        .args(["--disable-dev-shm-usage", "--no-first-run", "--disable-background-networking"])
        .args(["--host-resolver-rules=MAP * ~NOTFOUND , EXCLUDE 127.0.0.1", "--hide-scrollbars"])
        .args(["--enable-logging=stderr", "--virtual-time-budget=20000"])
        .arg(format!("--user-data-dir={}", folder.join("profile").display()))
        .args(arguments)
        .arg(format!("http://{address}/"))
        .env("HOME", folder)
        .env("TZ", "UTC")
        .output()
        .expect("`timeout` and `chromium` run: ./dev test installs them")
}

/// Every request that the browser's network log attributes to the page.
fn strangers(log: &Path, address: SocketAddr) -> Vec<String> {
    let text = std::fs::read_to_string(log).expect("the network log");
    let log: Value = serde_json::from_str(&text).expect("JSON");
    let own = format!("http://{address}");
    let asked: Vec<&str> = log["events"]
        .as_array()
        .expect("events")
        .iter()
        .filter(|event| event["params"]["initiator"] == own.as_str())
        .filter_map(|event| event["params"]["url"].as_str())
        .collect();
    assert!(
        asked.iter().any(|url| url.ends_with("/status.json")),
        "the log shows requests: {asked:?}"
    );
    let is_own = |url: &&str| url.starts_with(&format!("{own}/"));
    asked.into_iter().filter(|url| !is_own(url)).map(str::to_owned).collect()
}

fn text(dom: &str) -> String {
    let body = dom.split_once("<body").map_or(dom, |(_, body)| body);
    let body = body.split("<script").next().unwrap_or(body);
    let seen: String = body
        .split('<')
        .map(|piece| piece.split_once('>').map_or("", |(_, text)| text))
        .collect::<Vec<_>>()
        .join(" ");
    seen.split_whitespace().collect::<Vec<_>>().join(" ")
}
