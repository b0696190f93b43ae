//! Tables of the configuration file: sections, lists and tables with free keys, each knowing the key path where it stands.
//!
//! Every value travels through serde as a pair of its key path and itself. A section learns its keys from the fields of
//! the type it is read into, so the keys are written down once, and hands every field its pair, also when nothing stands
//! there. Reading takes anything; what is wrong is kept for `walk` to report.

use std::collections::BTreeMap;

use serde::de::value::MapDeserializer;
use serde::de::{DeserializeOwned, Error as _, Visitor};
use serde::{Deserialize, Deserializer, Serialize, forward_to_deserialize_any};
use serde_json::{Map, Value};

use super::kind::Setting;
use crate::config::kind::texts::AccountName;

/// A table whose keys are the fields of `T`. Reads as an empty one where nothing, or something else, stands.
#[derive(Serialize)]
#[serde(transparent)]
pub(crate) struct Section<T> {
    pub value: T,
    #[serde(skip)]
    pub path: String,
    /// What stands here in place of a table.
    #[serde(skip)]
    pub misplaced: Option<Value>,
    #[serde(skip)]
    pub is_given: bool,
    #[serde(skip)]
    pub unknown_keys: Vec<String>,
    #[serde(skip)]
    pub known_keys: &'static [&'static str],
}

/// A list of leaves or sections.
#[derive(Serialize)]
#[serde(transparent)]
pub(crate) struct List<E> {
    pub items: Vec<E>,
    #[serde(skip)]
    pub path: String,
    /// What stands here in place of a list.
    #[serde(skip)]
    pub misplaced: Option<Value>,
}

/// A table whose keys are up to the user.
#[derive(Serialize)]
#[serde(transparent)]
pub(crate) struct Keyed<E> {
    pub entries: BTreeMap<String, E>,
    #[serde(skip)]
    pub path: String,
    /// What stands here in place of a table.
    #[serde(skip)]
    pub misplaced: Option<Value>,
}

impl<T: DeserializeOwned> Section<T> {
    /// Reads a whole file.
    pub fn root(value: Value) -> Self {
        Self::deserialize(located(String::new(), value))
            .expect("reading takes any value; mistakes are kept, not raised")
    }
}

impl<E> List<E> {
    /// Whether nothing stands in the list, or no list stands there.
    pub fn is_empty(&self) -> bool {
        self.items.is_empty()
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

fn located(path: String, value: Value) -> Value {
    Value::Array(vec![Value::String(path), value])
}

impl<'de, T: DeserializeOwned> Deserialize<'de> for Section<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let (path, value) = <(String, Value)>::deserialize(deserializer)?;
        let is_given = !value.is_null();
        let (table, misplaced) = match value {
            Value::Object(table) => (table, None),
            Value::Null => (Map::new(), None),
            other => (Map::new(), Some(other)),
        };
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
        let (path, value) = <(String, Value)>::deserialize(deserializer)?;
        let (values, misplaced) = match value {
            Value::Array(values) => (values, None),
            Value::Null => (Vec::new(), None),
            other => (Vec::new(), Some(other)),
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
        Ok(Self { items, path, misplaced })
    }
}

/// The name that a table in a list goes by.
fn name_of(item: &Value) -> Option<&str> {
    let name = item.get("name")?.as_str()?;
    AccountName::from_text(name).ok().map(|_| name)
}

impl<'de, E: DeserializeOwned> Deserialize<'de> for Keyed<E> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let (path, value) = <(String, Value)>::deserialize(deserializer)?;
        let (table, misplaced) = match value {
            Value::Object(table) => (table, None),
            Value::Null => (Map::new(), None),
            other => (Map::new(), Some(other)),
        };
        let mut entries = BTreeMap::new();
        for (key, value) in table {
            let entry = E::deserialize(located(join(&path, &key), value));
            entries.insert(key, entry.map_err(D::Error::custom)?);
        }
        Ok(Self { entries, path, misplaced })
    }
}

/// Hands a struct all of its fields, and keeps the keys that are not among them.
struct Fields<'a> {
    path: &'a str,
    table: Map<String, Value>,
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
        let pairs: Vec<(&'static str, Value)> = fields
            .iter()
            .map(|field| {
                let value = self.table.shift_remove(*field).unwrap_or(Value::Null);
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
