//! Starting, hanging up and stopping.

use std::io::{Read, Write};
use std::net::TcpListener;
use std::time::Duration;

use rustix::process::Signal;

use crate::support::http::{self, connect, post, read_answer, render};
use crate::support::provider::ACCEPTED;
use crate::support::sidecar::command;
use crate::support::{Action, ConfigBuilder, Provider, Sidecar, wait_until};

const JSON: (&str, &str) = ("Content-Type", "application/json");
const STATUS: &str = r#"{"mchOrderId":"A1"}"#;

#[test]
fn the_exchange_continues_when_the_caller_hangs_up() {
    let provider = Provider::start();
    let sidecar = Sidecar::start(&ConfigBuilder::new(&provider.base_url()));
    provider.will(Action::Late(Duration::from_millis(500), ACCEPTED.to_owned()));
    let mut caller = connect(sidecar.app);
    caller
        .write_all(&render("POST", "/shop/payout_status", &[JSON], STATUS.as_bytes()))
        .expect("written");
    wait_until("the call", || !provider.received().is_empty());
    drop(caller);
    let counted = r#"countersign_requests_total{account="shop",code="10000",operation="payout_status",outcome="accepted"} 1"#;
    wait_until("the accepted outcome", || sidecar.metrics().contains(counted));
}

#[test]
fn a_stop_lets_the_call_in_progress_finish() {
    let provider = Provider::start();
    let mut sidecar = Sidecar::start(&ConfigBuilder::new(&provider.base_url()));
    provider.will(Action::Late(Duration::from_millis(3000), ACCEPTED.to_owned()));
    let app = sidecar.app;
    let caller = std::thread::spawn(move || post(app, "/shop/payout_status", STATUS));
    wait_until("the call", || !provider.received().is_empty());
    sidecar.signal_term();
    let answer = caller.join().expect("the caller is answered");
    assert_eq!(answer.header("countersign-outcome"), Some("accepted"), "{}", answer.text());
    assert!(sidecar.wait().success(), "an orderly stop ends with status 0");
}

#[test]
fn a_stop_waits_for_calls_whose_caller_is_gone() {
    let provider = Provider::start();
    let mut sidecar = Sidecar::start(&ConfigBuilder::new(&provider.base_url()));
    provider.will(Action::Late(Duration::from_millis(3000), ACCEPTED.to_owned()));
    let mut caller = connect(sidecar.app);
    caller
        .write_all(&render("POST", "/shop/payout_status", &[JSON], STATUS.as_bytes()))
        .expect("written");
    wait_until("the call", || !provider.received().is_empty());
    drop(caller);
    assert!(sidecar.terminate().success());
    let log = sidecar.log().join("\n");
    assert!(
        log.contains("\"outcome\":\"accepted\""),
        "the exchange should have been finished: {log}"
    );
}

#[test]
fn a_request_that_is_incomplete_when_the_process_stops_is_not_begun() {
    let provider = Provider::start();
    let mut sidecar = Sidecar::start(&ConfigBuilder::new(&provider.base_url()));
    let mut caller = connect(sidecar.app);
    let mut head =
        render("POST", "/shop/payout_status", &[JSON, ("Expect", "100-continue")], b"{}");
    head.truncate(head.len() - b"{}".len());
    caller.write_all(&head).expect("written");
    let mut invitation = [0; b"HTTP/1.1 100 Continue\r\n\r\n".len()];
    caller.read_exact(&mut invitation).expect("the head was read, the body may come");
    sidecar.signal_term();
    let problem = read_answer(&mut caller).expect("an answer").problem("shutting-down", 503);
    assert_eq!(
        (&problem["outcome"], &problem["safe_to_retry"]),
        (&"not_sent".into(), &true.into())
    );
    assert!(sidecar.wait().success(), "nothing is left to wait for");
    assert!(provider.received().is_empty());
}

#[test]
fn pipelined_requests_are_answered_in_order() {
    let provider = Provider::start();
    let sidecar = Sidecar::start(&ConfigBuilder::new(&provider.base_url()));
    let mut stream = connect(sidecar.app);
    let mut bytes = Vec::new();
    for path in ["/shop/payout_status", "/shop/none", "/shop/balance"] {
        bytes.extend(render("POST", path, &[JSON], STATUS.as_bytes()));
    }
    stream.write_all(&bytes).expect("written");
    let statuses: Vec<u16> =
        (0..3).map(|_| read_answer(&mut stream).expect("an answer").status).collect();
    assert_eq!(statuses[..2], [200, 404]);
}

#[test]
fn a_taken_port_is_an_error_that_names_the_listener() {
    let taken = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = taken.local_addr().expect("its address");
    let config = ConfigBuilder::new("http://127.0.0.1:9")
        .listen(&format!("app = \"{address}\"\nadmin = \"127.0.0.1:0\""));
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("c.toml");
    std::fs::write(&file, config.text()).expect("a file");
    let output = command(&["run", "--config"]).arg(&file).output().expect("the program runs");
    assert_eq!(output.status.code(), Some(1));
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(said.contains("listen.app") && said.contains(&address.to_string()), "{said}");
}

#[test]
fn the_admin_side_answers_health_configuration_and_the_api() {
    let provider = Provider::start();
    let sidecar = Sidecar::start(&ConfigBuilder::new(&provider.base_url()));
    assert_eq!(http::get(sidecar.admin, "/livez").text(), "ok\n");
    for path in ["/readyz", "/healthz"] {
        let ready = http::get(sidecar.admin, path);
        assert_eq!((ready.status, &ready.json()["ready"]), (200, &true.into()), "{path}");
    }
    let configuration = http::get(sidecar.admin, "/config").json();
    assert_eq!(configuration["hash"].as_str().map(str::len), Some(64), "{configuration:#}");
    let api = http::get(sidecar.admin, "/openapi.json").json();
    assert_eq!(api["openapi"], "3.1.0");
    assert!(api["paths"]["/shop/payout_create"]["post"].is_object(), "{api:#}");
    assert_eq!(http::get(sidecar.admin, "/nothing").status, 404);
    let posted = http::request(sidecar.admin, "POST", "/metrics", &[], b"");
    assert_eq!((posted.status, posted.header("allow")), (405, Some("GET, HEAD")));
}

#[test]
fn a_hangup_while_the_sidecar_starts_does_not_end_it() {
    let provider = Provider::start();
    let mut sidecar = Sidecar::start(&ConfigBuilder::new(&provider.base_url()));
    assert!(sidecar.terminate().success());
    // The start waits up to five seconds for the database, which is locked here.
    let holder = rusqlite::Connection::open(sidecar.store()).expect("the database");
    holder.execute_batch("PRAGMA locking_mode = EXCLUSIVE; BEGIN EXCLUSIVE").expect("a lock");
    sidecar.restart_while(move |starting| {
        wait_until("SIGHUP is listened for", || hears_hangups(starting));
        starting.signal(Signal::HUP);
        drop(holder);
    });
    let unchanged = "countersign_config_reloads_total{result=\"unchanged\"}";
    wait_until("the requested reload", || sidecar.metric(unchanged) == Some(1.0));
}

/// Whether the process has a handler for SIGHUP, the first bit of the mask.
fn hears_hangups(sidecar: &Sidecar) -> bool {
    let status = std::fs::read_to_string(format!("/proc/{}/status", sidecar.process_id()));
    let status = status.unwrap_or_default();
    let caught = status.lines().find_map(|line| line.strip_prefix("SigCgt:"));
    caught.is_some_and(|mask| u64::from_str_radix(mask.trim(), 16).is_ok_and(|mask| mask & 1 == 1))
}
