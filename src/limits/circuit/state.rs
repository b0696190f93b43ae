//! A circuit as a plain state machine: closed while calls succeed, open when they do not, half-open while one call
//! tests whether they succeed again. Time is an argument.

use std::time::Duration;

use tokio::time::Instant;

use crate::clock::later;
use crate::config::CircuitLimits;

/// How long calls are remembered for the share of failures.
const WINDOW_SECONDS: u64 = 10;
/// Fewer calls within the window say nothing about a share of failures.
const JUDGED_CALLS_MIN: u32 = 20;
/// A circuit opens when at least this share of the window's calls failed, in percent.
const FAILED_PERCENT: u32 = 50;
/// The pause suggested to a caller while another call tests the circuit: the result will be known soon.
const PROBE_PAUSE: Duration = Duration::from_secs(1);

/// Whether calls are let through.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CircuitState {
    /// All calls are let through.
    Closed,
    /// One call at a time is let through, as a test.
    HalfOpen,
    /// No calls are let through.
    Open,
}

/// The result of a call, as far as it shows the provider's health.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sample {
    /// The provider answered, even with a refusal: a refused payout is business, not an outage.
    Answered,
    /// The provider could not be reached, did not answer in time, or answered with something unreadable.
    Failed,
    /// The call shows nothing: it failed on our side, or was never made.
    Silent,
}

/// Permission for one call, to be settled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Permit {
    /// The generation in which it was given: results from an earlier generation are ignored.
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

    /// Lets a call through, or says when to try again.
    pub fn enter(&mut self, now: Instant) -> Result<Permit, Duration> {
        match self.mode {
            Mode::Closed => {}
            Mode::Open { until } if now < until => return Err(until.duration_since(now)),
            Mode::HalfOpen { is_probing: true } => return Err(PROBE_PAUSE),
            Mode::Open { .. } | Mode::HalfOpen { is_probing: false } => {
                self.change(Mode::HalfOpen { is_probing: true });
            }
        }
        Ok(Permit { generation: self.generation })
    }

    /// Whether the mode is still the one in which `permit` was given.
    pub fn is_current(&self, permit: Permit) -> bool {
        permit.generation == self.generation
    }

    /// Records the result of a call.
    pub fn settle(&mut self, permit: Permit, sample: Sample, now: Instant) {
        if permit.generation != self.generation {
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

/// Calls and failures of the last seconds, one slot for each second.
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
