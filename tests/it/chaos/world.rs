//! The real program between a provider that counts and an application that receives events, with everything that can
//! happen to it.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::Signal;
use serde_json::Value;

use super::application::Application;
use super::books::{by_reference, delivers_nothing, journal};
use super::gate::Gate;
use super::ledger::{Ledger, Post};
use super::random::Random;
use super::verdict::{Evidence, Freeze, Violation};
use crate::support::counting::Counting;
use crate::support::http::{read_answer, request, try_post};
use crate::support::openssl::KeyPair;
use crate::support::tiny_disk::TinyDisk;
use crate::support::{ConfigBuilder, Faults, Sidecar, payout, wait_until};

/// `whsec_` and the base64 of 32 bytes.
const SECRET: &str = "whsec_MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=";

/// Longer than the sidecar takes for any answer.
const PATIENCE: Duration = Duration::from_secs(60);

/// How long it may take until every outcome is known: a few of the resolver's pauses.
const SETTLE_PATIENCE: Duration = Duration::from_secs(90);
const LOOK_EVERY: Duration = Duration::from_millis(200);
/// An event that is owed is stored and delivered a moment after its payment is settled, and nothing shows it before.
const OWED_PATIENCE: Duration = Duration::from_secs(20);

/// The amount of a payout whose amount does not matter: 500.20.
pub const AMOUNT: u64 = 50020;

pub struct World {
    pub began: Instant,
    pub provider: Counting,
    pub application: Application,
    /// Where the provider posts notifications, whatever port the sidecar has now.
    pub notify: Gate,
    pub sidecar: Sidecar,
    /// The faults of the store's disk and of the clock, for every process.
    pub faults: Faults,
    clock_ms: i64,
    /// Another one on the same store.
    pub second: Option<Sidecar>,
    /// The store's disk, if it has its own. Declared, and so dropped, after the processes that use it.
    pub disk: Option<TinyDisk>,
    config: ConfigBuilder,
    pub ledger: Arc<Ledger>,
    freezes: Mutex<Vec<Freeze>>,
    notes: Mutex<Vec<(Instant, String)>>,
}

/// Where calls reach the provider.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Line {
    Plain,
    Tls,
}

/// An account towards `provider` that believes "not found" after `grace` seconds, with its own `sections`.
pub fn config(
    provider: &Counting,
    application: &Application,
    line: Line,
    grace: u32,
    sections: &str,
) -> ConfigBuilder {
    let base_url = match line {
        Line::Plain => provider.base_url(),
        Line::Tls => provider.tls_url(),
    };
    let config = ConfigBuilder::new(&base_url)
        .account("currency = \"THB\"\ntimezone = \"+07:00\"")
        .without_notify_url()
        .grace(grace)
        .file("ca.pem", provider.ca_pem())
        .notified_by(KeyPair::provider().public())
        .section(&format!(
            "[account.delivery]\nurl = \"http://{}/events\"\nsecret = \"{SECRET}\"",
            application.address
        ))
        .section(sections)
        .section("[reload]\nwatch = false\npoll = \"off\"");
    match line {
        Line::Plain => config,
        Line::Tls => config.account("tls = { ca = { file = \"ca.pem\" } }"),
    }
}

impl World {
    /// A quiet world: the application does not fail, the provider sends no notification until a test says so.
    pub fn start(line: Line, grace: u32, sections: &str) -> Self {
        Self::with(Application::steady(), None, line, grace, sections)
    }

    /// A world whose application sometimes fails, with its store on `disk`.
    pub fn rough(
        random: Random,
        disk: Option<TinyDisk>,
        line: Line,
        grace: u32,
        sections: &str,
    ) -> Self {
        Self::with(Application::start(random), disk, line, grace, sections)
    }

