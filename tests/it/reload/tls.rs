//! Certificates: those that listeners present, and the roots that the provider is checked against.

use std::fs;
use std::net::SocketAddr;
use std::process::{Command, Stdio};

use super::{STATUS, UNASKED_OFF, reload, text};
use crate::edge_support::Authority;
use crate::support::http::post;
use crate::support::{ConfigBuilder, Provider, Sidecar};

/// The subject of the certificate that is presented at `address`, as openssl prints it.
fn presented(address: SocketAddr) -> String {
    let output = Command::new("openssl")
        .args(["s_client", "-connect", &address.to_string(), "-servername", "localhost"])
        .stdin(Stdio::null())
        .output()
        .expect("openssl runs");
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    text.lines().find(|line| line.starts_with("subject=")).unwrap_or_default().to_owned()
}

#[test]
fn a_listener_presents_its_new_certificate_and_never_a_mismatched_pair() {
    let provider = Provider::start();
    let authority = Authority::new();
    let (one, two) = (authority.issue("one"), authority.issue("two"));
    let folder = tempfile::tempdir().expect("a folder");
    let write = |folder: &std::path::Path, name: &str, bytes: &[u8]| {
        fs::write(folder.join(name), bytes).expect("written");
    };
    write(folder.path(), "tls.pem", &one.0);
    write(folder.path(), "tls.key", &one.1);
    let notify = "{ address = \"127.0.0.1:0\", cert = { file = \"tls.pem\" }, key = { file = \"tls.key\" } }";
    let config = ConfigBuilder::new(&provider.base_url())
        .listen(&format!("app = \"127.0.0.1:0\"\nadmin = \"127.0.0.1:0\"\nnotify = {notify}"));
    write(folder.path(), "countersign.toml", text(UNASKED_OFF, &config).as_bytes());
    let sidecar = Sidecar::start_in(folder);
    assert!(presented(sidecar.notify).contains("one"), "{}", presented(sidecar.notify));

    fs::write(sidecar.file("tls.pem"), &two.0).expect("the certificate comes first");
    let refused = reload(&sidecar);
    assert_eq!(refused.status, 422, "{}", refused.text());
    assert!(refused.text().contains("listen.notify.key"), "{}", refused.text());
    assert!(presented(sidecar.notify).contains("one"));
    fs::write(sidecar.file("tls.key"), &two.1).expect("its key follows");
    assert_eq!(reload(&sidecar).status, 200);
    assert!(presented(sidecar.notify).contains("two"), "{}", presented(sidecar.notify));
}

#[test]
fn the_provider_is_checked_against_the_new_roots_at_once() {
    let provider = TlsProvider::start();
    let folder = tempfile::tempdir().expect("a folder");
    fs::write(folder.path().join("ca.pem"), provider.authority.ca_pem()).expect("written");
    let config = ConfigBuilder::new(&format!("https://localhost:{}", provider.address.port()))
        .account("tls = { ca = { file = \"ca.pem\" } }");
    fs::write(folder.path().join("countersign.toml"), text(UNASKED_OFF, &config)).expect("written");
    let sidecar = Sidecar::start_in(folder);
    // The listener on the other side does not answer like a provider; it is enough that it was reached.
    let code = || {
        let answer = post(sidecar.app, "/shop/payout_status", STATUS);
        answer.json()["code"].as_str().map(str::to_owned)
    };
    assert_ne!(code().as_deref(), Some("provider-unreachable"), "the roots match");
    fs::write(sidecar.file("ca.pem"), Authority::new().ca_pem()).expect("written");
    assert_eq!(reload(&sidecar).status, 200);
    assert_eq!(
        code().as_deref(),
        Some("provider-unreachable"),
        "the kept connection must not be used"
    );
    fs::write(sidecar.file("ca.pem"), provider.authority.ca_pem()).expect("written");
    assert_eq!(reload(&sidecar).status, 200);
    assert_ne!(code().as_deref(), Some("provider-unreachable"));
}

/// A TLS listener that answers anything, in its own runtime.
struct TlsProvider {
    authority: Authority,
    address: SocketAddr,
    _runtime: tokio::runtime::Runtime,
    _server: crate::edge_support::TestServer,
}

impl TlsProvider {
    fn start() -> Self {
        let authority = Authority::new();
        let runtime = tokio::runtime::Runtime::new().expect("a runtime");
        let inside = runtime.enter();
        let listener = authority.listener("server");
        let server = crate::edge_support::TestServer::start_on(
            listener,
            countersign::in_process::edge::Serving::default(),
        );
        let address = server.tcp();
        drop(inside);
        Self { authority, address, _runtime: runtime, _server: server }
    }
}
