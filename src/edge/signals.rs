//! The signals that end the process or make it reload, listened for from before the first request.
//!
//! pingora starts its services first and listens for signals afterwards. In between, a SIGTERM would have the
//! system's default effect: it would end the process at once, with requests in progress.

use std::io;

use async_trait::async_trait;
use pingora_core::server::{RunArgs, ShutdownSignal, ShutdownSignalWatch};
use rustix::process::Signal;
use tokio::runtime::{Builder, Runtime};
use tokio::signal::unix::{Signal as Signals, SignalKind, signal};
use tokio::sync::watch;

use crate::threads;

/// How the process was asked to stop.
#[derive(Clone, Copy, Debug)]
enum Stop {
    /// SIGTERM or SIGQUIT: finish first.
    Gracefully,
    /// SIGINT: a person at the terminal does not want to wait.
    AtOnce,
}

/// SIGHUP, listened for from the process's first moments: one that comes while the sidecar starts does not end it.
pub struct Hangups {
    runtime: Runtime,
    hangup: Signals,
}

impl Hangups {
    /// Listens from now on, and keeps what arrives for [`listen`].
    ///
    /// # Errors
    /// When the signal cannot be listened for.
    pub fn keep() -> io::Result<Self> {
        let runtime = Builder::new_current_thread().enable_all().build()?;
        let hangup = {
            let _inside = runtime.enter();
            signal(SignalKind::hangup())?
        };
        Ok(Self { runtime, hangup })
    }
}

/// Listens from now on; passes stop signals to the server that is run with the result, and SIGHUP to `on_hangup`.
///
/// # Errors
/// When the signals cannot be listened for.
pub fn listen(hangups: Hangups, on_hangup: impl Fn() + Send + 'static) -> io::Result<RunArgs> {
    let Hangups { runtime, mut hangup } = hangups;
    let inside = runtime.enter();
    let mut terminate = signal(SignalKind::terminate())?;
    let mut quit = signal(SignalKind::quit())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    // Then a file at the size limit fails one write, as a full disk does, instead of ending the process.
    let _over_file_size_limit = signal(SignalKind::from_raw(Signal::XFSZ.as_raw()))?;
    drop(inside);
    let (sender, receiver) = watch::channel(None);
    let wait = async move {
        let stop = loop {
            tokio::select! {
                _ = terminate.recv() => break Stop::Gracefully,
                _ = quit.recv() => break Stop::Gracefully,
                _ = interrupt.recv() => break Stop::AtOnce,
                _ = hangup.recv() => on_hangup(),
            }
        };
        let _ = sender.send(Some(stop));
    };
    threads::start("signals", move || runtime.block_on(wait))?;
    Ok(RunArgs { shutdown_signal: Box::new(Stops(receiver)) })
}

struct Stops(watch::Receiver<Option<Stop>>);

#[async_trait]
impl ShutdownSignalWatch for Stops {
    async fn recv(&self) -> ShutdownSignal {
        let mut stops = self.0.clone();
        let stop = stops.wait_for(Option::is_some).await.map(|stop| *stop);
        match stop {
            Ok(Some(Stop::AtOnce)) => ShutdownSignal::FastShutdown,
            Ok(Some(Stop::Gracefully) | None) | Err(_) => ShutdownSignal::GracefulTerminate,
        }
    }
}
