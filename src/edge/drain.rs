//! Ends the process when the last request is answered, and not before.
//!
//! pingora's graceful stop closes the listeners, then sleeps a fixed time and cuts off whatever still runs. A payment
//! that is cut off is a payment in an unknown state, so that time is only a ceiling here, and the process exits as
//! soon as nothing is in flight.

use crate::clock::{instant, later};
use crate::threads;
use std::time::Duration;

use pingora_core::server::configuration::ServerConf;
use pingora_core::server::{ExecutionPhase, Server};
use tokio::runtime::Builder;
use tokio::sync::broadcast::error::RecvError;

use super::in_flight::InFlight;

/// Added to the linger of idle connections, so that a request that came in its last moment is counted.
const LINGER_MARGIN: Duration = Duration::from_millis(200);

/// How often the count is checked while waiting.
const LOOK_EVERY: Duration = Duration::from_millis(20);

/// No process can create a socket there. Handing listeners over to a new process is not supported, and pingora's
/// default path is in the shared temporary directory, where any local user could wait for them.
const NO_UPGRADE_SOCKET: &str = "/nonexistent/countersign-upgrade.sock";

/// A pingora server with our settings and no services. `threads` is the default for each service; `drain_max` limits
/// a graceful stop and is rounded up to seconds.
pub fn server(threads: usize, drain_max: Duration) -> Server {
    let configuration = ServerConf {
        threads,
        grace_period_seconds: Some(drain_max.as_secs() + 1),
        graceful_shutdown_timeout_seconds: Some(1),
        upgrade_sock: NO_UPGRADE_SOCKET.to_owned(),
        ..ServerConf::default()
    };
    Server::new_with_opt_and_conf(None, configuration)
}

/// How a stop of the process ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Drained {
    /// Every request was answered.
    Completely,
    /// Time was up while this many requests were in progress.
    CutOff(usize),
}

/// Watches `server`, which must not have been run yet. When the server was asked to stop gracefully and its requests
/// are answered, or `drain_max` (evaluated then) after that, calls `before_exit` (flush, close the store) and exits
/// the process: 0 when every request was answered, 1 otherwise.
pub fn exit_when_drained(
    server: &Server,
    in_flight: InFlight,
    linger: Duration,
    drain_max: impl Fn() -> Duration + Send + 'static,
    before_exit: impl FnOnce(Drained) + Send + 'static,
) -> std::io::Result<()> {
    let mut phases = server.watch_execution_phase();
    let runtime = Builder::new_current_thread().enable_time().build()?;
    let drained = async move {
        loop {
            match phases.recv().await {
                Ok(ExecutionPhase::ShutdownGracePeriod) => break,
                Ok(_) | Err(RecvError::Lagged(_)) => {}
                // The server has ended: a fast stop, or it never ran.
                Err(RecvError::Closed) => return None,
            }
        }
        Some(wait_until_drained(&in_flight, linger, drain_max()).await)
    };
    let watch = move || {
        let Some(outcome) = runtime.block_on(drained) else { return };
        if let Drained::CutOff(requests) = outcome {
            tracing::error!(requests, "the time to finish is over: requests are cut off");
        }
        before_exit(outcome);
        #[expect(clippy::exit, reason = "pingora would wait although everything is drained")]
        std::process::exit(i32::from(outcome != Drained::Completely));
    };
    threads::start("drain", watch)?;
    Ok(())
}

/// Waits until nothing is in flight, for up to `drain_max`.
pub(super) async fn wait_until_drained(
    in_flight: &InFlight,
    linger: Duration,
    drain_max: Duration,
) -> Drained {
    let deadline = later(instant(), drain_max);
    tokio::time::sleep(linger.saturating_add(LINGER_MARGIN).min(drain_max)).await;
    loop {
        match in_flight.count() {
            0 => return Drained::Completely,
            requests if instant() >= deadline => return Drained::CutOff(requests),
            _ => tokio::time::sleep(LOOK_EVERY).await,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_request_that_never_ends_is_cut_off_at_the_ceiling() {
        let in_flight = InFlight::default();
        let _stuck = in_flight.enter();
        let a_minute = Duration::from_secs(60);
        let outcome = wait_until_drained(&in_flight, Duration::ZERO, a_minute).await;
        assert_eq!(outcome, Drained::CutOff(1));
    }

    #[tokio::test(start_paused = true)]
    async fn draining_ends_when_the_last_request_does() {
        let in_flight = InFlight::default();
        let guard = in_flight.enter();
        let waiting = wait_until_drained(&in_flight, Duration::ZERO, Duration::from_secs(60));
        let mut waiting = std::pin::pin!(waiting);
        let second = Duration::from_secs(1);
        let early = tokio::time::timeout(second, waiting.as_mut()).await;
        assert!(early.is_err(), "one request is still in flight");
        drop(guard);
        assert_eq!(tokio::time::timeout(second, waiting).await, Ok(Drained::Completely));
    }
}
