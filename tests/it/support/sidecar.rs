//! The real program, as a separate process.

use std::io::{BufRead, BufReader};
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use super::canaries::Canaries;
use super::{ConfigBuilder, Faults};

/// Longer than any orderly start or stop takes.
const PATIENCE: Duration = Duration::from_secs(30);

/// The configuration's name in the sidecar's folder.
const FILE: &str = "countersign.toml";
const NOWHERE: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 1);

/// A running `countersign run`; ended when dropped.
pub struct Sidecar {
    child: Child,
    /// Removed when the sidecar is dropped.
    folder: tempfile::TempDir,
    log: Arc<Mutex<Vec<String>>>,
    /// Where applications post, if that is TCP.
    pub app: SocketAddr,
    pub admin: SocketAddr,
    /// Where the provider posts, if there is such a listener.
    pub notify: SocketAddr,
}

impl Sidecar {
    pub fn start(config: &ConfigBuilder) -> Self {
        Self::start_by(&config.text(), config.files(), |_| {})
    }

    /// The same with a configuration as text.
    pub fn start_text(text: &str) -> Self {
        Self::start_by(text, &[], |_| {})
    }

    /// Starts it so that none of its files can grow over `kib` KiB, as on a full disk.
    pub fn start_with_file_limit(config: &ConfigBuilder, kib: u64) -> Self {
        Self::start_by(&config.text(), config.files(), |command| {
            let bytes = kib * 1024;
            let limit = rustix::process::Rlimit { current: Some(bytes), maximum: Some(bytes) };
            let limited = move || {
                rustix::process::setrlimit(rustix::process::Resource::Fsize, limit)?;
                Ok(())
            };
            // SAFETY: `setrlimit` is async-signal-safe and nothing else is called between fork and exec.
            unsafe { std::os::unix::process::CommandExt::pre_exec(command, limited) };
        })
    }

    /// Starts it on a disk and with a clock that can be made to fail.
    pub fn start_with_faults(config: &ConfigBuilder, faults: &Faults) -> Self {
        Self::start_by(&config.text(), config.files(), |command| faults.apply_to(command))
    }

