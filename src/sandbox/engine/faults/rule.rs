//! Reads fault rules from JSON, with exact messages for every unknown kind and member.

use serde_json::{Map, Value, json};

use super::kinds::{Effect, KINDS, Kind};
use super::notification::NotificationFault;
use super::parameters::Parameters;
use crate::sandbox::engine::dialect::Dialect;
use crate::sandbox::engine::random::Random;
use crate::sandbox::engine::settings::Sandbox;

/// Members every rule may have.
const COMMON: [&str; 4] = ["kind", "operation", "count", "probability"];

/// A rule: a fault, and which requests or notifications it hits.
#[derive(Clone, Debug)]
pub struct Rule {
    pub kind: &'static str,
    pub effect: Effect,
    pub operation: Option<String>,
    pub count: Option<u64>,
    pub probability: Option<f64>,
    /// The rule as it was given.
    text: Map<String, Value>,
    /// How often it has hit.
    hits: u64,
}

impl Rule {
    /// Whether it makes the provider change its key.
    pub fn rolls_key(&self) -> bool {
        matches!(self.effect, Effect::Notification(NotificationFault::KeyRoll))
    }

    pub fn is_used_up(&self) -> bool {
        self.count.is_some_and(|count| self.hits >= count)
    }

    /// Whether it hits now; a hit is counted.
    pub fn hits(&mut self, operation: &str, random: &mut Random) -> bool {
        let hits = self.operation.as_deref().is_none_or(|wanted| wanted == operation)
            && !self.is_used_up()
            && self.probability.is_none_or(|probability| random.happens(probability));
        self.hits += u64::from(hits);
        hits
    }

    /// The rule as it was given, with `hits` and, for a counted one, `left`.
    pub fn row(&self) -> Value {
        let mut row = Value::Object(self.text.clone());
        row["hits"] = json!(self.hits);
        row["left"] = json!(self.count.map(|count| count.saturating_sub(self.hits)));
        row
    }
}

/// Reads one rule or a list of rules.
pub fn parse(value: &Value, dialect: &dyn Dialect, sandbox: &Sandbox) -> Result<Vec<Rule>, String> {
    let one = |rule| parse_one(rule, dialect, sandbox);
    match value {
        Value::Array(rules) => rules
            .iter()
            .enumerate()
            .map(|(at, rule)| one(rule).map_err(|problem| format!("rule {at}: {problem}")))
            .collect(),
        rule => Ok(vec![one(rule)?]),
    }
}

fn parse_one(value: &Value, dialect: &dyn Dialect, sandbox: &Sandbox) -> Result<Rule, String> {
    let Value::Object(members) = value else {
        return Err("a rule is a JSON object with a `kind`".into());
    };
    let kind = kind(members.get("kind"))?;
    let allowed = [&COMMON, kind.parameters].concat();
    if let Some(unknown) = members.keys().find(|name| !allowed.contains(&name.as_str())) {
        let (name, allowed) = (kind.name, listed(allowed));
        return Err(format!("`{unknown}` is not a member of a `{name}` rule; allowed: {allowed}"));
    }
    let parameters = Parameters { members, dialect, sandbox };
    let probability = parameters.read("probability", None, "a number from 0 to 1", |value| {
        value.as_f64().filter(|it| (0.0..=1.0).contains(it)).map(Some)
    })?;
    let count = match parameters.given("count") {
        None if probability.is_some() => None,
        _ => Some(parameters.number("count", 1, 1, u64::MAX)?),
    };
    let names = || sandbox.provider.operations.iter().map(|operation| operation.name.as_str());
    let operation = parameters.read(
        "operation",
        None,
        format_args!("null or one of {}", listed(names())),
        |value| names().find(|name| value.as_str() == Some(name)).map(|it| Some(it.to_string())),
    )?;
    let effect = (kind.build)(&parameters)?;
    Ok(Rule {
        kind: kind.name,
        effect,
        operation,
        count,
        probability,
        text: members.clone(),
        hits: 0,
    })
}

