//! The circuit of one account and class of calls: keeps calls from a provider that fails, and lets one through now and
//! then to try. `state` holds the rules.
//!
//! Creates and queries have circuits of their own, so an open create circuit never stops the queries that find out what
//! became of earlier creates.

mod state;
#[cfg(test)]
mod tests;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use crate::clock::instant;
use crate::config::CircuitLimits;
use crate::metrics::Metrics;
use crate::provider::CallClass;

pub use state::{CircuitState, Sample};
use state::{Leave, Machine};

/// Lets calls through while they go well.
pub struct Circuit {
    limits: CircuitLimits,
    machine: Mutex<Machine>,
    account: String,
    class: CallClass,
    metrics: Arc<Metrics>,
}

/// No call is made now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CircuitOpen {
    /// When it is worth coming back.
    pub retry_after: Duration,
}

/// Leave for one attempt. Dropped unsettled it counts as [`Sample::Silent`], so that a call that ends early never blocks
/// the next try.
#[must_use]
pub struct CircuitLeave {
    circuit: Arc<Circuit>,
    leave: Leave,
    is_settled: bool,
}

impl Circuit {
    /// A closed circuit.
    pub fn new(
        account: &str,
        class: CallClass,
        limits: CircuitLimits,
        metrics: &Arc<Metrics>,
        now: Instant,
    ) -> Self {
        let machine = Mutex::new(Machine::new(limits, now));
        let account = account.to_owned();
        let circuit = Self { limits, machine, account, class, metrics: metrics.clone() };
        circuit.show();
        circuit
    }

    /// Lets an attempt through, or says when to come back.
    pub fn enter(self: &Arc<Self>, now: Instant) -> Result<CircuitLeave, CircuitOpen> {
        let mut machine = self.machine();
        let entered = machine.enter(now);
        self.show_state(&machine);
        drop(machine);
        match entered {
            Ok(leave) => Ok(CircuitLeave { circuit: self.clone(), leave, is_settled: false }),
            Err(retry_after) => Err(CircuitOpen { retry_after }),
        }
    }

    /// Whether calls are made.
    pub fn state(&self) -> CircuitState {
        self.machine().state()
    }

    /// Whether this was made for these limits.
    pub(super) fn fits(&self, limits: CircuitLimits) -> bool {
        self.limits == limits
    }

    /// Shows the state, also after a circuit of the same name was made and thrown away.
    pub(super) fn show(&self) {
        self.show_state(&self.machine());
    }

    fn settle(&self, leave: Leave, sample: Sample, now: Instant) {
        let mut machine = self.machine();
        machine.settle(leave, sample, now);
        self.show_state(&machine);
    }

    fn show_state(&self, machine: &Machine) {
        self.metrics.circuit_state(&self.account, self.class).set(match machine.state() {
            CircuitState::Closed => 0,
            CircuitState::HalfOpen => 1,
            CircuitState::Open => 2,
        });
    }

    fn machine(&self) -> MutexGuard<'_, Machine> {
        self.machine.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl CircuitLeave {
    /// The same leave after waiting for something else; a new one, or none, where the circuit changed meanwhile. Calls that
    /// waited while it opened must not all go out.
    pub fn still_good(self, now: Instant) -> Result<Self, CircuitOpen> {
        let is_current = self.circuit.machine().is_current(self.leave);
        match is_current {
            true => Ok(self),
            false => self.circuit.enter(now),
        }
    }

    /// Tells how the attempt went.
    pub fn settle(mut self, sample: Sample, now: Instant) {
        self.is_settled = true;
        self.circuit.settle(self.leave, sample, now);
    }
}

impl Drop for CircuitLeave {
    fn drop(&mut self) {
        if !self.is_settled {
            self.circuit.settle(self.leave, Sample::Silent, instant());
        }
    }
}