    fn start_by(
        text: &str,
        files: &[(&'static str, String)],
        prepare: impl FnOnce(&mut Command),
    ) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        std::fs::write(folder.path().join(FILE), text).expect("a configuration file");
        for (name, text) in files {
            std::fs::write(folder.path().join(name), text).expect("a file beside it");
        }
        Self::start_in_by(folder, prepare)
    }

    /// Starts it with a listening socket that is also open elsewhere, as systemd passes them.
    pub fn start_with_socket(config: &ConfigBuilder, socket: &std::net::TcpListener) -> Self {
        Self::start_by(&config.text(), config.files(), pass(socket))
    }

    /// Starts it again with that socket, after it ended.
    pub fn restart_with_socket(&mut self, socket: &std::net::TcpListener) {
        self.log = Arc::new(Mutex::new(Vec::new()));
        self.child = spawn(self.folder.path(), &self.log, pass(socket));
        self.learn_addresses();
    }

    /// Starts it in a folder that already contains its configuration.
    pub fn start_in(folder: tempfile::TempDir) -> Self {
        Self::start_in_by(folder, |_| {})
    }

    /// The same with faults.
    pub fn start_in_with_faults(folder: tempfile::TempDir, faults: &Faults) -> Self {
        Self::start_in_by(folder, |command| faults.apply_to(command))
    }

    fn start_in_by(folder: tempfile::TempDir, prepare: impl FnOnce(&mut Command)) -> Self {
        let log = Arc::new(Mutex::new(Vec::new()));
        let child = spawn(folder.path(), &log, prepare);
        let mut sidecar =
            Self { child, folder, log, app: NOWHERE, admin: NOWHERE, notify: NOWHERE };
        sidecar.learn_addresses();
        sidecar
    }

    /// Starts it again in the same folder, with a new log and new ports, after it ended.
    pub fn restart(&mut self) {
        self.restart_while(|_| {});
    }

    /// The same, running `meanwhile` while it starts.
    pub fn restart_while(&mut self, meanwhile: impl FnOnce(&Self)) {
        self.log = Arc::new(Mutex::new(Vec::new()));
        self.child = spawn(self.folder.path(), &self.log, |_| {});
        meanwhile(self);
        self.learn_addresses();
    }

    /// The same with faults; [`Sidecar::restart`] starts it without any.
    pub fn restart_with_faults(&mut self, faults: &Faults) {
        self.log = Arc::new(Mutex::new(Vec::new()));
        self.child = spawn(self.folder.path(), &self.log, |command| faults.apply_to(command));
        self.learn_addresses();
    }

    /// Kills it at once.
    pub fn kill(&mut self) {
        self.child.kill().expect("the process is there");
        self.child.wait().expect("a child");
    }

    /// Runs `countersign inbox` beside it and returns its output; `--json` is among the arguments.
    #[track_caller]
    pub fn inbox(&self, arguments: &[&str]) -> serde_json::Value {
        self.run_json(&[&["inbox"], arguments].concat())
    }

    /// Runs another command on its configuration and returns the JSON it prints.
    #[track_caller]
    pub fn run_json(&self, arguments: &[&str]) -> serde_json::Value {
        let (name, rest) = arguments.split_first().expect("a command");
        let output = command(&[name, "--config", FILE])
            .args(rest)
            .current_dir(self.folder.path())
            .output()
            .expect("the program runs");
        serde_json::from_slice(&output.stdout).unwrap_or_else(|error| {
            panic!("{arguments:?} ({error}): {}", String::from_utf8_lossy(&output.stderr))
        })
    }

    /// Its configuration.
    pub fn config_file(&self) -> PathBuf {
        self.folder.path().join(FILE)
    }

    /// A file in its folder.
    pub fn file(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Rewrites its configuration, in place.
    pub fn configure(&self, text: &str) {
        std::fs::write(self.file(FILE), text).expect("a configuration file");
    }

    /// The number of its process.
    pub fn process_id(&self) -> u32 {
        self.child.id()
    }

    /// The file of its store.
    pub fn store(&self) -> PathBuf {
        self.folder.path().join("data/countersign.db")
    }

    fn learn_addresses(&mut self) {
        self.admin = self.wait_for_listener("admin").parse().expect("a TCP address");
        self.app = self.wait_for_listener("app").parse().unwrap_or(NOWHERE);
        // It is logged before the application's listener, if there is one.
        let notify = self.listener("notify");
        self.notify = notify.map_or(NOWHERE, |address| address.parse().expect("a TCP address"));
        self.wait_until_ready();
    }

    /// The text of its configuration.
    pub fn configuration(&self) -> String {
        std::fs::read_to_string(self.folder.path().join(FILE)).unwrap_or_default()
    }

    /// Its working directory, with its store and its files.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Its metrics, as text.
    pub fn metrics(&self) -> String {
        super::http::get(self.admin, "/metrics").text()
    }

    /// The value of exactly this series; `None` when there is none.
    pub fn metric(&self, series: &str) -> Option<f64> {
        super::http::metric(self.admin, series)
    }

    /// Runs another command on its configuration, whatever the result.
    pub fn run(&self, arguments: &[&str]) -> std::process::Output {
        command(arguments).current_dir(self.folder.path()).output().expect("the program runs")
    }

    /// The same with faults.
    pub fn run_with_faults(&self, arguments: &[&str], faults: &Faults) -> std::process::Output {
        let mut command = command(arguments);
        faults.apply_to(&mut command);
        command.current_dir(self.folder.path()).output().expect("the program runs")
    }

    fn assert_nothing_leaked(&self) {
        let log = self.log().join("\n");
        Canaries::of(&self.configuration()).assert_absent("the log", &log);
        assert!(!log.contains("\"unlisted\""), "a field is not in the list of fields:\n{log}");
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
        self.signal(rustix::process::Signal::TERM);
    }

    pub fn signal(&self, signal: rustix::process::Signal) {
        let id = rustix::process::Pid::from_child(&self.child);
        rustix::process::kill_process(id, signal).expect("the process is there");
    }

    pub fn wait(&mut self) -> ExitStatus {
        let deadline = Instant::now() + PATIENCE;
        while Instant::now() < deadline {
            let ended = self.child.try_wait().expect("a child");
            // The thread that reads its log shares it until the end of the log.
            if let Some(status) = ended.filter(|_| Arc::strong_count(&self.log) == 1) {
                return status;
            }
            std::thread::sleep(Duration::from_millis(10));
        }
        panic!("the program did not end within {PATIENCE:?}: {:#?}", self.log());
    }

    fn wait_for_listener(&mut self, name: &str) -> String {
        self.wait_for(&format!("a listener `{name}`"), |sidecar| sidecar.listener(name))
    }

    fn listener(&self, name: &str) -> Option<String> {
        self.log().iter().find_map(|line| {
            let entry: serde_json::Value = serde_json::from_str(line).ok()?;
            (entry["listener"] == name).then(|| entry["address"].as_str().map(str::to_owned))?
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
        panic!("{what} did not happen within {PATIENCE:?}: {:#?}", self.log());
    }
}

impl Drop for Sidecar {
    /// Ends it, and fails the test when it logged anything that must not be logged even at its highest level.
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        if !std::thread::panicking() {
            self.assert_nothing_leaked();
        }
    }
}

/// Keeps `socket` open in the process and passes its number.
fn pass(socket: &std::net::TcpListener) -> impl FnOnce(&mut Command) {
    use std::os::fd::{AsFd, AsRawFd};
    let socket = socket.try_clone().expect("a second handle");
    move |command| {
        command.env("LISTEN_FDS", "1").env("LISTEN_FDS_FIRST_FD", socket.as_raw_fd().to_string());
        let keep_open = move || {
            rustix::io::fcntl_setfd(socket.as_fd(), rustix::io::FdFlags::empty())?;
            Ok(())
        };
        // SAFETY: `fcntl` is async-signal-safe and nothing else is called between fork and exec.
        unsafe { std::os::unix::process::CommandExt::pre_exec(command, keep_open) };
    }
}

fn spawn(
    folder: &Path,
    log: &Arc<Mutex<Vec<String>>>,
    prepare: impl FnOnce(&mut Command),
) -> Child {
    let mut command = command(&["run", "--config", FILE]);
    command.current_dir(folder).stderr(Stdio::piped()).stdout(Stdio::null());
    prepare(&mut command);
    let mut child = command.spawn().expect("the program starts");
    let lines = BufReader::new(child.stderr.take().expect("piped")).lines();
    let collected = log.clone();
    std::thread::spawn(move || {
        for line in lines.map_while(Result::ok) {
            collected.lock().expect("no panic while held").push(line);
        }
    });
    child
}

/// The program with arguments.
pub fn command(arguments: &[&str]) -> Command {
    let mut command = Command::new(PathBuf::from(env!("CARGO_BIN_EXE_countersign")));
    command.args(arguments).env_remove("COUNTERSIGN_CONFIG");
    command
}
