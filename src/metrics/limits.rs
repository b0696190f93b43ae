//! What bounds the work towards a provider, as far as it shows.

use prometheus::{Gauge, GaugeVec, IntCounter, IntCounterVec, IntGauge, IntGaugeVec, Registry};

use super::register::{counter, gauge, int_gauge};
use super::{CallClass, LimitKind, Metrics};

pub(super) struct Limits {
    /// `countersign_rate_limited_total{account,limit}`: calls refused by a rate, by the provider's own word, or by the
    /// money per hour. Calls that waited and passed are not counted.
    pub rate_limited: IntCounterVec,
    /// `countersign_circuit_state{account,class}`: an open circuit whose time is over stays 2 until a call tries it.
    pub circuit_state: IntGaugeVec,
    /// `countersign_clock_skew_seconds{account}`: missing until first measured, as 0 would say that the clocks agree.
    pub clock_skew: GaugeVec,
}

impl Limits {
    pub fn new(registry: &Registry) -> Self {
        Self {
            rate_limited: counter(
                registry,
                "countersign_rate_limited_total",
                "Calls refused by a limit",
                &["account", "limit"],
            ),
            circuit_state: int_gauge(
                registry,
                "countersign_circuit_state",
                "State of a circuit: 0 closed, 1 half-open, 2 open",
                &["account", "class"],
            ),
            clock_skew: gauge(
                registry,
                "countersign_clock_skew_seconds",
                "How far the provider's clock is ahead of ours",
                &["account"],
            ),
        }
    }

    pub fn announce(&self, account: &str) {
        for limit in LimitKind::ALL {
            self.rate_limited.with_label_values(&[account, limit.as_str()]);
        }
        for class in CallClass::ALL {
            self.circuit_state.with_label_values(&[account, class.as_str()]);
        }
    }
}

impl Metrics {
    /// The counter of calls that `limit` refused.
    pub fn rate_limited(&self, account: &str, limit: LimitKind) -> IntCounter {
        self.limits.rate_limited.with_label_values(&[account, limit.as_str()])
    }

    /// The state of the account's circuit for `class`.
    pub fn circuit_state(&self, account: &str, class: CallClass) -> IntGauge {
        self.limits.circuit_state.with_label_values(&[account, class.as_str()])
    }

    /// The provider's clock less ours. Asking makes the series exist.
    pub fn clock_skew(&self, account: &str) -> Gauge {
        self.limits.clock_skew.with_label_values(&[account])
    }
}
