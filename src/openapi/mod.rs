//! The OpenAPI 3.1 document for the plain API that an account offers, made from the same rows as the validation.
//!
//! It describes what Countersign accepts and answers, not what is sent to the provider.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use crate::problem::Code;
use crate::provider::{Kind, Operation, Provider};

/// OpenAPI 3.1 document of the plain API that `account` offers.
pub fn document(provider: &Provider, account: &str) -> Value {
    let paths: Map<String, Value> = provider
        .operations
        .iter()
        .map(|operation| {
            let post = json!({ "post": post(operation, account) });
            (format!("/{account}/{}", operation.name), post)
        })
        .collect();
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": format!("{} through Countersign, account `{account}`", provider.title),
            "version": env!("CARGO_PKG_VERSION"),
            "description": "Plain JSON in; Countersign adds what the provider wants added, signs and sends. \
                Every operation also answers under the provider's own path, see `x-provider-path`.",
        },
        "jsonSchemaDialect": "https://json-schema.org/draft/2020-12/schema",
        // Whether a token is needed depends on the account's configuration.
        "security": [{ "token": [] }, {}],
        "paths": paths,
        "components": {
            "schemas": schemas(provider),
            "responses": problem_responses(),
            "headers": headers(),
            "securitySchemes": {
                "token": {
                    "type": "http",
                    "scheme": "bearer",
                    "description": "One of the account's `app.tokens`. Not needed where the account has none.",
                },
            },
        },
    })
}

fn post(operation: &Operation, account: &str) -> Value {
    let schema = format!("#/components/schemas/{}", operation.name);
    json!({
        "operationId": operation.name,
        "summary": operation.title,
        "description": description(operation),
        "externalDocs": { "url": operation.source },
        "x-provider-path": format!("/{account}{}", operation.path),
        "x-confirmed": operation.confirmed,
        "x-money-moving": operation.money_moving,
        "x-safe-to-repeat": operation.safe_to_repeat(),
        "x-reference": operation.reference,
        "requestBody": {
            "required": true,
            "content": { "application/json": { "schema": { "$ref": schema } } },
        },
        "responses": responses(operation),
    })
}

fn description(operation: &Operation) -> String {
    let mut parts = Vec::new();
    if operation.money_moving {
        parts.push("Moves money: repeat it only under the same reference.".to_owned());
    }
    if let Some(reference) = &operation.reference {
        parts.push(format!("The reference is `{reference}`."));
    }
    if let Some(resolution) = &operation.resolved_by {
        parts.push(format!("A lost call is looked up with `{}`.", resolution.operation));
    }
    if !operation.confirmed {
        parts.push("NOT confirmed by the provider's own documentation.".to_owned());
    }
    if let Some(note) = &operation.note {
        parts.push(format!("Note: {note}."));
    }
    parts.join(" ")
}

fn responses(operation: &Operation) -> Value {
    let mut responses = Map::new();
    responses.insert(
        "200".into(),
        json!({
            "description": "The provider's answer as it came. `accepted` means that the provider took the call, not \
                that money moved. An account with `answer = \"unwrapped\"` answers with `data` alone.",
            "headers": header_references(&COMMON_HEADERS),
            "content": { "application/json": { "schema": { "$ref": "#/components/schemas/Answer" } } },
        }),
    );
    for status in documented().into_keys() {
        // Queries change nothing, so a second one never conflicts with the first.
        if status == 409 && operation.kind == Kind::Query {
            continue;
        }
        let response = json!({ "$ref": format!("#/components/responses/{status}") });
        responses.insert(status.to_string(), response);
    }
    Value::Object(responses)
}

/// The problems an application may meet, by their HTTP status.
fn documented() -> BTreeMap<u16, Vec<(Code, &'static str)>> {
    let mut by_status: BTreeMap<u16, Vec<_>> = BTreeMap::new();
    for code in Code::ALL {
        if let Some(meaning) = code.meaning() {
            by_status.entry(code.status().as_u16()).or_default().push((*code, meaning));
        }
    }
    by_status
}

