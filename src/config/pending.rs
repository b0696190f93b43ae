//! Settings that are understood and checked, but have no effect in this version yet. A list to be emptied.

use serde_json::Value;

/// Key paths; lists are passed through. Take a line out when its machinery arrives.
pub(super) const WITHOUT_EFFECT: &[&str] = &[
    "account.limits.rate",
    "account.limits.burst",
    "account.limits.on_excess",
    "account.limits.max_wait",
    "account.limits.operation",
    "account.limits.money_per_hour",
    "account.circuit",
    "account.correct_clock",
    "account.retry",
];

/// One warning that names every setting in `configuration` that has no effect, or none.
pub(super) fn warning(configuration: &Value) -> Option<String> {
    let given: Vec<String> = WITHOUT_EFFECT
        .iter()
        .filter(|path| stands_in(configuration, path))
        .map(|path| format!("`{path}`"))
        .collect();
    match given.is_empty() {
        true => None,
        false => Some(format!("no effect in this version yet: {}", given.join(", "))),
    }
}

fn stands_in(value: &Value, path: &str) -> bool {
    if let Value::Array(items) = value {
        return items.iter().any(|item| stands_in(item, path));
    }
    match path.split_once('.') {
        Some((key, rest)) => value.get(key).is_some_and(|value| stands_in(value, rest)),
        None => value.get(path).is_some(),
    }
}
