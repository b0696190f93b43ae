//! Reads fault rules from JSON: every kind with the parameters it takes, and exact messages for everything else.
//!
//! The kinds about requests stand here, in [`KINDS`]; those about notifications in `notification.rs`.

use std::time::Duration;

use serde_json::{Map, Value};

use super::notification::{NOTIFICATION_KINDS, NotificationFault};
use super::{Effect, Fault};

/// The longest a fault may hold a connection, in milliseconds: a forgotten stall must not pile up connections for ever.
pub const HOLD_MS_MAX: u64 = 600_000;

/// The largest oversized answer, in bytes.
const OVERSIZED_BYTES_MAX: u64 = 64 * 1024 * 1024;

/// Members every rule may have.
const COMMON: [&str; 4] = ["kind", "operation", "count", "probability"];

/// A rule: a fault, and which requests it hits.
#[derive(Clone, Debug)]
pub struct Rule {
    pub kind: &'static str,
    pub effect: Effect,
    pub operation: Option<String>,
    pub count: Option<u64>,
    pub probability: Option<f64>,
    /// The rule as it was given.
    pub text: Map<String, Value>,
}

impl Rule {
    /// Whether it makes the provider change its key.
    pub fn rolls_key(&self) -> bool {
        self.effect == Effect::Notification(NotificationFault::KeyRoll)
    }
}

/// One kind of fault as a rule names it.
pub struct KindRow<F: 'static> {
    pub name: &'static str,
    pub parameters: &'static [&'static str],
    pub build: fn(&Parameters<'_>) -> Result<F, String>,
}