    fn with(
        application: Application,
        disk: Option<TinyDisk>,
        line: Line,
        grace: u32,
        sections: &str,
    ) -> Self {
        let provider = Counting::start();
        let store = disk.as_ref().map_or_else(String::new, |disk| {
            let folder = disk.path().display();
            format!("\n[store]\nurl = \"sqlite:{folder}/countersign.db\"")
        });
        let sections = &format!("{sections}{store}");
        let config = config(&provider, &application, line, grace, sections);
        let notify = Gate::start();
        provider.notify_at(notify.address);
        let faults = Faults::on("countersign.db");
        let sidecar = Sidecar::start_with_faults(&config, &faults);
        notify.lead_to(sidecar.notify);
        Self {
            began: Instant::now(),
            provider,
            application,
            notify,
            sidecar,
            faults,
            clock_ms: 0,
            second: None,
            disk,
            config,
            ledger: Arc::default(),
            freezes: Mutex::default(),
            notes: Mutex::default(),
        }
    }

    /// Remembers what happens to the processes, for the stories.
    pub fn note(&self, what: impl Into<String>) {
        lock(&self.notes).push((Instant::now(), what.into()));
    }

    /// Posts a payout and waits for its answer.
    pub fn pay(&self, reference: &str) -> Post {
        self.pay_as(self.ledger.caller(), reference)
    }

    /// The same, by a caller that may have posted before.
    pub fn pay_as(&self, caller: u64, reference: &str) -> Post {
        post(self.sidecar.app, &self.ledger, caller, reference)
    }

    /// Posts a payout without waiting; the thread returns the caller's answer.
    pub fn caller(&self, reference: &str) -> thread::JoinHandle<Post> {
        let (app, ledger) = (self.sidecar.app, self.ledger.clone());
        let reference = reference.to_owned();
        thread::spawn(move || post(app, &ledger, ledger.caller(), &reference))
    }

    /// Posts a payout and hangs up once `until` is true.
    pub fn pay_and_hang_up(&self, reference: &str, what: &str, until: impl FnMut() -> bool) {
        let (caller, began) = (self.ledger.caller(), Instant::now());
        let body = payout(reference, AMOUNT);
        let stream = try_post(self.sidecar.app, "/shop/payout_create", &body, PATIENCE);
        wait_until(what, until);
        drop(stream);
        self.ledger.note(reference, Post::ended(caller, AMOUNT, began, None));
    }

    /// The newest row of the journal under a reference.
    pub fn row(&self, reference: &str) -> Value {
        let arguments = ["payments", "list", "--json", "--reference", reference];
        self.sidecar.run_json(&arguments)["payments"][0].clone()
    }

    /// Where callers and the provider find the sidecars.
    pub fn apps(&self) -> Vec<SocketAddr> {
        let second = self.second.iter().map(|second| second.app);
        std::iter::once(self.sidecar.app).chain(second).collect()
    }

    pub fn kill(&mut self) {
        self.note("kill -9");
        self.sidecar.kill();
        self.notify.lead_nowhere();
    }

    pub fn terminate(&mut self) {
        self.note("SIGTERM");
        self.notify.lead_nowhere();
        self.sidecar.terminate();
    }

    pub fn restart(&mut self) {
        self.sidecar.restart_with_faults(&self.faults);
        self.notify.lead_to(self.sidecar.notify);
        self.note("started again");
    }

    pub fn stop(&self) {
        self.note("SIGSTOP");
        self.sidecar.signal(Signal::STOP);
    }

    pub fn go_on(&self) {
        self.note("SIGCONT");
        self.sidecar.signal(Signal::CONT);
    }

    /// The clock jumps ahead for every process, from wherever it is.
    pub fn clock_ahead(&mut self, milliseconds: i64) {
        self.note(format!("the clock jumps ahead by {milliseconds} ms"));
        self.clock_ms += milliseconds;
        self.faults.set_clock_off_by(self.clock_ms);
    }

    /// Starts another process on the same store.
    pub fn start_second(&mut self) {
        let folder = tempfile::tempdir().expect("a folder");
        let mut text = self.sidecar.configuration();
        if !text.contains("[store]") {
            let store = self.sidecar.store();
            text = format!("[store]\nurl = \"sqlite:{}\"\n{text}", store.display());
        }
        std::fs::write(folder.path().join("countersign.toml"), text).expect("written");
        for (name, text) in self.config.files() {
            std::fs::write(folder.path().join(name), text).expect("written");
        }
        self.second = Some(Sidecar::start_in_with_faults(folder, &self.faults));
        self.note("a second process on the store");
    }

