//! The table of contents: builds every part from a loaded configuration and wires them together.
//!
//! [`Sidecar::open`] binds the listeners, opens the store and builds the parts; [`Sidecar::run`] runs them in a
//! pingora server with its signals, [`Sidecar::serve`] runs them on the current runtime, for the demonstration and
//! for embedding.

mod background;
mod draining;
mod reloading;
mod spendings;
mod usable;

use std::num::NonZeroUsize;
use std::sync::Arc;
use std::time::Duration;

use futures::executor::block_on;
use pingora_core::server::ShutdownWatch;
use pingora_core::services::background::background_service;

use crate::admin::{Admin, StoreHealth};
use crate::audit::{self, Actor, Audit};
use crate::clock::{Clock, instant};
use crate::config::{Address, Live, Loaded, Snapshot};
use crate::delivery::Delivery;
use crate::edge::signals::Hangups;
use crate::edge::{self, BindError, Bound, Inherited, PingoraUpstream, Serving};
use crate::inbound::Inbound;
use crate::metrics::Metrics;
use crate::outbound::Outbound;
use crate::outbound::payment::resolver;
use crate::reload::{Reloader, Stranding, announce, log_separate, names_of};
use crate::sign::SignPool;
use crate::store::{self, Store, StoreError};
use crate::{logging, trace};

use background::{InBackground, close, close_blocking};
use draining::{Draining, drain_max};
use spendings::Spendings;

pub(crate) use usable::check_usable;

/// Signatures that may wait per signing thread. At 1.5 ms each (4096 bits) the last of them waits about 200 ms, which
/// a caller still accepts; beyond that, requests are refused as overloaded.
const SIGNATURES_WAITING_PER_THREAD: usize = 128;

/// When pingora ends the process if nothing else does: longer than any configurable call.
const DRAIN_CEILING: Duration = Duration::from_secs(11 * 60);

/// Version and commit, for the build's metric.
#[derive(Clone, Copy, Debug)]
pub struct Build {
    /// The crate's version.
    pub version: &'static str,
    /// The commit it was built from.
    pub commit: &'static str,
}

