//! A circuit as a plain state machine: closed while calls go well, open when they do not, half-open while one call tries
//! whether they go well again. Time is an argument.

use std::time::Duration;

use tokio::time::Instant;

use crate::clock::later;
use crate::config::CircuitLimits;

/// Calls are remembered this long when their share of failures is judged.
const WINDOW_SECONDS: u64 = 10;
/// Fewer calls within the window say nothing about a share of failures.
const JUDGED_CALLS_MIN: u32 = 20;
/// A circuit opens when at least this share of the window's calls failed, in percent.
const FAILED_PERCENT: u32 = 50;
/// What a caller is told while another's call tries the circuit: it will be known soon.
const PROBE_PAUSE: Duration = Duration::from_secs(1);

/// Whether calls are made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CircuitState {
    /// Calls are made.
    Closed,
    /// One call at a time is made, to try.
    HalfOpen,
    /// No calls are made.
    Open,
}

/// How a call went, as far as it tells about the provider's health.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sample {
    /// The provider answered, be it a refusal: a refused payout is business, not an outage.
    Answered,
    /// It could not be reached, did not answer in time, or answered with what nobody can read.
    Failed,
    /// The call says nothing: it failed on our side, or was never made.
    Silent,
}

/// Leave for one call, to be settled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Leave {
    /// The generation it was given in: what comes back later is old news.
    generation: u64,
}

/// The machine.
pub(super) struct Machine {
    limits: CircuitLimits,
    mode: Mode,
    /// Counts changes of mode.
    generation: u64,
    failures_in_a_row: u32,
    window: Window,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Mode {
    Closed,
    Open { until: Instant },
    HalfOpen { is_probing: bool },
}

impl Machine {
    pub fn new(limits: CircuitLimits, now: Instant) -> Self {
        let window = Window::new(now);
        Self { limits, mode: Mode::Closed, generation: 0, failures_in_a_row: 0, window }
    }

    /// Lets a call through, or says when to come back.
    pub fn enter(&mut self, now: Instant) -> Result<Leave, Duration> {
        match self.mode {
            Mode::Closed => {}
            Mode::Open { until } if now < until => return Err(until.duration_since(now)),
            Mode::HalfOpen { is_probing: true } => return Err(PROBE_PAUSE),
            Mode::Open { .. } | Mode::HalfOpen { is_probing: false } => {
                self.change(Mode::HalfOpen { is_probing: true });
            }
        }
        Ok(Leave { generation: self.generation })
    }

    /// Whether nothing has changed since `leave` was given.
    pub fn is_current(&self, leave: Leave) -> bool {
        leave.generation == self.generation
    }

    /// Learns how a call went.
    pub fn settle(&mut self, leave: Leave, sample: Sample, now: Instant) {
        if leave.generation != self.generation {
            return;
        }
        match (self.mode, sample) {
            (Mode::Closed, Sample::Silent) | (Mode::Open { .. }, _) => {}
            (Mode::Closed, Sample::Answered) => {
                self.failures_in_a_row = 0;
                self.window.count(now, 0);
            }
            (Mode::Closed, Sample::Failed) => {
                self.failures_in_a_row = self.failures_in_a_row.saturating_add(1);
                self.window.count(now, 1);
                if self.is_too_much(now) {
                    self.open(now);
                }
            }
            (Mode::HalfOpen { .. }, Sample::Silent) => {
                self.change(Mode::HalfOpen { is_probing: false });
            }
            (Mode::HalfOpen { .. }, Sample::Failed) => self.open(now),
            (Mode::HalfOpen { .. }, Sample::Answered) => {
                self.failures_in_a_row = 0;
                self.window = Window::new(now);
                self.change(Mode::Closed);
            }
        }
    }

    pub fn state(&self) -> CircuitState {
        match self.mode {
            Mode::Closed => CircuitState::Closed,
            Mode::Open { .. } => CircuitState::Open,
            Mode::HalfOpen { .. } => CircuitState::HalfOpen,
        }
    }

    /// Zero failures allowed means that the circuit is switched off.
    fn is_too_much(&mut self, now: Instant) -> bool {
        let allowed = self.limits.failures;
        allowed > 0 && (self.failures_in_a_row >= allowed || self.window.is_mostly_failed(now))
    }

    fn open(&mut self, now: Instant) {
        self.change(Mode::Open { until: later(now, self.limits.open_for) });
    }

    fn change(&mut self, mode: Mode) {
        self.mode = mode;
        self.generation += 1;
    }
}

/// Calls and failures of the last seconds, a slot for each.
struct Window {
    started: Instant,
    slots: [Slot; WINDOW_SECONDS as usize],
}

#[derive(Clone, Copy, Default)]
struct Slot {
    second: u64,
    calls: u32,
    failed: u32,
}

impl Window {
    fn new(now: Instant) -> Self {
        Self { started: now, slots: Default::default() }
    }

    fn count(&mut self, now: Instant, failed: u32) {
        let second = self.second(now);
        let slot = &mut self.slots[(second % WINDOW_SECONDS) as usize];
        if slot.second != second {
            *slot = Slot { second, ..Slot::default() };
        }
        slot.calls = slot.calls.saturating_add(1);
        slot.failed = slot.failed.saturating_add(failed);
    }

    fn is_mostly_failed(&self, now: Instant) -> bool {
        let oldest = (self.second(now) + 1).saturating_sub(WINDOW_SECONDS);
        let recent = self.slots.iter().filter(|slot| slot.second >= oldest);
        let (calls, failed) = recent.fold((0u32, 0u32), |(calls, failed), slot| {
            (calls.saturating_add(slot.calls), failed.saturating_add(slot.failed))
        });
        let (calls, failed) = (u64::from(calls), u64::from(failed));
        calls >= u64::from(JUDGED_CALLS_MIN) && failed * 100 >= calls * u64::from(FAILED_PERCENT)
    }

    fn second(&self, now: Instant) -> u64 {
        now.saturating_duration_since(self.started).as_secs()
    }
}