fn kind(name: Option<&Value>) -> Result<&'static Kind, String> {
    let names = || listed(KINDS.iter().map(|kind| kind.name));
    let Some(name) = name.and_then(Value::as_str) else {
        return Err(format!("`kind` is missing or not a string; one of {}", names()));
    };
    KINDS.iter().find(|kind| kind.name == name).ok_or_else(|| {
        // Foreign text is repeated in messages, but shortened.
        let name: String = name.chars().take(40).collect();
        format!("unknown kind `{name}`; one of {}", names())
    })
}

fn listed<'n>(names: impl IntoIterator<Item = &'n str>) -> String {
    let names: Vec<String> = names.into_iter().map(|name| format!("`{name}`")).collect();
    names.join(", ")
}

#[cfg(test)]
mod tests {
    use super::super::parameters::HOLD_MS_MAX;
    use super::*;
    use crate::sandbox::bluepay::BluePay;
    use crate::sandbox::tests::bench::plain;

    fn problem(rule: Value) -> String {
        parse(&rule, &BluePay, &plain()).expect_err("the rule should be refused")
    }

    #[test]
    fn an_unknown_kind_is_refused_with_the_kinds_that_exist() {
        let text = problem(json!({"kind": "carrier_pigeon"}));
        assert!(text.contains("unknown kind `carrier_pigeon`"), "{text}");
        for kind in KINDS {
            assert!(text.contains(kind.name), "`{}` should be offered in: {text}", kind.name);
        }
    }

    #[test]
    fn an_unknown_member_is_refused_with_the_members_that_are_allowed() {
        let text = problem(json!({"kind": "late_answer", "dealy_ms": 5}));
        assert!(text.contains("`dealy_ms`") && text.contains("`delay_ms`"), "{text}");
        let text = problem(json!({"kind": "reset_after_commit", "delay_ms": 5}));
        assert!(
            text.contains("`delay_ms` is not a member of a `reset_after_commit` rule"),
            "{text}"
        );
    }

    #[test]
    fn values_of_the_wrong_kind_are_refused() {
        for (rule, member) in [
            (json!("stall"), "JSON object"),
            (json!({}), "kind"),
            (json!({"kind": 3}), "kind"),
            (json!({"kind": "stall", "count": 0}), "count"),
            (json!({"kind": "stall", "count": -1}), "count"),
            (json!({"kind": "stall", "probability": 1.5}), "probability"),
            (json!({"kind": "stall", "probability": "0.5"}), "probability"),
            (json!({"kind": "stall", "operation": "payout"}), "payout_create"),
            (json!({"kind": "stall", "delay_ms": HOLD_MS_MAX + 1}), "delay_ms"),
            (json!({"kind": "garbage", "commit": 1}), "commit"),
            (json!({"kind": "garbage", "body": 1}), "body"),
            (json!({"kind": "status_with_body", "status": 200}), "status"),
            (json!({"kind": "oversized", "bytes": u64::MAX}), "bytes"),
            (json!({"kind": "error_code", "code": "21000"}), "code"),
            (json!({"kind": "duplicate_notification", "times": 0}), "times"),
            (json!({"kind": "late_notification", "delay_ms": -1}), "delay_ms"),
            (json!({"kind": "out_of_order_notifications", "order": "any"}), "after_next"),
        ] {
            let text = problem(rule.clone());
            assert!(text.contains(member), "{rule} was refused with: {text}");
        }
    }

    #[test]
    fn a_mistake_in_a_list_says_which_rule() {
        let text = problem(json!([{"kind": "stall"}, {"kind": "nope"}]));
        assert!(text.starts_with("rule 1: "), "{text}");
    }

    #[test]
    fn every_kind_can_be_given_by_name_alone() {
        for kind in KINDS {
            let rule = json!({"kind": kind.name, "operation": null});
            let rules = parse(&rule, &BluePay, &plain());
            let rules = rules.unwrap_or_else(|it| panic!("{}: {it}", kind.name));
            assert_eq!(rules[0].count, Some(1));
        }
    }
}