    pub fn kill_second(&mut self) {
        let Some(mut second) = self.second.take() else { return };
        self.note("kill -9 of the second process");
        second.kill();
    }

    pub fn freeze(&self) {
        let arguments = ["freeze", "shop", "--reason", "chaos", "--config", "countersign.toml"];
        let output = self.sidecar.run_with_faults(&arguments, &self.faults);
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        lock(&self.freezes).push(Freeze { from: Instant::now(), until: None });
        self.note("`freeze` has returned");
    }

    pub fn unfreeze(&self) {
        if let Some(freeze) = lock(&self.freezes).last_mut() {
            freeze.until = Some(Instant::now());
        }
        self.note("`unfreeze` is called");
        let arguments = ["unfreeze", "shop", "--config", "countersign.toml"];
        let output = self.sidecar.run_with_faults(&arguments, &self.faults);
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    }

    /// Adopts the configuration as changed by `change`.
    pub fn reload(&self, what: &str, change: impl FnOnce(String) -> String) {
        self.sidecar.configure(&change(self.config.text()));
        let answer = request(self.sidecar.admin, "POST", "/reload", &[], b"");
        self.note(format!("reload: {what} ({})", answer.status));
        assert_eq!(answer.status, 200, "{}", answer.text());
    }

    /// What is open: payments, deliveries, or the provider's notifications.
    fn open(&self) -> Option<&'static str> {
        let open = |row: &Value| {
            !matches!(row["state"].as_str(), Some("accepted" | "rejected" | "not_sent"))
        };
        if self.rows().iter().any(open) {
            return Some("payments");
        }
        if !delivers_nothing(&self.sidecar) {
            return Some("deliveries");
        }
        (self.provider.notices_open() > 0).then_some("notifications")
    }

    /// Waits a bounded time until nothing is open; returns what is still open then.
    pub fn settle(&self, within: Duration) -> Option<&'static str> {
        let deadline = Instant::now() + within;
        loop {
            match self.open() {
                Some(_) if Instant::now() < deadline => thread::sleep(LOOK_EVERY),
                open => return open,
            }
        }
    }

    fn rows(&self) -> Vec<Value> {
        journal(&self.sidecar, 1000)
    }

    /// Everything that is known, with what `ledger` says about its own callers.
    pub fn evidence(&self, ledger: &Ledger) -> Evidence {
        Evidence {
            began: self.began,
            posts: ledger.all(),
            books: self.provider.books(),
            journal: by_reference(self.rows()),
            taken: self.application.taken(),
            freezes: lock(&self.freezes).clone(),
            notes: lock(&self.notes).clone(),
        }
    }

    /// What is known once everything is settled, and what violates a promise in it.
    pub fn judged(&self, ledger: &Ledger) -> (Evidence, Vec<Violation>) {
        let owed_by = Instant::now() + OWED_PATIENCE;
        loop {
            let evidence = self.evidence(ledger);
            let violations = evidence.violations();
            if violations.is_empty() || Instant::now() > owed_by {
                return (evidence, violations);
            }
            thread::sleep(LOOK_EVERY);
        }
    }

    /// Fails unless every outcome is known in the end and everything agrees.
    #[track_caller]
    pub fn assert_honest(&self) {
        let open = self.settle(SETTLE_PATIENCE);
        let (evidence, violations) = self.judged(&self.ledger);
        assert!(violations.is_empty(), "{}", told(&evidence, &violations));
        assert_eq!(open, None, "is still open");
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Violations with their stories.
pub fn told(evidence: &Evidence, violations: &[Violation]) -> String {
    let tell =
        |it: &Violation| format!("{}: {}\n{}", it.reference, it.why, evidence.story(&it.reference));
    violations.iter().map(tell).collect::<Vec<_>>().join("\n")
}

fn post(app: SocketAddr, ledger: &Ledger, caller: u64, reference: &str) -> Post {
    let began = Instant::now();
    let sent = try_post(app, "/shop/payout_create", &payout(reference, AMOUNT), PATIENCE);
    let answer = sent.and_then(|mut stream| read_answer(&mut stream));
    let post = Post::ended(caller, AMOUNT, began, answer.as_ref());
    ledger.note(reference, post.clone());
    post
}
