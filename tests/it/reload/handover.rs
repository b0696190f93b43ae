//! One process replaces another at a socket that outlives both, as systemd holds it.

use std::net::TcpListener;

use super::mounted::Load;
use crate::support::{ConfigBuilder, Provider, Sidecar};

#[test]
fn no_caller_is_refused_while_one_process_replaces_another() {
    let provider = Provider::start();
    let socket = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = socket.local_addr().expect("its address");
    let config = ConfigBuilder::new(&provider.base_url())
        .listen(&format!("app = \"{address}\"\nadmin = \"127.0.0.1:0\""));
    let mut sidecar = Sidecar::start_with_socket(&config, &socket);
    assert_eq!(sidecar.app, address);
    let load = Load::start(address);
    for _ in 0..2 {
        load.go_on();
        assert!(sidecar.terminate().success(), "{:#?}", sidecar.log());
        sidecar.restart_with_socket(&socket);
    }
    load.go_on();
    let failures = load.end();
    assert!(failures.is_empty(), "{failures:#?}");
}