/// Every kind that hits a request, in the order of the documentation.
const KINDS: &[KindRow<Fault>] = &[
    KindRow {
        name: "late_answer",
        parameters: &["delay_ms"],
        build: |p| Ok(Fault::LateAnswer { delay: p.milliseconds("delay_ms", 5_000)? }),
    },
    KindRow {
        name: "reset_before_reading",
        parameters: &[],
        build: |_| Ok(Fault::ResetBeforeReading),
    },
    KindRow { name: "reset_after_commit", parameters: &[], build: |_| Ok(Fault::ResetAfterCommit) },
    KindRow { name: "close_after_commit", parameters: &[], build: |_| Ok(Fault::CloseAfterCommit) },
    KindRow {
        name: "stall",
        parameters: &["delay_ms"],
        build: |p| Ok(Fault::Stall { max: p.milliseconds("delay_ms", HOLD_MS_MAX)?, commit: true }),
    },
    KindRow {
        name: "stall_before_commit",
        parameters: &["delay_ms"],
        build: |p| {
            Ok(Fault::Stall { max: p.milliseconds("delay_ms", HOLD_MS_MAX)?, commit: false })
        },
    },
    KindRow {
        name: "status_with_body",
        parameters: &["status", "body", "commit"],
        build: |p| {
            let body = p.text("body", r#"{"error":"a fault was asked for"}"#)?;
            Ok(Fault::Status { status: p.status(500)?, body: Some(body), commit: p.commit(false)? })
        },
    },
    KindRow {
        name: "status_without_body",
        parameters: &["status", "commit"],
        build: |p| {
            Ok(Fault::Status { status: p.status(502)?, body: None, commit: p.commit(false)? })
        },
    },
    KindRow {
        name: "error_code",
        parameters: &["code", "message", "commit"],
        build: |p| {
            let message = p.text("message", "a fault was asked for")?;
            Ok(Fault::ErrorCode { code: p.code(21000)?, message, commit: p.commit(false)? })
        },
    },
    KindRow {
        name: "garbage",
        parameters: &["body", "commit"],
        build: |p| {
            let body = p.text("body", "<html>not the provider's envelope")?;
            Ok(Fault::Garbage { body, commit: p.commit(true)? })
        },
    },
    KindRow {
        name: "truncated",
        parameters: &["commit"],
        build: |p| Ok(Fault::Truncated { commit: p.commit(true)? }),
    },
    KindRow {
        name: "slow_drip",
        parameters: &["interval_ms"],
        build: |p| Ok(Fault::SlowDrip { interval: p.milliseconds("interval_ms", 50)? }),
    },
    KindRow {
        name: "throttled",
        parameters: &["retry_after", "body"],
        build: |p| {
            let retry_after_s = p.number("retry_after", 1, 0, 86_400)?;
            Ok(Fault::Throttled { retry_after_s, body: p.text("body", "")? })
        },
    },
    KindRow {
        name: "oversized",
        parameters: &["bytes", "commit"],
        build: |p| {
            let bytes = p.number("bytes", 8 * 1024 * 1024, 1, OVERSIZED_BYTES_MAX)?;
            let bytes = usize::try_from(bytes).map_err(|_| "`bytes` is too large".to_string())?;
            Ok(Fault::Oversized { bytes, commit: p.commit(true)? })
        },
    },
    KindRow {
        name: "not_http",
        parameters: &["body", "commit"],
        build: |p| {
            let body = p.text("body", "SSH-2.0-not-a-provider\r\n")?;
            Ok(Fault::NotHttp { body, commit: p.commit(true)? })
        },
    },
];

/// Reads one rule or a list of rules. `operations` are the names a rule may be limited to.
pub fn parse(value: &Value, operations: &[&str]) -> Result<Vec<Rule>, String> {
    match value {
        Value::Array(rules) => rules
            .iter()
            .enumerate()
            .map(|(at, rule)| {
                parse_one(rule, operations).map_err(|problem| format!("rule {at}: {problem}"))
            })
            .collect(),
        rule => Ok(vec![parse_one(rule, operations)?]),
    }
}

fn parse_one(value: &Value, operations: &[&str]) -> Result<Rule, String> {
    let Value::Object(text) = value else {
        return Err("a rule is a JSON object with a `kind`".into());
    };
    let kind = kind(text.get("kind"))?;
    if let Some(unknown) = text.keys().find(|name| !kind.allows(name)) {
        let allowed = [&COMMON, kind.parameters()].concat();
        return Err(format!(
            "`{unknown}` is not a member of a `{}` rule; allowed: {}",
            kind.name(),
            listed(&allowed)
        ));
    }
    let parameters = Parameters(text);
    let probability = probability(text.get("probability"))?;
    let count = match text.get("count") {
        None | Some(Value::Null) if probability.is_some() => None,
        _ => Some(parameters.number("count", 1, 1, u64::MAX)?),
    };
    Ok(Rule {
        kind: kind.name(),
        effect: kind.build(&parameters)?,
        operation: operation(text.get("operation"), operations)?,
        count,
        probability,
        text: text.clone(),
    })
}

/// A row of one of the two lists.
#[derive(Clone, Copy)]
enum Kind {
    Request(&'static KindRow<Fault>),
    Notification(&'static KindRow<NotificationFault>),
}

impl Kind {
    fn all() -> impl Iterator<Item = Self> {
        let requests = KINDS.iter().map(Self::Request);
        requests.chain(NOTIFICATION_KINDS.iter().map(Self::Notification))
    }

    fn name(self) -> &'static str {
        match self {
            Self::Request(row) => row.name,
            Self::Notification(row) => row.name,
        }
    }

    fn parameters(self) -> &'static [&'static str] {
        match self {
            Self::Request(row) => row.parameters,
            Self::Notification(row) => row.parameters,
        }
    }

    fn allows(self, name: &str) -> bool {
        COMMON.contains(&name) || self.parameters().contains(&name)
    }

    fn build(self, parameters: &Parameters<'_>) -> Result<Effect, String> {
        match self {
            Self::Request(row) => (row.build)(parameters).map(Effect::Request),
            Self::Notification(row) => (row.build)(parameters).map(Effect::Notification),
        }
    }
}

fn kind(name: Option<&Value>) -> Result<Kind, String> {
    let names = || listed(&Kind::all().map(Kind::name).collect::<Vec<_>>());
    let Some(name) = name.and_then(Value::as_str) else {
        return Err(format!("`kind` is missing or not a string; one of {}", names()));
    };
    Kind::all()
        .find(|kind| kind.name() == name)
        .ok_or_else(|| format!("unknown kind `{}`; one of {}", shortened(name), names()))
}

fn operation(value: Option<&Value>, operations: &[&str]) -> Result<Option<String>, String> {
    match value {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(name)) if operations.contains(&name.as_str()) => Ok(Some(name.clone())),
        Some(_) => Err(format!("`operation` must be null or one of {}", listed(operations))),
    }
}

