//! What goes wrong: the provider's faults, and when the sidecar is killed or the provider cannot be reached.

use std::time::Duration;

use serde_json::{Value, json};

use super::random::Random;
use crate::support::sandbox::SandboxProcess;

/// Something that happens to the processes.
#[derive(Clone, Copy)]
pub enum Event {
    /// The sidecar is killed after this time, and is down for this long.
    Kill { after: Duration, down: Duration },
    /// The provider refuses connections for this long.
    Refuse { down: Duration },
}

/// What happens after this many payouts; the next event is the last element.
pub struct Plan(Vec<(u64, Event)>);

impl Plan {
    pub fn new(payouts: u64, kills: u64, random: &mut Random) -> Self {
        let mut events = Vec::new();
        for _ in 0..kills {
            let (after, down) = (random.milliseconds(150), random.milliseconds(300));
            events.push((random.below(payouts * 19 / 20), Event::Kill { after, down }));
        }
        for _ in 0..kills.max(2) {
            let down = random.milliseconds(400);
            events.push((random.below(payouts), Event::Refuse { down }));
        }
        events.sort_by_key(|(at, _)| std::cmp::Reverse(*at));
        Self(events)
    }

    /// The next event, if it is due.
    pub fn due(&mut self, done: u64) -> Option<Event> {
        self.0.pop_if(|(at, _)| *at <= done).map(|(_, event)| event)
    }
}

/// Activates every kind of fault.
pub fn begin(sandbox: &SandboxProcess) {
    let creates: [(f64, Value); 22] = [
        (0.03, json!({ "kind": "close_after_commit" })),
        (0.03, json!({ "kind": "reset_after_commit" })),
        (0.03, json!({ "kind": "reset_before_reading" })),
        (0.01, json!({ "kind": "stall" })),
        (0.01, json!({ "kind": "stall_before_commit" })),
        (0.01, json!({ "kind": "late_answer", "delay_ms": 2500 })),
        (0.01, json!({ "kind": "slow_drip", "interval_ms": 2 })),
        (0.02, json!({ "kind": "status_with_body", "commit": true })),
        (0.02, json!({ "kind": "status_with_body", "commit": false })),
        (0.02, json!({ "kind": "status_without_body", "commit": true })),
        (0.02, json!({ "kind": "garbage", "commit": true })),
        (0.02, json!({ "kind": "garbage", "commit": false })),
        (0.02, json!({ "kind": "truncated", "commit": true })),
        (0.01, json!({ "kind": "not_http", "commit": false })),
        (0.02, json!({ "kind": "error_code", "code": 21000, "commit": true })),
        (0.02, json!({ "kind": "error_code", "code": 21000, "commit": false })),
        (0.01, json!({ "kind": "error_code", "code": 21011, "commit": false })),
        (0.01, json!({ "kind": "error_code", "code": 21007, "commit": true })),
        (0.02, json!({ "kind": "error_code", "code": 21014, "commit": false })),
        (0.02, json!({ "kind": "error_code", "code": 21009, "commit": false })),
        (0.003, json!({ "kind": "error_code", "code": 21020, "commit": false })),
        (0.003, json!({ "kind": "throttled", "retry_after": 1 })),
    ];
    let queries: [(f64, Value); 5] = [
        (0.05, json!({ "kind": "close_after_commit" })),
        (0.05, json!({ "kind": "status_with_body" })),
        (0.05, json!({ "kind": "garbage" })),
        (0.05, json!({ "kind": "error_code", "code": 21000 })),
        (0.01, json!({ "kind": "stall" })),
    ];
    let notifications: [(f64, Value); 8] = [
        (0.10, json!({ "kind": "duplicate_notification" })),
        (0.10, json!({ "kind": "late_notification", "delay_ms": 1000 })),
        (0.05, json!({ "kind": "out_of_order_notifications" })),
        (0.05, json!({ "kind": "wrong_signature" })),
        (0.05, json!({ "kind": "tampered_notification" })),
        (0.05, json!({ "kind": "no_notification" })),
        (0.02, json!({ "kind": "key_roll" })),
        (0.05, json!({ "kind": "misnamed_param" })),
    ];
    put(sandbox, &creates, "payout_create");
    put(sandbox, &queries, "payout_status");
    put(sandbox, &notifications, "payout_create");
}

/// At most one rule hits, the first that matches, so later ones hit a little less often than they say.
fn put(sandbox: &SandboxProcess, rules: &[(f64, Value)], operation: &str) {
    for (probability, rule) in rules {
        let mut rule = rule.clone();
        rule["operation"] = operation.into();
        rule["probability"] = (*probability).into();
        sandbox.fault(&rule);
    }
}
