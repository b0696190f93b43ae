//! One value of a configuration file as written: nothing, a literal, or a reference.
//!
//! A value accepts anything when the file is parsed, so that parsing never stops at the first mistake; the reader
//! checks it.

use std::marker::PhantomData;
use std::ops::Deref;

use serde::{Serialize, Serializer};
use serde_json::{Map, Value as Json};

use super::kind::Kind;
use super::section::Placed;

/// Replaces a secret wherever the configuration is shown.
const REDACTED: &str = "[redacted]";

/// A value of kind `K` that may be omitted.
pub(crate) struct Value<K> {
    /// The key path, even if there is no value.
    pub path: String,
    value: Json,
    kind: PhantomData<fn() -> K>,
}

/// A required item.
#[derive(Serialize)]
#[serde(transparent)]
pub(crate) struct Required<E>(pub E);

/// The form of a value in the file.
pub(crate) enum Given<'a> {
    Nothing,
    Literal(&'a Json),
    /// The value of an environment variable.
    Env(&'a str),
    /// The contents of a file.
    File(&'a str),
}

/// Something read at a key path.
#[derive(Clone)]
pub(crate) struct At<T> {
    pub path: String,
    pub value: T,
}

impl<K> Value<K> {
    /// The form of this value.
    pub fn given(&self) -> Given<'_> {
        match &self.value {
            Json::Null => Given::Nothing,
            Json::Object(table) => reference(table).unwrap_or(Given::Literal(&self.value)),
            literal => Given::Literal(literal),
        }
    }

    pub fn is_given(&self) -> bool {
        !self.value.is_null()
    }

    /// `value`, which was read here, with its key path.
    pub fn at<T>(&self, value: T) -> At<T> {
        At { path: self.path.clone(), value }
    }
}

/// Reads `{ env = "…" }` and `{ file = "…" }`.
pub(crate) fn reference(table: &Map<String, Json>) -> Option<Given<'_>> {
    let mut members = table.iter();
    match (members.next()?, members.next()) {
        ((key, Json::String(name)), None) if key == "env" => Some(Given::Env(name)),
        ((key, Json::String(path)), None) if key == "file" => Some(Given::File(path)),
        _ => None,
    }
}

impl<E> Deref for Required<E> {
    type Target = E;

    fn deref(&self) -> &E {
        &self.0
    }
}

impl<K> Placed for Value<K> {
    fn placed(path: String, value: Json) -> Self {
        Self { path, value, kind: PhantomData }
    }
}

impl<E: Placed> Placed for Required<E> {
    fn placed(path: String, found: Json) -> Self {
        Self(E::placed(path, found))
    }
}

/// Writes the value in its public form: references as references, literal secrets redacted.
impl<K: Kind> Serialize for Value<K> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.given() {
            Given::Literal(_) if K::SECRET => REDACTED.serialize(serializer),
            _ => self.value.serialize(serializer),
        }
    }
}
