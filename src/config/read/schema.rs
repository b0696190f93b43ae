//! The JSON Schema of a configuration file, made from the types that read it.

use std::borrow::Cow;

use schemars::generate::SchemaSettings;
use schemars::transform::{Transform, transform_subschemas};
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde_json::{Value as Json, json};

use super::kind::Kind;
use super::section::{Keyed, List, Section};
use super::value::{Required, Value};

/// Marks the schema of a required value, until [`Requirements`] turns the marks into `required`.
const REQUIRED_MARK: &str = "x-required";

/// JSON Schema (2020-12) of the file that `T` mirrors. Unknown keys are refused, as the reader refuses them.
pub(crate) fn schema_of<T: JsonSchema>() -> Json {
    let settings = SchemaSettings::draft2020_12().with_transform(Requirements);
    settings.into_generator().into_root_schema_for::<T>().to_value()
}

#[derive(Clone)]
struct Requirements;

impl Transform for Requirements {
    fn transform(&mut self, schema: &mut Schema) {
        transform_subschemas(self, schema);
        let Some(Json::Object(properties)) = schema.get_mut("properties") else { return };
        let mut required = Vec::new();
        for (name, property) in properties {
            let mark = property.as_object_mut().and_then(|it| it.shift_remove(REQUIRED_MARK));
            if mark.is_some() {
                required.push(Json::String(name.clone()));
            }
        }
        match required.is_empty() {
            true => schema.remove("required"),
            false => schema.insert("required".into(), Json::Array(required)),
        };
    }
}

/// Implements [`JsonSchema`] for a type without a name of its own in the schema.
macro_rules! inline_schema {
    (<$parameter:ident: $bound:ident> $type:ty, $generator:ident => $schema:expr) => {
        impl<$parameter: $bound> JsonSchema for $type {
            fn inline_schema() -> bool {
                true
            }

            fn schema_name() -> Cow<'static, str> {
                stringify!($type).into()
            }

            fn json_schema($generator: &mut SchemaGenerator) -> Schema {
                $schema
            }
        }
    };
}

inline_schema!(<E: JsonSchema> List<E>, generator => {
    json_schema!({ "type": "array", "items": generator.subschema_for::<E>() })
});
inline_schema!(<E: JsonSchema> Keyed<E>, generator => {
    json_schema!({ "type": "object", "additionalProperties": generator.subschema_for::<E>() })
});
inline_schema!(<K: Kind> Value<K>, generator => {
    json_schema!({ "anyOf": [K::schema(), generator.subschema_for::<Reference>()] })
});
inline_schema!(<E: JsonSchema> Required<E>, generator => {
    let mut schema = generator.subschema_for::<E>();
    schema.insert(REQUIRED_MARK.into(), true.into());
    // A required list must not be empty either.
    if schema.get("type").is_some_and(|kind| kind == "array") {
        schema.insert("minItems".into(), 1.into());
    }
    schema
});

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
