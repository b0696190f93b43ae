//! The circuit of one account and class of calls: keeps calls away from a provider that fails, and lets one through
//! now and then as a test. `state` holds the rules.
//!
//! Creates and queries have circuits of their own, so an open create circuit never stops the queries that find out
//! the outcome of earlier creates.

mod state;
#[cfg(test)]
mod tests;

use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use tokio::time::Instant;

use crate::clock::instant;
use crate::config::CircuitLimits;
use crate::metrics::Metrics;
use crate::provider::CallClass;

pub use state::{CircuitState, Sample};
use state::{Machine, Permit};

/// Lets calls through while they succeed.
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
    /// When to try again.
    pub retry_after: Duration,
}

/// Permission for one attempt. Dropped unsettled it counts as [`Sample::Silent`], so that a call that ends early
/// never blocks the next test.
#[must_use]
pub struct CircuitPermit {
    circuit: Arc<Circuit>,
    permit: Permit,
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

    /// Lets an attempt through, or says when to try again.
    pub fn enter(self: &Arc<Self>, now: Instant) -> Result<CircuitPermit, CircuitOpen> {
        let mut machine = self.machine.lock();
        let entered = machine.enter(now);
        self.show_state(&machine);
        drop(machine);
        match entered {
            Ok(permit) => Ok(CircuitPermit { circuit: self.clone(), permit, is_settled: false }),
            Err(retry_after) => Err(CircuitOpen { retry_after }),
        }
    }

    /// Whether calls are let through.
    pub fn state(&self) -> CircuitState {
        self.machine.lock().state()
    }

    /// Whether this was made for these limits.
    pub(super) fn fits(&self, limits: CircuitLimits) -> bool {
        self.limits == limits
    }

    /// Sets the metric to this state, because another circuit with the same name may have been made and dropped.
    pub(super) fn show(&self) {
        self.show_state(&self.machine.lock());
    }

    fn settle(&self, permit: Permit, sample: Sample, now: Instant) {
        let mut machine = self.machine.lock();
        machine.settle(permit, sample, now);
        self.show_state(&machine);
    }

    fn show_state(&self, machine: &Machine) {
        self.metrics.circuit_state(&self.account, self.class).set(match machine.state() {
            CircuitState::Closed => 0,
            CircuitState::HalfOpen => 1,
            CircuitState::Open => 2,
        });
    }
}

impl CircuitPermit {
    /// Renews the permission after waiting for something else; a new one, or none, if the circuit changed meanwhile.
    /// Calls that waited while it opened must not all be sent.
    pub fn still_good(self, now: Instant) -> Result<Self, CircuitOpen> {
        let is_current = self.circuit.machine.lock().is_current(self.permit);
        match is_current {
            true => Ok(self),
            false => self.circuit.enter(now),
        }
    }

    /// Reports the result of the attempt.
    pub fn settle(mut self, sample: Sample, now: Instant) {
        self.is_settled = true;
        self.circuit.settle(self.permit, sample, now);
    }
}

impl Drop for CircuitPermit {
    fn drop(&mut self) {
        if !self.is_settled {
            self.circuit.settle(self.permit, Sample::Silent, instant());
        }
    }
}