/// Why a sidecar could not be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// A listener cannot be opened; the error names its configuration key.
    #[error(transparent)]
    Listener(#[from] BindError),
    /// The store cannot be opened.
    #[error("`store.url`: {0}")]
    Store(#[from] StoreError),
    /// The audit log cannot be opened.
    #[error("`audit.file`: {0}")]
    Audit(#[source] std::io::Error),
}

/// A sidecar whose listeners are open: callers may connect already and are answered once it runs.
pub struct Sidecar {
    app: Bound,
    admin: Bound,
    outbound: Arc<Outbound>,
    admin_side: Arc<Admin>,
    /// The provider's side, when notifications are configured.
    inbound: Option<(Bound, Arc<Inbound>)>,
    delivery: Delivery,
    reloader: Arc<Reloader>,
    store: Arc<dyn Store>,
    audit: Audit,
    serving: Serving,
    drain_max: Duration,
    draining: Draining,
}

impl Sidecar {
    /// Opens the listeners and the store and builds the parts.
    ///
    /// # Errors
    /// When a listener or the store cannot be opened; the error names its configuration key.
    pub fn open(loaded: Loaded, clock: Clock, build: Build) -> Result<Self, OpenError> {
        edge::install_crypto_provider();
        let boot = loaded.boot;
        let mut inherited = Inherited::from_environment();
        let mut bind = |name, listener| edge::bind_or_take(name, listener, &mut inherited);
        let app = bind("listen.app", &boot.app)?;
        let admin = bind("listen.admin", &boot.admin)?;
        let notify =
            boot.notify.as_ref().map(|notify| bind("listen.notify", notify)).transpose()?;
        inherited.report_the_rest();
        let notify_certificate = notify.as_ref().and_then(Bound::certificate);
        let certificates = [app.certificate(), notify_certificate, admin.certificate()];
        let metrics = Metrics::new(build.version, build.commit);
        announce(&metrics, &loaded.snapshot);
        let drain_max = drain_max(&loaded.snapshot);
        let live = Live::new(loaded.snapshot);
        let store = store::open_by(&boot.store, clock.clone())?;
        let audit = Audit::open(boot.audit.as_ref(), clock.clone(), &*store, Actor::Sidecar)
            .map_err(OpenError::Audit)?;
        audit::started(&audit, &live.load());
        let inbound = notify.map(|notify| {
            let inbound = Inbound {
                live: live.clone(),
                store: store.clone(),
                metrics: metrics.clone(),
                clock: clock.clone(),
            };
            (notify, Arc::new(inbound))
        });
        let delivery = Delivery {
            live: live.clone(),
            inbox: store.clone(),
            upstream: Arc::new(PingoraUpstream::default()),
            metrics: metrics.clone(),
            clock: clock.clone(),
        };
        know_names(&*store, &live.load())?;
        let spendings = Spendings::read(&*store)?;
        let outbound = Arc::new(Outbound::new(
            live.clone(),
            Arc::new(PingoraUpstream::default()),
            SignPool::start(cores(), cores() * SIGNATURES_WAITING_PER_THREAD),
            store.clone(),
            metrics.clone(),
            clock.clone(),
        ));
        spendings.count(&outbound.limiters, &live.load());
        let draining = Draining::default();
        let reloader = Reloader::new(
            (live.clone(), boot, loaded.seen),
            reloading::parts(
                certificates,
                outbound.clone(),
                spendings,
                draining.clone(),
                audit.clone(),
            ),
            store.clone(),
            metrics.clone(),
            clock.clone(),
        );
        let health = StoreHealth::new(store.clone());
        let reload = reloader.clone();
        let admin_side = Arc::new(Admin { live, metrics, clock, store: health, reload });
        let serving = Serving::default();
        Ok(Self {
            app,
            admin,
            outbound,
            admin_side,
            inbound,
            delivery,
            reloader,
            store,
            audit,
            serving,
            drain_max,
            draining,
        })
    }

    /// Where applications post; a configured port 0 has been replaced by the port the kernel chose.
    pub fn app_address(&self) -> &Address {
        self.app.address()
    }

    /// Where the provider posts notifications, if that is configured.
    pub fn notify_address(&self) -> Option<&Address> {
        self.inbound.as_ref().map(|(notify, _)| notify.address())
    }

    /// Where metrics and health are served.
    pub fn admin_address(&self) -> &Address {
        self.admin.address()
    }

    /// Runs until a signal ends the process: SIGTERM lets all work in progress finish first, SIGINT does not. SIGHUP
    /// reloads, and so does each of `hangups`.
    ///
    /// # Errors
    /// When signals cannot be listened for, or the thread that supervises the orderly stop cannot be started.
    pub fn run(self, hangups: Hangups) -> std::io::Result<()> {
        let reloader = self.reloader.clone();
        let signals = edge::signals::listen(hangups, move || reloader.hang_up())?;
        let mut server = edge::drain::server(cores(), DRAIN_CEILING);
        let (store, audit) = (self.store, self.audit);
        let (live, draining) = (self.outbound.live.clone(), self.draining);
        edge::drain::exit_when_drained(
            &server,
            self.serving.in_flight.clone(),
            self.serving.deadlines.linger,
            // Evaluated when the stop begins: a reload may have changed how long calls take.
            move || draining.max(&live.load(), instant()),
            move |_| {
                close_blocking(&*store, &audit);
                tracing::info!("stopped");
                trace::finish();
                logging::finish();
            },
        )?;
        let in_flight = self.serving.in_flight.clone();
        let delivering = InBackground::new(in_flight.clone(), |stop| self.delivery.run(stop));
        let outbound = self.outbound.clone();
        let resolving = InBackground::new(in_flight.clone(), |stop| resolver::run(outbound, stop));
        let reloading = InBackground::new(in_flight, |stop| self.reloader.run(stop));
        server.add_service(self.app.service(self.outbound, self.serving.clone()));
        if let Some((notify, inbound)) = self.inbound {
            server.add_service(notify.service(inbound, self.serving.clone()));
        }
        server.add_service(background_service("delivery", delivering));
        server.add_service(background_service("resolver", resolving));
        server.add_service(background_service("reload", reloading));
        // Health and metrics have their own thread, so that they are answered when calls keep the other threads busy.
        server.add_service(self.admin.service(self.admin_side, self.serving).with_threads(1));
        server.run(signals);
        Ok(())
    }

    /// Runs on the current runtime until `shutdown` turns true and all work in progress is finished.
    pub async fn serve(self, shutdown: ShutdownWatch) {
        let drain_max = self.drain_max;
        let app = self.app.service(self.outbound.clone(), self.serving.clone());
        let admin = self.admin.service(self.admin_side, self.serving.clone());
        let notify = async {
            if let Some((notify, inbound)) = self.inbound {
                let service = notify.service(inbound, self.serving);
                edge::serve(service, shutdown.clone(), drain_max).await;
            }
        };
        tokio::join!(
            edge::serve(app, shutdown.clone(), drain_max),
            edge::serve(admin, shutdown.clone(), drain_max),
            notify,
            self.delivery.run(shutdown.clone()),
            resolver::run(self.outbound, shutdown.clone()),
            self.reloader.run(shutdown.clone()),
        );
        close(&*self.store, &self.audit).await;
    }
}

/// Runs before the first call: payments begun under an account's former names must be found, and payments that this
/// configuration strands are reported.
fn know_names(store: &dyn Store, snapshot: &Snapshot) -> Result<(), StoreError> {
    let names = names_of(snapshot);
    // First report what the store holds now: afterwards it holds the names of this configuration.
    let standing = block_on(store.standing(&names))?;
    log_separate(&block_on(store.know_accounts(&names))?);
    store.tell_accounts(&names);
    Stranding::of(snapshot, standing).log();
    Ok(())
}

fn cores() -> usize {
    std::thread::available_parallelism().map_or(1, NonZeroUsize::get)
}
