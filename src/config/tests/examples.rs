//! Every configuration in the repository loads unchanged, and the schema agrees with the loader.

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use super::ACCOUNT;
use crate::config::read::parse;
use crate::config::{load, schema};

fn shipped() -> Vec<PathBuf> {
    let in_folder = |folder: &str| {
        let entries = fs::read_dir(Path::new(folder)).expect("the folder of configurations");
        entries.map(|entry| entry.expect("an entry").path()).collect::<Vec<_>>()
    };
    let mut paths = [in_folder("config"), in_folder("config/examples")].concat();
    paths.retain(|path| path.extension().is_some_and(|ending| ending == "toml"));
    assert!(paths.len() >= 3, "the main configuration and the examples: {paths:?}");
    paths
}

fn validator() -> jsonschema::Validator {
    jsonschema::validator_for(&schema()).expect("the schema should be a schema")
}

fn as_json(text: &str) -> Value {
    parse(text).expect("TOML")
}

#[test]
fn every_shipped_configuration_loads_and_fits_the_schema() {
    let validator = validator();
    for path in shipped() {
        if let Err(mistakes) = load(&path) {
            panic!("{} should load: {mistakes:#?}", path.display());
        }
        let text = fs::read_to_string(&path).expect("text");
        if let Err(error) = validator.validate(&as_json(&text)) {
            panic!(
                "{} should fit the schema: {error} at {}",
                path.display(),
                error.instance_path()
            );
        }
    }
}

#[test]
fn a_first_run_has_no_warnings_except_about_the_profile() {
    let loaded = load(Path::new("config/countersign.toml"))
        .unwrap_or_else(|mistakes| panic!("{mistakes:?}"));
    for warning in &loaded.warnings {
        assert!(
            warning.contains("not confirmed by the provider's documentation"),
            "the example should be clean: {warning}"
        );
    }
}

#[test]
fn the_full_example_names_every_key_of_the_schema() {
    let text = fs::read_to_string("config/examples/full.toml").expect("text");
    let schema = schema();
    let mut keys = Vec::new();
    property_names(&schema, &mut keys);
    assert!(keys.len() > 50, "the whole schema should have been read: {keys:?}");
    for key in keys {
        assert!(text.contains(key), "`{key}` is missing from config/examples/full.toml");
    }
}

fn property_names<'s>(schema: &'s Value, names: &mut Vec<&'s str>) {
    match schema {
        Value::Object(members) => {
            if let Some(Value::Object(properties)) = members.get("properties") {
                names.extend(properties.keys().map(String::as_str));
            }
            members.values().for_each(|member| property_names(member, names));
        }
        Value::Array(items) => items.iter().for_each(|item| property_names(item, names)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

#[test]
fn the_schema_refuses_what_the_loader_refuses() {
    let validator = validator();
    assert!(validator.is_valid(&as_json(ACCOUNT)), "the plain account should fit");
    for addition in [
        "frobnicate = 1",
        "limits = { rat = \"50/s\" }",
        "limits = { rate = \"50\" }",
        "limits = { rate = { path = \"x\" } }",
        "limits = { rate = { env = \"A\", file = \"b\" } }",
        "timeouts = { total = 5 }",
        "answer = \"raw\"",
        "delivery = {}",
        "provider_key = [{ id = \"a\" }]",
        "operation = { payment_void = { pth = \"/x\" } }",
    ] {
        let value = as_json(&format!("{ACCOUNT}\n{addition}"));
        assert!(!validator.is_valid(&value), "the schema should refuse `{addition}`");
        super::mistakes(&format!("{ACCOUNT}\n{addition}"));
    }
    for text in ["", "account = []", "[[account]]", "[listen]\nap = \"x\"", "other = 1"] {
        assert!(!validator.is_valid(&as_json(text)), "the schema should refuse `{text}`");
    }
}

#[test]
fn the_schema_explains_every_key() {
    let schema = schema();
    let mut without = Vec::new();
    undescribed(&schema, &mut without);
    assert_eq!(without, [] as [String; 0], "keys without a description");
    let limits = &schema["$defs"]["LimitsFile"]["properties"];
    assert_eq!(limits["max_wait"]["default"], json!("2s"), "defaults are in the schema");
    assert!(!schema.to_string().contains("x-required"), "marks should have been removed");
}

fn undescribed(schema: &Value, without: &mut Vec<String>) {
    match schema {
        Value::Object(members) => {
            if let Some(Value::Object(properties)) = members.get("properties") {
                let missing = properties.iter().filter(|(_, it)| it.get("description").is_none());
                without.extend(missing.map(|(name, _)| name.clone()));
            }
            members.values().for_each(|member| undescribed(member, without));
        }
        Value::Array(items) => items.iter().for_each(|item| undescribed(item, without)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}
