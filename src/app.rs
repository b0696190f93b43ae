//! The table of contents: builds every part from a loaded configuration and wires them together.
//!
//! [`Sidecar::open`] binds the listeners and builds the parts; [`Sidecar::run`] gives them to a pingora server with its
//! signals, [`Sidecar::serve`] runs them on the runtime at hand, for the demonstration and for embedding.

use std::num::NonZeroUsize;
use std::sync::Arc;
use std::time::Duration;

use pingora_core::server::{RunArgs, ShutdownWatch};

use crate::admin::Admin;
use crate::clock::Clock;
use crate::config::{Address, Live, Loaded, Snapshot};
use crate::edge::{self, BindError, Bound, PingoraUpstream, Serving};
use crate::limits::InFlight;
use crate::metrics::{KeyUse, Metrics};
use crate::outbound::Outbound;
use crate::sign::SignPool;

/// Signatures that may wait per signing thread. At 1.5 ms each (4096 bits) the last of them waits about 200 ms, which a
/// caller still accepts; more than that is refused as overloaded.
const SIGNATURES_WAITING_PER_THREAD: usize = 128;

/// How long a stop waits beyond the longest total time-out, so that the last answer is still written.
const DRAIN_MARGIN: Duration = Duration::from_secs(5);

/// Version and commit, for the build's metric.
#[derive(Clone, Copy, Debug)]
pub struct Build {
    /// The crate's version.
    pub version: &'static str,
    /// The commit it was built from.
    pub commit: &'static str,
}

/// A sidecar whose listeners are open: callers may connect already and are answered once it runs.
pub struct Sidecar {
    app: Bound,
    admin: Bound,
    outbound: Arc<Outbound>,
    admin_side: Arc<Admin>,
    serving: Serving,
    drain_max: Duration,
}

impl Sidecar {
    /// Opens the listeners and builds the parts.
    ///
    /// # Errors
    /// When a listener cannot be opened; the error names its configuration key.
    pub fn open(loaded: Loaded, clock: Clock, build: Build) -> Result<Self, BindError> {
        edge::install_crypto_provider();
        let app = edge::bind("listen.app", &loaded.boot.app)?;
        let admin = edge::bind("listen.admin", &loaded.boot.admin)?;
        let metrics = Metrics::new(build.version, build.commit);
        announce(&metrics, &loaded.snapshot);
        let drain_max = drain_max(&loaded.snapshot);
        let live = Live::new(loaded.snapshot);
        let outbound = Arc::new(Outbound {
            live: live.clone(),
            upstream: Arc::new(PingoraUpstream::default()),
            signers: SignPool::start(cores(), cores() * SIGNATURES_WAITING_PER_THREAD),
            in_flight: InFlight::new(metrics.clone()),
            metrics: metrics.clone(),
            clock: clock.clone(),
        });
        let admin_side = Arc::new(Admin { live, metrics, clock });
        Ok(Self { app, admin, outbound, admin_side, serving: Serving::default(), drain_max })
    }

    /// Where applications post; a configured port 0 has become the one the kernel chose.
    pub fn app_address(&self) -> &Address {
        self.app.address()
    }

    /// Where metrics and health are.
    pub fn admin_address(&self) -> &Address {
        self.admin.address()
    }

    /// Runs until a signal ends the process: SIGTERM lets every call under way finish first, SIGINT does not.
    ///
    /// # Errors
    /// When the thread that watches over the orderly stop cannot be started.
    pub fn run(self) -> std::io::Result<()> {
        let mut server = edge::drain::server(cores(), self.drain_max);
        edge::drain::exit_when_drained(
            &server,
            self.serving.in_flight.clone(),
            self.serving.deadlines.linger,
            self.drain_max,
            |_| tracing::info!("stopped"),
        )?;
        server.add_service(self.app.service(self.outbound, self.serving.clone()));
        // Health and metrics have a thread of their own, so that they are answered when calls keep the others busy.
        server.add_service(self.admin.service(self.admin_side, self.serving).with_threads(1));
        server.run(RunArgs::default());
        Ok(())
    }

    /// Runs on the current runtime until `shutdown` turns true and every call under way is finished.
    pub async fn serve(self, shutdown: ShutdownWatch) {
        let app = self.app.service(self.outbound, self.serving.clone());
        let admin = self.admin.service(self.admin_side, self.serving);
        tokio::join!(
            edge::serve(app, shutdown.clone(), self.drain_max),
            edge::serve(admin, shutdown, self.drain_max),
        );
    }
}

/// Makes the series of every account and key exist from the start.
fn announce(metrics: &Metrics, snapshot: &Snapshot) {
    for account in snapshot.accounts.values() {
        let operations =
            account.provider.operations.iter().map(|operation| operation.name.as_str());
        metrics.announce_account(&account.name, operations);
        for key in account.signing_keys.keys() {
            let not_after = key.not_after.map(|end| end.as_second());
            metrics.announce_key(&account.name, &key.id, KeyUse::Sign, not_after);
        }
        for key in &account.provider_keys {
            metrics.announce_key(&account.name, &key.id, KeyUse::Verify, None);
        }
    }
}

/// Long enough for any call that may be under way when the stop begins.
fn drain_max(snapshot: &Snapshot) -> Duration {
    let longest = snapshot.accounts.values().map(|account| account.timeouts.total).max();
    longest.unwrap_or_default() + DRAIN_MARGIN
}

fn cores() -> usize {
    std::thread::available_parallelism().map_or(1, NonZeroUsize::get)
}