fn problem_responses() -> Map<String, Value> {
    let response = |status: u16, problems: &[(Code, &str)]| {
        let codes: Vec<&str> = problems.iter().map(|(code, _)| code.as_str()).collect();
        let lines: Vec<String> = problems
            .iter()
            .map(|(code, meaning)| format!("`{}`: {meaning}", code.as_str()))
            .collect();
        let mut headers = COMMON_HEADERS.to_vec();
        match status {
            429 => headers.extend(["Retry-After", "RateLimit", "RateLimit-Policy"]),
            503 => headers.push("Retry-After"),
            _ => {}
        }
        json!({
            "description": lines.join(" "),
            "headers": header_references(&headers),
            "content": { "application/problem+json": { "schema": {
                "allOf": [{ "$ref": "#/components/schemas/Problem" }],
                "properties": { "code": { "enum": codes }, "status": { "const": status } },
            } } },
        })
    };
    documented()
        .into_iter()
        .map(|(status, problems)| (status.to_string(), response(status, &problems)))
        .collect()
}

const COMMON_HEADERS: [&str; 5] = [
    "Countersign-Request-Id",
    "Countersign-Outcome",
    "Countersign-Attempts",
    "Countersign-Replayed",
    "Cache-Control",
];

const OUTCOMES: [&str; 4] = ["accepted", "rejected", "not_sent", "unknown"];

fn header_references(names: &[&str]) -> Map<String, Value> {
    let reference = |name: &str| json!({ "$ref": format!("#/components/headers/{name}") });
    names.iter().map(|name| ((*name).to_owned(), reference(name))).collect()
}

fn headers() -> Value {
    let header =
        |description: &str, schema: Value| json!({ "description": description, "schema": schema });
    json!({
        "Countersign-Request-Id": header("Names this call in logs.", json!({ "type": "string" })),
        "Countersign-Outcome": header(
            "`accepted`: the provider took it. `rejected`: the provider refused, nothing happened. `not_sent`: it \
             never left, or the provider provably did not get it. `unknown`: it may have happened.",
            json!({ "enum": OUTCOMES }),
        ),
        "Countersign-Attempts": header(
            "How many attempts were made.",
            json!({ "type": "integer", "minimum": 0 }),
        ),
        "Countersign-Replayed": header(
            "`true` when an earlier answer was repeated; absent otherwise.",
            json!({ "const": "true" }),
        ),
        "Cache-Control": header("Always `no-store`.", json!({ "const": "no-store" })),
        "Retry-After": header("Seconds to wait.", json!({ "type": "integer", "minimum": 0 })),
        "RateLimit": header("What is left of the limit.", json!({ "type": "string" })),
        "RateLimit-Policy": header("The limit.", json!({ "type": "string" })),
    })
}

fn schemas(provider: &Provider) -> Map<String, Value> {
    let mut schemas: Map<String, Value> = provider
        .operations
        .iter()
        .map(|operation| {
            let mut schema = operation.schema.clone();
            // The document names the dialect once, for all schemas.
            if let Some(members) = schema.as_object_mut() {
                members.shift_remove("$schema");
            }
            (operation.name.clone(), schema)
        })
        .collect();
    schemas.insert("Answer".into(), answer(provider));
    schemas.insert("Problem".into(), problem());
    schemas
}

fn answer(provider: &Provider) -> Value {
    let shape = &provider.answer;
    let codes: Vec<Value> = provider
        .codes
        .codes
        .iter()
        .map(|(code, row)| {
            json!({
                "code": code,
                "title": row.title,
                "meaning": row.meaning,
                "confirmed": row.confirmed,
            })
        })
        .collect();
    json!({
        "title": "The provider's answer",
        "type": "object",
        "properties": {
            &shape.code: {
                "type": ["integer", "string"],
                "description": "Decides the outcome; never the message.",
            },
            &shape.message: { "type": ["string", "null"], "description": "For people." },
            &shape.data: { "description": "The requested data; null on refusals." },
        },
        "required": [shape.code],
        "x-codes": codes,
    })
}

