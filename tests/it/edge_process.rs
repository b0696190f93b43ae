//! The process as the system sees it: asked to stop, it finishes its work and exits at once.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use countersign::in_process::config::Address;
use countersign::in_process::edge::{Deadlines, Serving, bind, drain, signals};
use countersign::in_process::wire::{Handler, Refusal, Reply, Request};
use http::StatusCode;
use rustix::process::{Pid, Signal, kill_process};

use crate::edge_support::loopback;

const DRAIN_MAX: Duration = Duration::from_secs(60);
const IS_CHILD: &str = "COUNTERSIGN_TEST_PROCESS";
const LINGER: Duration = Duration::from_millis(100);

/// Answers when a line arrives on standard input.
struct OnCue;

#[async_trait]
impl Handler for OnCue {
    fn body_bytes_max(&self) -> usize {
        1024
    }

    async fn handle(&self, _request: Request) -> Reply {
        eprintln!("started");
        let cue = || std::io::stdin().read_exact(&mut [0]);
        tokio::task::spawn_blocking(cue).await.unwrap().expect("a cue");
        eprintln!("finished");
        Reply::new(StatusCode::OK, "text/plain", "done")
    }

    fn refuse(&self, refusal: Refusal) -> Reply {
        Reply::new(StatusCode::BAD_REQUEST, "text/plain", format!("{refusal:?}"))
    }
}

#[test]
#[ignore = "the process that the other tests here start"]
fn process() {
    if std::env::var_os(IS_CHILD).is_none() {
        return;
    }
    let serving = Serving {
        deadlines: Deadlines { linger: LINGER, ..Deadlines::default() },
        ..Serving::default()
    };
    let bound = bind("listen.app", &loopback()).unwrap();
    let Address::Tcp(address) = *bound.address() else { panic!("a TCP listener") };
    let told = signals::listen(signals::Hangups::keep().unwrap(), || {}).unwrap();
    let mut server = drain::server(1, DRAIN_MAX);
    server.add_service(bound.service(Arc::new(OnCue), serving.clone()));
    let say_how = |outcome| eprintln!("{outcome:?}");
    drain::exit_when_drained(&server, serving.in_flight, LINGER, || DRAIN_MAX, say_how).unwrap();
    eprintln!("address={address}");
    server.run(told);
}

struct Process {
    child: Child,
    lines: std::io::Lines<BufReader<std::process::ChildStderr>>,
    address: SocketAddr,
}

impl Process {
    fn start() -> Self {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "edge_process::process", "--ignored", "--nocapture"])
            .env(IS_CHILD, "")
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
        let line = lines.next().unwrap().unwrap();
        let address = line.strip_prefix("address=").expect("its address").parse().unwrap();
        Self { child, lines, address }
    }

    fn request(&mut self) -> TcpStream {
        let mut caller = TcpStream::connect(self.address).unwrap();
        caller.write_all(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n").unwrap();
        self.expect_line("started");
        caller
    }

    fn tell_to_stop(&self) {
        let id = Pid::from_raw(i32::try_from(self.child.id()).unwrap()).unwrap();
        kill_process(id, Signal::TERM).unwrap();
        while TcpStream::connect(self.address).is_ok() {
            std::thread::yield_now();
        }
    }

    /// Waits past the moment at which an idle process would have exited.
    fn is_still_there(&mut self) -> bool {
        std::thread::sleep(3 * LINGER);
        self.child.try_wait().unwrap().is_none()
    }

    fn cue(&mut self) {
        self.child.stdin.as_mut().unwrap().write_all(b"\n").unwrap();
    }

    fn expect_line(&mut self, expected: &str) {
        let line = self.lines.find(|line| line.as_ref().is_ok_and(|line| line == expected));
        assert!(line.is_some(), "the process never said `{expected}`");
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // Already gone, unless the test failed.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
fn a_process_asked_to_stop_answers_first_and_then_exits() {
    let mut process = Process::start();
    let mut caller = process.request();
    process.tell_to_stop();
    assert!(process.is_still_there(), "a request is still in flight");
    process.cue();
    let mut answer = String::new();
    caller.read_to_string(&mut answer).unwrap();
    assert!(answer.ends_with("\r\n\r\ndone"), "{answer}");
    process.expect_line("Completely");
    assert!(process.child.wait().unwrap().success());
}

#[test]
fn a_request_whose_caller_is_gone_also_delays_the_exit() {
    let mut process = Process::start();
    drop(process.request());
    process.tell_to_stop();
    assert!(process.is_still_there(), "the request continues without its caller");
    process.cue();
    process.expect_line("finished");
    process.expect_line("Completely");
    assert!(process.child.wait().unwrap().success());
}
