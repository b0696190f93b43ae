//! Requested faults: which rules are active, and which of them hits a request or a notification.
//!
//! At most one rule hits: the first that matches. `rule.rs` and `kinds.rs` say how a rule is written, `request.rs` what
//! a fault does to a request, `notify/changes.rs` what it does to a notification.

pub mod kinds;
pub mod notification;
pub mod parameters;
pub mod request;
pub mod rule;

use serde_json::Value;

use kinds::Effect;
use notification::NotificationFault;
use request::Fault;
use rule::Rule;

use super::random::Random;

/// The most rules that may be active at once; used-up ones are removed first.
pub const RULES_MAX: usize = 100;

/// The active rules.
pub struct Faults {
    rules: Vec<Rule>,
    /// Two sequences, so that what happens to requests does not depend on when notifications are due.
    request_random: Random,
    notification_random: Random,
    seed: u64,
}

/// A fault that hit, with the name of its kind.
#[derive(Clone, Debug)]
pub struct Hit<F> {
    pub kind: &'static str,
    pub fault: F,
}

impl Faults {
    pub fn new(seed: u64) -> Self {
        let (request_random, notification_random) = (Random::seeded(seed), Random::seeded(!seed));
        Self { rules: Vec::new(), request_random, notification_random, seed }
    }

    /// Activates `rules`, all or none of them.
    pub fn add(&mut self, rules: Vec<Rule>) -> Result<(), String> {
        self.rules.retain(|rule| !rule.is_used_up());
        if self.rules.len() + rules.len() > RULES_MAX {
            return Err(format!("at most {RULES_MAX} rules may be in force at once"));
        }
        self.rules.extend(rules);
        Ok(())
    }

    /// Removes every rule and starts the random sequence again.
    pub fn clear(&mut self) {
        *self = Self::new(self.seed);
    }

    /// The fault for a request to `operation`, if a rule hits it.
    pub fn choose(&mut self, operation: &str) -> Option<Hit<Fault>> {
        choose(&mut self.rules, &mut self.request_random, operation, |effect| match effect {
            Effect::Request(fault) => Some(fault),
            Effect::Notification(_) => None,
        })
    }

    /// The fault for a notification about a transaction that `operation` made, if a rule hits it.
    pub fn choose_for_notification(&mut self, operation: &str) -> Option<Hit<NotificationFault>> {
        choose(&mut self.rules, &mut self.notification_random, operation, |effect| match effect {
            Effect::Notification(fault) => Some(fault),
            Effect::Request(_) => None,
        })
    }

    /// Every rule as it was given, with `hits` and, for counted ones, `left`.
    pub fn list(&self) -> Vec<Value> {
        self.rules.iter().map(Rule::row).collect()
    }
}

fn choose<F: Clone>(
    rules: &mut [Rule],
    random: &mut Random,
    operation: &str,
    concerned: fn(&Effect) -> Option<&F>,
) -> Option<Hit<F>> {
    rules.iter_mut().find_map(|rule| {
        let fault = concerned(&rule.effect).cloned()?;
        rule.hits(operation, random).then_some(Hit { kind: rule.kind, fault })
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::sandbox::bluepay::BluePay;
    use crate::sandbox::tests::bench::plain;

    fn parse(rules: &Value) -> Vec<Rule> {
        rule::parse(rules, &BluePay, &plain()).expect("valid rules")
    }

    fn faults(rules: Value) -> Faults {
        let mut faults = Faults::new(42);
        faults.add(parse(&rules)).expect("room");
        faults
    }

    fn kinds(faults: &mut Faults, operation: &str, requests: usize) -> Vec<Option<&'static str>> {
        (0..requests).map(|_| faults.choose(operation).map(|hit| hit.kind)).collect()
    }

    #[test]
    fn a_rule_hits_as_often_as_its_count_says() {
        let mut faults = faults(json!({"kind": "garbage", "count": 2}));
        assert_eq!(kinds(&mut faults, "balance", 3), [Some("garbage"), Some("garbage"), None]);
        assert_eq!(faults.list()[0]["hits"], 2);
        assert_eq!(faults.list()[0]["left"], 0);
    }

    #[test]
    fn a_rule_without_count_and_probability_hits_once() {
        let mut faults = faults(json!({"kind": "stall"}));
        assert_eq!(kinds(&mut faults, "balance", 2), [Some("stall"), None]);
    }

    #[test]
    fn a_rule_for_one_operation_leaves_the_others_alone() {
        let mut faults = faults(json!({"kind": "stall", "operation": "payout_create"}));
        assert_eq!(kinds(&mut faults, "balance", 1), [None]);
        assert_eq!(kinds(&mut faults, "payout_create", 1), [Some("stall")]);
    }

    #[test]
    fn rules_for_notifications_and_for_requests_are_independent() {
        let mut faults = faults(json!([{"kind": "key_roll"}, {"kind": "stall"}]));
        assert_eq!(kinds(&mut faults, "balance", 2), [Some("stall"), None]);
        let hit = faults.choose_for_notification("payout_create");
        assert_eq!(hit.map(|hit| hit.kind), Some("key_roll"));
        assert!(faults.choose_for_notification("payout_create").is_none());
    }

    #[test]
    fn rules_are_tried_in_their_order_and_one_hits() {
        let mut faults = faults(json!([{"kind": "stall"}, {"kind": "garbage"}]));
        assert_eq!(kinds(&mut faults, "balance", 3), [Some("stall"), Some("garbage"), None]);
    }

    #[test]
    fn a_random_run_repeats_with_its_seed_and_after_clearing() {
        let rule = json!({"kind": "garbage", "probability": 0.3});
        let mut first = faults(rule.clone());
        let run = kinds(&mut first, "balance", 100);
        assert_eq!(kinds(&mut faults(rule.clone()), "balance", 100), run);
        first.clear();
        assert!(first.list().is_empty(), "clearing removes every rule");
        first.add(parse(&rule)).expect("room");
        assert_eq!(kinds(&mut first, "balance", 100), run);
    }

    #[test]
    fn the_number_of_rules_is_bounded() {
        let mut faults = Faults::new(0);
        let many = Value::Array(vec![json!({"kind": "stall"}); RULES_MAX]);
        faults.add(parse(&many)).expect("just fits");
        let one = || parse(&json!({"kind": "stall"}));
        assert!(faults.add(one()).is_err(), "the limit should hold");
        assert!(faults.choose("balance").is_some());
        assert!(faults.add(one()).is_ok(), "a used-up rule should make room");
    }
}