fn problem() -> Value {
    let codes: Vec<&str> =
        documented().into_values().flatten().map(|(code, _)| code.as_str()).collect();
    json!({
        "title": "What Countersign itself refused or could not do (RFC 9457)",
        "type": "object",
        "properties": {
            "type": { "type": "string", "pattern": "^urn:countersign:problem:" },
            "title": { "type": "string" },
            "status": { "type": "integer" },
            "detail": { "type": "string" },
            "code": { "enum": codes },
            "outcome": { "enum": OUTCOMES },
            "safe_to_retry": { "type": "boolean" },
            "reference": { "type": ["string", "null"] },
            "provider_code": { "type": ["integer", "null"] },
            "attempts": { "type": "integer", "minimum": 0 },
            "request_id": { "type": "string" },
            "errors": {
                "type": "array",
                "description": "With `invalid-parameters` only.",
                "items": {
                    "type": "object",
                    "properties": {
                        "pointer": { "type": "string", "description": "JSON pointer to the member." },
                        "message": { "type": "string" },
                    },
                    "required": ["pointer", "message"],
                },
            },
        },
        "required": ["type", "title", "status", "code", "outcome", "safe_to_retry", "request_id"],
    })
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    fn bluepay() -> (Provider, Value) {
        let provider = Provider::builtin("bluepay").expect("built in");
        let document = document(&provider, "shop-th");
        (provider, document)
    }

    /// Every `$ref` below `value`.
    fn references<'a>(value: &'a Value, found: &mut BTreeSet<&'a str>) {
        match value {
            Value::Object(members) => {
                found.extend(members.get("$ref").and_then(Value::as_str));
                members.values().for_each(|member| references(member, found));
            }
            Value::Array(items) => items.iter().for_each(|item| references(item, found)),
            _ => {}
        }
    }

    #[test]
    fn every_reference_in_the_document_leads_somewhere() {
        let (_, document) = bluepay();
        let mut found = BTreeSet::new();
        references(&document, &mut found);
        assert!(found.len() > 30, "the document should refer to its components");
        for reference in found {
            let pointer = reference.strip_prefix('#').expect("a reference into this document");
            assert!(document.pointer(pointer).is_some(), "`{reference}` leads nowhere");
        }
    }

    #[test]
    fn every_operation_has_its_path_its_schema_and_its_marks() {
        let (provider, document) = bluepay();
        let paths: Vec<String> =
            document["paths"].as_object().expect("an object").keys().cloned().collect();
        let expected: Vec<String> =
            provider.operations.iter().map(|row| format!("/shop-th/{}", row.name)).collect();
        assert_eq!(paths, expected, "in the order of the profile");
        for operation in &provider.operations {
            let post = &document["paths"][format!("/shop-th/{}", operation.name)]["post"];
            assert_eq!(post["x-provider-path"], format!("/shop-th{}", operation.path));
            assert_eq!(post["x-confirmed"], operation.confirmed);
            assert_eq!(post["x-money-moving"], operation.money_moving);
            let text = post["description"].as_str().unwrap_or_default();
            assert_eq!(text.contains("Moves money"), operation.money_moving, "{text}");
            assert_eq!(text.contains("NOT confirmed"), !operation.confirmed, "{text}");
            let schema = &document["components"]["schemas"][&operation.name];
            assert_eq!(schema["properties"], operation.schema["properties"]);
            assert_eq!(post["responses"].get("409").is_some(), operation.kind != Kind::Query);
        }
    }

    #[test]
    fn an_application_that_trusts_the_document_gets_its_problems_right() {
        let (_, document) = bluepay();
        let mut responses = document["components"]["responses"].clone();
        let responses = responses.as_object_mut().expect("an object");
        assert_eq!(
            responses.keys().map(String::as_str).collect::<Vec<_>>(),
            ["400", "401", "404", "405", "409", "413", "415", "422", "429", "502", "503", "504"]
        );
        let codes = |status: &str| {
            let content = &responses[status]["content"]["application/problem+json"];
            content["schema"]["properties"]["code"]["enum"].clone()
        };
        assert_eq!(codes("422"), json!(["invalid-parameters", "rejected", "reference-reused"]));
        assert_eq!(codes("504"), json!(["outcome-unknown"]));
        for name in ["Retry-After", "RateLimit", "RateLimit-Policy", "Countersign-Outcome"] {
            assert!(responses["429"]["headers"].get(name).is_some(), "429 should have `{name}`");
        }
    }

    #[test]
    fn the_answer_lists_the_provider_s_codes() {
        let (provider, document) = bluepay();
        let answer = &document["components"]["schemas"]["Answer"];
        let codes = answer["x-codes"].as_array().expect("a list");
        assert_eq!(codes.len(), provider.codes.codes.len());
        assert_eq!(
            codes[0],
            json!({ "code": 10000, "title": "Success", "meaning": "accepted", "confirmed": true })
        );
    }
}