fn probability(value: Option<&Value>) -> Result<Option<f64>, String> {
    match value {
        None | Some(Value::Null) => Ok(None),
        Some(value) => match value.as_f64() {
            Some(probability) if (0.0..=1.0).contains(&probability) => Ok(Some(probability)),
            _ => Err("`probability` must be a number from 0 to 1".into()),
        },
    }
}

fn listed(names: &[&str]) -> String {
    names.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ")
}

/// Foreign text is repeated in messages, but never at any length.
fn shortened(text: &str) -> String {
    text.chars().take(40).collect()
}

/// A rule's parameters, read with their defaults. A null counts as left out.
pub struct Parameters<'a>(&'a Map<String, Value>);

impl Parameters<'_> {
    fn given(&self, name: &str) -> Option<&Value> {
        self.0.get(name).filter(|value| !value.is_null())
    }

    pub fn number(&self, name: &str, default: u64, min: u64, max: u64) -> Result<u64, String> {
        let Some(value) = self.given(name) else { return Ok(default) };
        match value.as_u64() {
            Some(number) if (min..=max).contains(&number) => Ok(number),
            _ => Err(format!("`{name}` must be a whole number from {min} to {max}")),
        }
    }

    pub fn milliseconds(&self, name: &str, default: u64) -> Result<Duration, String> {
        self.number(name, default, 0, HOLD_MS_MAX).map(Duration::from_millis)
    }

    fn status(&self, default: u16) -> Result<u16, String> {
        let status = self.number("status", default.into(), 400, 599)?;
        u16::try_from(status).map_err(|_| "`status` is too large".to_string())
    }

    fn code(&self, default: i64) -> Result<i64, String> {
        let Some(value) = self.given("code") else { return Ok(default) };
        value.as_i64().ok_or_else(|| "`code` must be a whole number".to_string())
    }

    pub fn text(&self, name: &str, default: &str) -> Result<String, String> {
        let Some(value) = self.given(name) else { return Ok(default.to_string()) };
        value.as_str().map(str::to_string).ok_or_else(|| format!("`{name}` must be a string"))
    }

    fn commit(&self, default: bool) -> Result<bool, String> {
        let Some(value) = self.given("commit") else { return Ok(default) };
        value.as_bool().ok_or_else(|| "`commit` must be true or false".to_string())
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn problem(rule: Value) -> String {
        parse(&rule, &["payout_create"]).expect_err("the rule should be refused")
    }

    #[test]
    fn an_unknown_kind_is_refused_with_the_kinds_that_exist() {
        let text = problem(json!({"kind": "carrier_pigeon"}));
        assert!(text.contains("unknown kind `carrier_pigeon`"), "{text}");
        for kind in Kind::all() {
            assert!(text.contains(kind.name()), "`{}` should be offered in: {text}", kind.name());
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
        for kind in Kind::all() {
            let rule = json!({"kind": kind.name(), "operation": null});
            let rules = parse(&rule, &[]).unwrap_or_else(|it| panic!("{}: {it}", kind.name()));
            assert_eq!(rules[0].count, Some(1));
        }
    }
}
