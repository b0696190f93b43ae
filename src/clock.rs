//! Time as an argument: the pure middle takes a [`Clock`], so tests control the time.
//!
//! There are two kinds of time. The *wall clock* dates things for people and for other systems; it can be set, so it
//! decides nothing that must not happen too early. The *uptime* advances only with real time, and is the same for
//! every process on the machine; it has no meaning after a restart of the machine, which [`Clock::boot`] reveals.
#![expect(clippy::disallowed_methods, reason = "this file owns the clocks")]

use std::fs;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use jiff::Timestamp;
use rustix::time::{ClockId, clock_gettime};
use tokio::runtime::Handle;
use tokio::time::Instant;

/// A century: practically for ever, and still within the range of a clock.
const FAR: Duration = Duration::from_secs(100 * 366 * 24 * 3600);

/// The moment `length` after `from`. Lengths come from outside, and `+` panics on those beyond the range of the
/// clock; this function stops after a century.
pub fn later(from: Instant, length: Duration) -> Instant {
    from.checked_add(length.min(FAR)).unwrap_or(from)
}

/// Now, on the clock that only moves forward and that a test's paused runtime controls.
pub fn instant() -> Instant {
    Instant::now()
}

/// Now, on the machine's wall clock, to the nanosecond.
pub fn wall_clock() -> Timestamp {
    Timestamp::now()
}

/// A duration in milliseconds, as stores and logs count it. Saturates after 292 million years.
pub fn milliseconds(length: Duration) -> i64 {
    i64::try_from(length.as_millis()).unwrap_or(i64::MAX)
}

/// Waits for an answer from a thread outside the runtime. A test's paused clock, which jumps to the next timer when
/// the runtime is idle, waits for it.
pub async fn from_thread<T>(answer: impl Future<Output = T>) -> T {
    #[cfg(test)]
    let _still = tests::hold_still();
    answer.await
}

/// Where "now" comes from.
#[derive(Clone, Debug, Default)]
pub enum Clock {
    /// The machine's clocks.
    #[default]
    System,
    /// Clocks that a test moves.
    Moved(Arc<MovedClock>),
}

/// The clocks of a machine that exists only in a test. They stand still, or run from their current time.
#[derive(Debug)]
pub struct MovedClock {
    wall_ms: AtomicI64,
    uptime_ms: AtomicI64,
    boots: AtomicI64,
    runs: Option<Run>,
}

/// When the clocks started running, and on which runtime's time: the one of the test, which may be paused.
#[derive(Debug)]
struct Run {
    since: Instant,
    runtime: Option<Handle>,
}

impl Clock {
    /// Clocks that stand still, the wall clock at `unix_ms` milliseconds since the Unix epoch.
    pub fn fixed(unix_ms: i64) -> Self {
        Self::moved(unix_ms, None)
    }

    /// Clocks that run with the runtime's time, and that a test can also move.
    pub fn running() -> Self {
        let run = Run { since: instant(), runtime: Handle::try_current().ok() };
        Self::moved(Self::System.unix_ms(), Some(run))
    }

    fn moved(unix_ms: i64, runs: Option<Run>) -> Self {
        let (wall_ms, uptime_ms, boots) = (unix_ms.into(), UPTIME_MS.into(), 1.into());
        Self::Moved(Arc::new(MovedClock { wall_ms, uptime_ms, boots, runs }))
    }

    /// The handle that moves these clocks, unless they are the machine's.
    pub fn moves(&self) -> Option<&MovedClock> {
        match self {
            Self::System => None,
            Self::Moved(clock) => Some(clock),
        }
    }

    /// The wall clock: milliseconds since the Unix epoch.
    pub fn unix_ms(&self) -> i64 {
        match self {
            Self::System => wall_clock().as_millisecond(),
            Self::Moved(clock) => clock.wall_ms.load(Ordering::Relaxed) + clock.ran_ms(),
        }
    }

    /// The same instant as a timestamp.
    pub fn now(&self) -> Timestamp {
        Timestamp::from_millisecond(self.unix_ms()).unwrap_or(Timestamp::MAX)
    }

    /// Milliseconds since the machine started, including sleep. Setting the wall clock does not change it.
    pub fn uptime_ms(&self) -> i64 {
        match self {
            Self::System => {
                let uptime = clock_gettime(ClockId::Boottime);
                uptime.tv_sec.saturating_mul(1_000).saturating_add(uptime.tv_nsec / 1_000_000)
            }
            Self::Moved(clock) => clock.uptime_ms.load(Ordering::Relaxed) + clock.ran_ms(),
        }
    }

