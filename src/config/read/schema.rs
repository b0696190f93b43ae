//! The JSON Schema of the configuration file, made from the types that read it.

use std::borrow::Cow;

use schemars::generate::SchemaSettings;
use schemars::transform::{Transform, transform_subschemas};
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde_json::Value;

use super::section::{Keyed, List, Section};
use crate::config::section::file::ConfigFile;

/// Marks the schema of a value that must not be left out, until [`Requirements`] turns the marks into `required`.
pub(crate) const REQUIRED_MARK: &str = "x-required";

/// JSON Schema (2020-12) of the configuration file. Unknown keys are refused, as `check` refuses them.
pub fn schema() -> Value {
    SchemaSettings::draft2020_12()
        .with_transform(Requirements)
        .into_generator()
        .into_root_schema_for::<ConfigFile>()
        .to_value()
}

#[derive(Clone)]
struct Requirements;

impl Transform for Requirements {
    fn transform(&mut self, schema: &mut Schema) {
        transform_subschemas(self, schema);
        let Some(Value::Object(properties)) = schema.get_mut("properties") else { return };
        let mut required = Vec::new();
        for (name, property) in properties {
            let mark = property.as_object_mut().and_then(|it| it.shift_remove(REQUIRED_MARK));
            if mark.is_some() {
                required.push(Value::String(name.clone()));
            }
        }
        match required.is_empty() {
            true => schema.remove("required"),
            false => schema.insert("required".into(), Value::Array(required)),
        };
    }
}

impl<T: JsonSchema> JsonSchema for Section<T> {
    fn inline_schema() -> bool {
        T::inline_schema()
    }

    fn schema_name() -> Cow<'static, str> {
        T::schema_name()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        T::json_schema(generator)
    }
}

impl<E: JsonSchema> JsonSchema for List<E> {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "List".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "array", "items": generator.subschema_for::<E>() })
    }
}

impl<E: JsonSchema> JsonSchema for Keyed<E> {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "Keyed".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "object", "additionalProperties": generator.subschema_for::<E>() })
    }
}
