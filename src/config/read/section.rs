//! Tables of the configuration file: sections, lists and tables with free keys, each knowing the key path where it stands.
//!
//! Every value travels through serde as a pair of its key path and itself. A section learns its keys from the fields of
//! the type it is read into, so the keys are written down once, and hands every field its pair, also when nothing stands
//! there. Parsing takes anything; what is wrong is kept for the reader to report.

use std::collections::BTreeMap;

use serde::de::value::MapDeserializer;
use serde::de::{DeserializeOwned, Error as _, Visitor};
use serde::{Deserialize, Deserializer, Serialize, forward_to_deserialize_any};
use serde_json::{Map, Value as Json};

/// The longest name that can stand in a key path.
pub(crate) const LABEL_BYTES_MAX: usize = 63;
/// A table, in words.
pub(super) const A_TABLE: &str = "a table";

/// A table whose keys are the fields of `T`. Reads as an empty one where nothing, or something else, stands.
#[derive(Serialize)]
#[serde(transparent)]
pub(crate) struct Section<T> {
    pub value: T,
    #[serde(skip)]
    pub path: String,
    /// What stands here in place of a table, in words.
    #[serde(skip)]
    pub misplaced: Option<&'static str>,
    #[serde(skip)]
    pub is_given: bool,
    #[serde(skip)]
    pub unknown_keys: Vec<String>,
    #[serde(skip)]
    pub known_keys: &'static [&'static str],
}

/// A list of values or sections.
#[derive(Serialize)]
#[serde(transparent)]
pub(crate) struct List<E> {
    pub items: Vec<E>,
    #[serde(skip)]
    pub path: String,
    /// What stands here in place of a list, in words.
    #[serde(skip)]
    pub misplaced: Option<&'static str>,
    #[serde(skip)]
    pub is_given: bool,
}

/// A table whose keys are up to the user.
#[derive(Serialize)]
#[serde(transparent)]
pub(crate) struct Keyed<E> {
    pub entries: BTreeMap<String, E>,
    #[serde(skip)]
    pub path: String,
    /// What stands here in place of a table, in words.
    #[serde(skip)]
    pub misplaced: Option<&'static str>,
}

impl<T: DeserializeOwned> Section<T> {
    /// Reads a whole file.
    pub fn root(value: Json) -> Self {
        Self::deserialize(located(String::new(), value))
            .expect("reading takes any value; mistakes are kept, not raised")
    }
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

/// The table, and what stands in its place, if anything.
fn table(found: Json) -> (Map<String, Json>, Option<&'static str>) {
    match found {
        Json::Object(table) => (table, None),
        Json::Null => (Map::new(), None),
        other => (Map::new(), Some(in_words(&other))),
    }
}

/// What was found in place of something else: no more than that, for it may be a secret.
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

fn located(path: String, value: Json) -> Json {
    Json::Array(vec![Json::String(path), value])
}

impl<'de, T: DeserializeOwned> Deserialize<'de> for Section<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let (path, value) = <(String, Json)>::deserialize(deserializer)?;
        let is_given = !value.is_null();
        let (table, misplaced) = table(value);
        let mut unknown_keys = Vec::new();
        let mut known_keys: &'static [&'static str] = &[];
        let fields = Fields {
            path: &path,
            table,
            known_keys: &mut known_keys,
            unknown_keys: &mut unknown_keys,
        };
        let value = T::deserialize(fields).map_err(D::Error::custom)?;
        Ok(Self { value, path, misplaced, is_given, unknown_keys, known_keys })
    }
}

impl<'de, E: DeserializeOwned> Deserialize<'de> for List<E> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let (path, value) = <(String, Json)>::deserialize(deserializer)?;
        let is_given = !value.is_null();
        let (values, misplaced) = match value {
            Json::Array(values) => (values, None),
            Json::Null => (Vec::new(), None),
            other => (Vec::new(), Some(in_words(&other))),
        };
        let mut items: Vec<E> = Vec::with_capacity(values.len());
        let mut paths: Vec<String> = Vec::with_capacity(values.len());
        for (index, value) in values.into_iter().enumerate() {
            let named = name_of(&value).map(|name| join(&path, name));
            // Of two tables with the same name only the first may be called by it.
            let item_path = match named {
                Some(named) if !paths.contains(&named) => named,
                _ => format!("{path}[{index}]"),
            };
            paths.push(item_path.clone());
            items.push(E::deserialize(located(item_path, value)).map_err(D::Error::custom)?);
        }
        Ok(Self { items, path, misplaced, is_given })
    }
}

/// The name that a table in a list goes by.
fn name_of(item: &Json) -> Option<&str> {
    item.get("name")?.as_str().filter(|name| is_label(name))
}

/// Whether a name can stand in a key path, a URL and a metric as it is.
pub(crate) fn is_label(name: &str) -> bool {
    let allowed = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    (1..=LABEL_BYTES_MAX).contains(&name.len())
        && name.bytes().all(allowed)
        && !name.starts_with('-')
}

impl<'de, E: DeserializeOwned> Deserialize<'de> for Keyed<E> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let (path, value) = <(String, Json)>::deserialize(deserializer)?;
        let (table, misplaced) = table(value);
        let mut entries = BTreeMap::new();
        for (key, value) in table {
            let entry = E::deserialize(located(join(&path, &key), value));
            entries.insert(key, entry.map_err(D::Error::custom)?);
        }
        Ok(Self { entries, path, misplaced })
    }
}

/// Declares a section: its keys with their kinds and, behind `=`, what counts where a key is left out. A key with such a
/// default has a method of its name that reads it.
macro_rules! file_section {
    ($(#[$about:meta])* $name:ident { $($(#[$doc:meta])* $key:ident: $place:ty $(= $default:literal)?,)* }) => {
        #[derive(serde::Serialize, serde::Deserialize, schemars::JsonSchema)]
        #[schemars(deny_unknown_fields)]
        $(#[$about])*
        pub(crate) struct $name {
            $($(#[$doc])* $(#[schemars(extend("default" = $default))])? pub $key: $place,)*
        }

        impl $name {
            $($(
                /// Reads the key. The default where nothing, or something wrong, stands.
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

/// Hands a struct all of its fields, and keeps the keys that are not among them.
struct Fields<'a> {
    path: &'a str,
    table: Map<String, Json>,
    known_keys: &'a mut &'static [&'static str],
    unknown_keys: &'a mut Vec<String>,
}

impl<'de> Deserializer<'de> for Fields<'_> {
    type Error = serde_json::Error;

    fn deserialize_struct<V: Visitor<'de>>(
        mut self,
        _name: &'static str,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Self::Error> {
        let pairs: Vec<(&'static str, Json)> = fields
            .iter()
            .map(|field| {
                let value = self.table.shift_remove(*field).unwrap_or(Json::Null);
                (*field, located(join(self.path, field), value))
            })
            .collect();
        *self.known_keys = fields;
        self.unknown_keys.extend(self.table.into_iter().map(|(key, _)| key));
        visitor.visit_map(MapDeserializer::new(pairs.into_iter()))
    }

    fn deserialize_any<V: Visitor<'de>>(self, _visitor: V) -> Result<V::Value, Self::Error> {
        Err(Self::Error::custom("only structs with named fields can be sections"))
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf option unit unit_struct
        newtype_struct seq tuple tuple_struct map enum identifier ignored_any
    }
}
