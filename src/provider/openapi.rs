//! The OpenAPI 3.1 document of the plain API that an account offers, made from the same rows as the validation.

use serde_json::{Value, json};

use super::compile::Provider;

/// The document for `account`.
pub fn document(_provider: &Provider, _account: &str) -> Value {
    json!({})
}
