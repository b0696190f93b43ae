//! Tables of the configuration file: sections, lists and tables with free keys, each with its key path.
//!
//! [`file_section`] declares the keys of a section once. Every field receives the value at its key and the path, even
//! if there is no value. Parsing accepts anything; mistakes are kept for the reader to report.

use std::collections::BTreeMap;

use serde::Serialize;
use serde_json::{Map, Value as Json};

/// The longest name in a key path.
pub(crate) const LABEL_BYTES_MAX: usize = 63;
/// A table, in words.
pub(super) const A_TABLE: &str = "a table";

/// Something at a key path of a file. Accepts anything that is found there; the reader checks it.
pub(crate) trait Placed {
    /// Converts `found`, which is at `path`. Nothing found is null.
    fn placed(path: String, found: Json) -> Self;
}

/// The keys of a section, as [`file_section`] declares them.
pub(crate) trait Keys {
    const KEYS: &'static [&'static str];

    /// Takes its keys out of the table at `path` and leaves the unknown ones.
    fn take(path: &str, table: &mut Map<String, Json>) -> Self;
}

/// Takes the value at `key` out of the table at `path`.
pub(crate) fn placed_in<E: Placed>(path: &str, table: &mut Map<String, Json>, key: &str) -> E {
    E::placed(join(path, key), table.shift_remove(key).unwrap_or_default())
}

/// A table whose keys are the fields of `T`. Reads as an empty one if it is missing or not a table.
#[derive(Serialize)]
#[serde(transparent)]
pub(crate) struct Section<T> {
    pub value: T,
    #[serde(skip)]
    pub path: String,
    /// What is here instead of a table, in words.
    #[serde(skip)]
    pub misplaced: Option<&'static str>,
    #[serde(skip)]
    pub is_given: bool,
    #[serde(skip)]
    pub unknown_keys: Vec<String>,
}

/// A list of values or sections.
#[derive(Serialize)]
#[serde(transparent)]
pub(crate) struct List<E> {
    pub items: Vec<E>,
    #[serde(skip)]
    pub path: String,
    /// What is here instead of a list, in words.
    #[serde(skip)]
    pub misplaced: Option<&'static str>,
    #[serde(skip)]
    pub is_given: bool,
}

/// A table whose keys the user chooses.
#[derive(Serialize)]
#[serde(transparent)]
pub(crate) struct Keyed<E> {
    pub entries: BTreeMap<String, E>,
    #[serde(skip)]
    pub path: String,
    /// What is here instead of a table, in words.
    #[serde(skip)]
    pub misplaced: Option<&'static str>,
}

/// The path of `key` in the table at `path`.
pub(crate) fn join(path: &str, key: &str) -> String {
    let is_bare = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-';
    let key = match !key.is_empty() && key.bytes().all(is_bare) {
        true => key.to_owned(),
        false => format!("{key:?}"),
    };
    match path.is_empty() {
        true => key,
        false => format!("{path}.{key}"),
    }
}

/// The table, and what was found instead, if anything.
fn table(found: Json) -> (Map<String, Json>, Option<&'static str>) {
    match found {
        Json::Object(table) => (table, None),
        Json::Null => (Map::new(), None),
        other => (Map::new(), Some(in_words(&other))),
    }
}

/// What was found instead: no more than its type, because it may be a secret.
pub(super) fn in_words(found: &Json) -> &'static str {
    match found {
        Json::Null => "nothing",
        Json::Array(_) => "a list",
        Json::Object(_) => A_TABLE,
        Json::String(_) => "text",
        Json::Bool(_) => "`true` or `false`",
        Json::Number(_) => "a number",
    }
}

impl<T: Keys> Placed for Section<T> {
    fn placed(path: String, found: Json) -> Self {
        let is_given = !found.is_null();
        let (mut table, misplaced) = table(found);
        let value = T::take(&path, &mut table);
        let unknown_keys = table.into_iter().map(|(key, _)| key).collect();
        Self { value, path, misplaced, is_given, unknown_keys }
    }
}

impl<E: Placed> Placed for List<E> {
    fn placed(path: String, found: Json) -> Self {
        let is_given = !found.is_null();
        let (values, misplaced) = match found {
            Json::Array(values) => (values, None),
            Json::Null => (Vec::new(), None),
            other => (Vec::new(), Some(in_words(&other))),
        };
        let mut items: Vec<E> = Vec::with_capacity(values.len());
        let mut paths: Vec<String> = Vec::with_capacity(values.len());
        for (index, value) in values.into_iter().enumerate() {
            let named = name_of(&value).map(|name| join(&path, name));
            // Of two tables with the same name only the first may use it.
            let item_path = match named {
                Some(named) if !paths.contains(&named) => named,
                _ => format!("{path}[{index}]"),
            };
            paths.push(item_path.clone());
            items.push(E::placed(item_path, value));
        }
        Self { items, path, misplaced, is_given }
    }
}

impl<E: Placed> Placed for Keyed<E> {
    fn placed(path: String, found: Json) -> Self {
        let (table, misplaced) = table(found);
        let entry = |(key, value): (String, Json)| {
            let entry = E::placed(join(&path, &key), value);
            (key, entry)
        };
        Self { entries: table.into_iter().map(entry).collect(), path, misplaced }
    }
}

/// The name of a table in a list.
fn name_of(item: &Json) -> Option<&str> {
    item.get("name")?.as_str().filter(|name| is_label(name))
}

/// Whether a name can be used unchanged in a key path, a URL and a metric.
pub(crate) fn is_label(name: &str) -> bool {
    let allowed = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    (1..=LABEL_BYTES_MAX).contains(&name.len())
        && name.bytes().all(allowed)
        && !name.starts_with('-')
}

/// Declares a section: its keys with their kinds and, behind `=`, the default of a key. A key with a default has a
/// method of its name that reads it.
macro_rules! file_section {
    ($(#[$about:meta])* $name:ident { $($(#[$doc:meta])* $key:ident: $place:ty $(= $default:literal)?,)* }) => {
        #[derive(serde::Serialize, schemars::JsonSchema)]
        #[schemars(deny_unknown_fields)]
        $(#[$about])*
        pub(crate) struct $name {
            $($(#[$doc])* $(#[schemars(extend("default" = $default))])? pub $key: $place,)*
        }

        impl $crate::config::read::Keys for $name {
            const KEYS: &'static [&'static str] = &[$(stringify!($key)),*];

            fn take(path: &str, table: &mut serde_json::Map<String, serde_json::Value>) -> Self {
                Self { $($key: $crate::config::read::placed_in(path, table, stringify!($key)),)* }
            }
        }

        impl $name {
            $($(
                /// Reads the key. The default if it is missing or wrong.
                pub fn $key(
                    &self,
                    reader: &mut $crate::config::read::Reader<'_>,
                ) -> <$place as $crate::config::read::Defaulted>::Parsed {
                    $crate::config::read::Defaulted::read_or(&self.$key, reader, &$default.into())
                }
            )?)*
        }
    };
}
pub(crate) use file_section;
