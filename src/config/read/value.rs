//! One value of the configuration file as it stands there: nothing, a literal, or a reference.
//!
//! A leaf takes anything when the file is read, so that reading never stops at the first mistake; `walk` judges it.

use std::borrow::Cow;
use std::marker::PhantomData;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::{Map, Value, json};

use super::kind::Setting;
use super::schema::REQUIRED_MARK;

/// What stands in place of a secret wherever the configuration is shown.
const REDACTED: &str = "[redacted]";

/// A value that may be left out.
pub(crate) struct Leaf<T> {
    /// The key path, also when nothing stands there.
    pub path: String,
    value: Value,
    kind: PhantomData<fn() -> T>,
}

/// Something that must not be left out.
#[derive(Serialize, Deserialize)]
#[serde(transparent)]
pub(crate) struct Required<E>(pub E);

/// What stands at a leaf.
pub(crate) enum Given<'a> {
    Nothing,
    Literal(&'a Value),
    /// The value of an environment variable.
    Env(&'a str),
    /// The contents of a file.
    File(&'a str),
}

impl<T> Leaf<T> {
    /// What stands here.
    pub fn given(&self) -> Given<'_> {
        match &self.value {
            Value::Null => Given::Nothing,
            Value::Object(table) => match reference(table) {
                Some(given) => given,
                None => Given::Literal(&self.value),
            },
            literal => Given::Literal(literal),
        }
    }

    pub fn is_given(&self) -> bool {
        !self.value.is_null()
    }
}

/// Reads `{ env = "…" }` and `{ file = "…" }`.
fn reference(table: &Map<String, Value>) -> Option<Given<'_>> {
    let mut members = table.iter();
    match (members.next()?, members.next()) {
        ((key, Value::String(name)), None) if key == "env" => Some(Given::Env(name)),
        ((key, Value::String(path)), None) if key == "file" => Some(Given::File(path)),
        _ => None,
    }
}

impl<'de, T> Deserialize<'de> for Leaf<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let (path, value) = Deserialize::deserialize(deserializer)?;
        Ok(Self { path, value, kind: PhantomData })
    }
}

/// Writes the value as it may be shown: references as references, literal secrets redacted.
impl<T: Setting> Serialize for Leaf<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.given() {
            Given::Literal(_) if T::SECRET => REDACTED.serialize(serializer),
            _ => self.value.serialize(serializer),
        }
    }
}

impl<T: Setting> JsonSchema for Leaf<T> {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "Leaf".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let reference = generator.subschema_for::<Reference>();
        json_schema!({ "anyOf": [T::schema(), reference] })
    }
}

impl<E: JsonSchema> JsonSchema for Required<E> {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        E::schema_name()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let mut schema = generator.subschema_for::<E>();
        schema.insert(REQUIRED_MARK.into(), true.into());
        // A list that must not be left out must not be empty either.
        if schema.get("type").is_some_and(|kind| kind == "array") {
            schema.insert("minItems".into(), 1.into());
        }
        schema
    }
}

/// The JSON Schema of `{ env = "…" }` and `{ file = "…" }`.
struct Reference;

impl JsonSchema for Reference {
    fn schema_name() -> Cow<'static, str> {
        "Reference".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        let only = |key: &str, description: &str| {
            json!({
                "type": "object",
                "properties": {
                    key: {
                        "type": "string",
                        "minLength": 1,
                        "description": description,
                        REQUIRED_MARK: true,
                    },
                },
                "additionalProperties": false,
            })
        };
        json_schema!({
            "description": "Where the value is found. It must not be empty; line breaks at its end are not part of it.",
            "oneOf": [
                only("env", "The name of an environment variable."),
                only("file", "The path of a file, relative to the configuration file's folder."),
            ],
        })
    }
}
