//! Compares two configurations, value by value, without showing secrets.

use std::collections::BTreeMap;

use serde::Serialize;
use serde_json::Value;

use crate::config::read::{join, reference};
use crate::config::snapshot::Digests;

/// Every value of a configuration by a stable key path: keys by their id, accounts by their name.
pub struct View(BTreeMap<String, Shown>);

struct Shown {
    value: Value,
    digest: Option<String>,
}

/// One value that differs between the two sides.
#[derive(Debug, PartialEq, Serialize)]
pub struct Difference {
    pub path: String,
    /// The value before, as it may be shown; nothing (null in JSON) if there was none.
    pub before: Option<Value>,
    /// The value after, as it may be shown; nothing (null in JSON) if there is none. Equal to `before` when only what it
    /// refers to changed.
    pub after: Option<Value>,
}

impl View {
    /// From a redacted configuration and its hashes.
    pub fn of(redacted: &Value, digests: &Digests) -> Self {
        let mut view = Self(BTreeMap::new());
        view.add("", "", redacted, &digests.values);
        view
    }

    /// The differences between this and `after`. Values that look alike but may still differ are left to
    /// [`View::undecided`].
    pub fn differences(&self, after: &Self) -> Vec<Difference> {
        let shown = |found: Option<&Shown>| found.map(|shown| shown.value.clone());
        let mut paths: Vec<&String> = self.0.keys().chain(after.0.keys()).collect();
        paths.sort();
        paths.dedup();
        let differing = paths.into_iter().filter_map(|path| {
            let (old, new) = (self.0.get(path), after.0.get(path));
            let is_same = match (old, new) {
                (Some(old), Some(new)) => old.value == new.value && !differ(old, new),
                _ => false,
            };
            (!is_same).then(|| Difference {
                path: path.clone(),
                before: shown(old),
                after: shown(new),
            })
        });
        differing.collect()
    }

    /// The values that look alike, where one side reports no hash.
    pub fn undecided(&self, after: &Self) -> Vec<String> {
        let both = self.0.iter().filter_map(|(path, old)| Some((path, old, after.0.get(path)?)));
        let undecided = both.filter(|(_, old, new)| {
            old.value == new.value && (old.digest.is_some() != new.digest.is_some())
        });
        undecided.map(|(path, ..)| path.clone()).collect()
    }

    /// `path` is the stable name of the value, `place` is its key in the digests.
    fn add(&mut self, path: &str, place: &str, value: &Value, digests: &BTreeMap<String, String>) {
        match value {
            Value::Object(table) if reference(table).is_none() => {
                for (key, value) in table {
                    self.add(&join(path, key), &join(place, key), value, digests);
                }
            }
            Value::Array(items) => {
                for (index, item) in items.iter().enumerate() {
                    let text = |key: &str| item.get(key).and_then(Value::as_str);
                    let indexed = |path: &str| format!("{path}[{index}]");
                    match (text("name"), text("id")) {
                        (Some(name), _) => {
                            self.add(&join(path, name), &join(place, name), item, digests);
                        }
                        (None, Some(id)) => {
                            self.add(&format!("{path}.{id}"), &indexed(place), item, digests);
                        }
                        (None, None) => {
                            self.add(&indexed(path), &indexed(place), item, digests);
                        }
                    }
                }
            }
            value => {
                let shown = Shown { value: value.clone(), digest: digests.get(place).cloned() };
                self.0.insert(path.to_owned(), shown);
            }
        }
    }
}

fn differ(old: &Shown, new: &Shown) -> bool {
    matches!((&old.digest, &new.digest), (Some(old), Some(new)) if old != new)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn view(redacted: &Value, digests: &[(&str, &str)]) -> View {
        let values = digests.iter().map(|(path, digest)| (path.to_string(), digest.to_string()));
        View::of(redacted, &Digests { values: values.collect(), keyed_by: BTreeMap::new() })
    }

    fn paths(before: &View, after: &View) -> Vec<String> {
        before.differences(after).into_iter().map(|it| it.path).collect()
    }

    #[test]
    fn inserting_a_key_at_the_front_does_not_change_the_others() {
        let key = |id: &str| json!({ "id": id, "private_key": { "file": id } });
        let shop = |keys: &[&str]| {
            let keys: Vec<Value> = keys.iter().map(|id| key(id)).collect();
            json!({ "account": [{ "name": "shop", "signing_key": keys }] })
        };
        let place = |index: usize| format!("account.shop.signing_key[{index}].private_key");
        let before = view(&shop(&["old"]), &[(&place(0), "o")]);
        let after = view(&shop(&["new", "old"]), &[(&place(0), "n"), (&place(1), "o")]);
        assert_eq!(
            paths(&before, &after),
            ["account.shop.signing_key.new.id", "account.shop.signing_key.new.private_key"]
        );
    }

    #[test]
    fn changed_contents_behind_the_same_reference_are_a_difference() {
        let token =
            json!({ "account": [{ "name": "shop", "app": { "tokens": [{ "file": "t" }] } }] });
        let path = "account.shop.app.tokens[0]";
        let (one, other) = (view(&token, &[(path, "1")]), view(&token, &[(path, "2")]));
        assert_eq!(paths(&one, &other), [path]);
        assert_eq!(paths(&one, &one), Vec::<String>::new());
        let silent = view(&token, &[]);
        assert_eq!(paths(&one, &silent), Vec::<String>::new());
        assert_eq!(
            one.undecided(&silent),
            [path],
            "an unknown value is neither equal nor different"
        );
    }

    #[test]
    fn accounts_are_identified_by_their_names_and_not_by_their_places() {
        let account = |name: &str| json!({ "name": name, "currency": "THB" });
        let before = view(&json!({ "account": [account("a"), account("b")] }), &[]);
        let after = view(&json!({ "account": [account("b")] }), &[]);
        assert_eq!(paths(&before, &after), ["account.a.currency", "account.a.name"]);
    }
}