    /// Identifies one start of one machine, and distinguishes processes that count another uptime; `None` where the
    /// system does not provide it.
    pub fn boot(&self) -> Option<String> {
        match self {
            Self::System => {
                let boot = fs::read_to_string("/proc/sys/kernel/random/boot_id").ok()?;
                // A container may count its uptime from another start. Without time namespaces all processes share one count.
                let space = fs::read_link("/proc/self/ns/time").unwrap_or_default();
                Some(format!("{} {}", boot.trim(), space.display()))
            }
            Self::Moved(clock) => Some(clock.boots.load(Ordering::Relaxed).to_string()),
        }
    }
}

/// A machine in a test has been up for an hour.
const UPTIME_MS: i64 = 3_600_000;

impl MovedClock {
    /// The same on every thread: a store's threads know no runtime.
    fn ran_ms(&self) -> i64 {
        let Some(Run { since, runtime }) = &self.runs else { return 0 };
        let _within = runtime.as_ref().map(Handle::enter);
        milliseconds(since.elapsed())
    }

    /// Lets time pass, in milliseconds.
    pub fn pass(&self, milliseconds: i64) {
        self.wall_ms.fetch_add(milliseconds, Ordering::Relaxed);
        self.uptime_ms.fetch_add(milliseconds, Ordering::Relaxed);
    }

    /// Moves the wall clock forward by that many milliseconds, or back; no time passes.
    pub fn jump(&self, milliseconds: i64) {
        self.wall_ms.fetch_add(milliseconds, Ordering::Relaxed);
    }

    /// Restarts the machine, after `off_ms` milliseconds.
    pub fn reboot(&self, off_ms: i64) {
        self.wall_ms.fetch_add(off_ms, Ordering::Relaxed);
        self.uptime_ms.store(0, Ordering::Relaxed);
        self.boots.fetch_add(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use tokio::runtime::RuntimeFlavor;

    use super::*;

    /// Holds a paused clock of the current runtime: tokio's own threads for blocking work do this.
    pub fn hold_still() -> Option<std::sync::mpsc::Sender<()>> {
        let runtime = Handle::try_current().ok()?;
        let (hold, held) = std::sync::mpsc::channel();
        (runtime.runtime_flavor() == RuntimeFlavor::CurrentThread)
            .then(|| drop(runtime.spawn_blocking(move || held.recv())))
            .map(|()| hold)
    }

    #[tokio::test(start_paused = true)]
    async fn a_paused_runtime_moves_every_clock() {
        let (clock, start) = (Clock::running(), instant());
        let (wall_ms, uptime_ms) = (clock.unix_ms(), clock.uptime_ms());
        tokio::time::sleep(Duration::from_secs(3600)).await;
        assert_eq!(start.elapsed(), Duration::from_secs(3600));
        let elsewhere = clock.clone();
        let read = move || (elsewhere.unix_ms() - wall_ms, elsewhere.uptime_ms() - uptime_ms);
        let read = crate::threads::start("reads", read).expect("a thread").join();
        assert_eq!(read.expect("no panic"), (3_600_000, 3_600_000), "on a thread of its own too");
    }

    #[tokio::test(start_paused = true)]
    async fn a_paused_clock_waits_for_the_answer_of_a_thread() {
        let (answer, answered) = tokio::sync::oneshot::channel();
        let work = move || {
            std::thread::sleep(Duration::from_millis(20));
            answer.send(1)
        };
        let _working = crate::threads::start("works", work).expect("a thread");
        let waited = tokio::time::timeout(Duration::from_secs(3600), from_thread(answered)).await;
        assert_eq!(waited.expect("an hour did not pass"), Ok(1));
    }

    #[test]
    fn the_machine_reports_its_uptime_and_identifies_its_start() {
        let (earlier, later) = (Clock::System.uptime_ms(), Clock::System.uptime_ms());
        assert!(earlier > 0 && later >= earlier);
        assert_eq!(Clock::System.boot(), Clock::System.boot());
        assert!(Clock::System.boot().is_some_and(|boot| boot.len() > 30));
    }

    #[test]
    fn no_duration_is_too_long_to_wait_for() {
        let now = Instant::now();
        assert_eq!(later(now, Duration::from_secs(5)), now + Duration::from_secs(5));
        for length in [Duration::MAX, Duration::from_secs(u64::MAX), FAR + Duration::from_nanos(1)]
        {
            assert_eq!(later(now, length), now + FAR);
        }
    }
}
