//! The real program, as a process of its own.

use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use super::ConfigBuilder;

/// Longer than any orderly start or stop takes.
const PATIENCE: Duration = Duration::from_secs(30);

/// A running `countersign run`; ended when dropped.
pub struct Sidecar {
    child: Child,
    /// Removed when the sidecar is dropped.
    _folder: tempfile::TempDir,
    log: Arc<Mutex<Vec<String>>>,
    /// Where applications post, when that is TCP.
    pub app: SocketAddr,
    pub admin: SocketAddr,
}

impl Sidecar {
    pub fn start(config: &ConfigBuilder) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("countersign.toml");
        std::fs::write(&file, config.text()).expect("a configuration file");
        let mut child = command(&["run", "--config"])
            .arg(&file)
            .current_dir(folder.path())
            .stderr(Stdio::piped())
            .stdout(Stdio::null())
            .spawn()
            .expect("the program starts");
        let log = Arc::new(Mutex::new(Vec::new()));
        let lines = BufReader::new(child.stderr.take().expect("piped")).lines();
        let collected = log.clone();
        std::thread::spawn(move || {
            for line in lines.map_while(Result::ok) {
                collected.lock().expect("no panic while held").push(line);
            }
        });
        let nowhere = SocketAddr::from(([127, 0, 0, 1], 1));
        let mut sidecar = Self { child, _folder: folder, log, app: nowhere, admin: nowhere };
        sidecar.admin = sidecar.wait_for_listener("admin").parse().expect("a TCP address");
        sidecar.app = sidecar.wait_for_listener("app").parse().unwrap_or(nowhere);
        sidecar.wait_until_ready();
        sidecar
    }

    /// Everything it logged so far.
    pub fn log(&self) -> Vec<String> {
        self.log.lock().expect("no panic while held").clone()
    }

    /// Sends SIGTERM and waits for the end.
    pub fn terminate(&mut self) -> ExitStatus {
        self.signal_term();
        self.wait()
    }

    pub fn signal_term(&self) {
        let id = rustix::process::Pid::from_child(&self.child);
        rustix::process::kill_process(id, rustix::process::Signal::TERM)
            .expect("the process is there");
    }

    pub fn wait(&mut self) -> ExitStatus {
        let deadline = Instant::now() + PATIENCE;
        while Instant::now() < deadline {
            if let Some(status) = self.child.try_wait().expect("a child") {
                return status;
            }
            std::thread::sleep(Duration::from_millis(10));
        }
        panic!("the program did not end within {PATIENCE:?}: {:#?}", self.log());
    }

    fn wait_for_listener(&mut self, name: &str) -> String {
        self.wait_for(&format!("a listener `{name}`"), |sidecar| {
            sidecar.log().iter().find_map(|line| {
                let entry: serde_json::Value = serde_json::from_str(line).ok()?;
                (entry["listener"] == name).then(|| entry["address"].as_str().map(str::to_owned))?
            })
        })
    }

    fn wait_until_ready(&mut self) {
        self.wait_for("readiness", |sidecar| {
            std::net::TcpStream::connect(sidecar.admin).ok()?;
            let answer = super::http::get(sidecar.admin, "/livez");
            (answer.status == 200).then_some(())
        });
    }

    fn wait_for<T>(&mut self, what: &str, mut look: impl FnMut(&Self) -> Option<T>) -> T {
        let deadline = Instant::now() + PATIENCE;
        while Instant::now() < deadline {
            if let Some(found) = look(self) {
                return found;
            }
            if let Some(status) = self.child.try_wait().expect("a child") {
                panic!(
                    "the program ended with {status} while waiting for {what}: {:#?}",
                    self.log()
                );
            }
            std::thread::sleep(Duration::from_millis(5));
        }
        panic!("{what} did not come within {PATIENCE:?}: {:#?}", self.log());
    }
}

impl Drop for Sidecar {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The program with arguments.
pub fn command(arguments: &[&str]) -> Command {
    let mut command = Command::new(PathBuf::from(env!("CARGO_BIN_EXE_countersign")));
    command.args(arguments).env_remove("COUNTERSIGN_CONFIG");
    command
}
