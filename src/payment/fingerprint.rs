//! Decides whether two calls under one reference are the same call.
//!
//! The same parameters are the same set of members with the same values, in any order and however spaced or escaped.
//! Numbers are compared as written, because a parser may round them; `1` and `1.0` differ. Timestamps are left out
//! because they change with every attempt, and so are members that only repeat the reference, which Countersign would
//! have added itself.

use std::borrow::Cow;
use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::value::RawValue;
use sha2::{Digest, Sha256};

use crate::json::{Member, Object};
use crate::provider::{Fill, Operation};

/// SHA-256 of a canonical form of the parameters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Fingerprint([u8; 32]);

impl Fingerprint {
    /// The fingerprint of what an application posted for `operation`.
    pub fn of(operation: &Operation, parameters: &Object<'_>) -> Self {
        let members: BTreeMap<&str, &str> = parameters
            .members()
            .iter()
            .filter(|member| counts(operation, parameters, member))
            .map(|member| (member.name.as_ref(), member.raw))
            .collect();
        let mut hash = Sha256::new();
        begin(&mut hash, b'o', members.len());
        for (name, raw) in members {
            text(&mut hash, b's', name);
            value(&mut hash, raw);
        }
        Self(hash.finalize().into())
    }

    /// As kept by a store.
    pub fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    pub fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

fn counts(operation: &Operation, parameters: &Object<'_>, member: &Member<'_>) -> bool {
    match operation.member(&member.name).and_then(|known| known.fill) {
        Some(Fill::TimestampMs | Fill::TimestampS) => false,
        Some(Fill::Reference) => {
            let written = parameters.value().get(member.name.as_ref());
            let reference = operation.reference(parameters);
            reference.is_none() || written.and_then(|value| value.as_str()) != reference
        }
        Some(Fill::NotifyUrl) | None => true,
    }
}

/// Every part is preceded by its kind and length, so that different parameters never have the same form.
fn begin(hash: &mut Sha256, kind: u8, length: usize) {
    hash.update([kind]);
    hash.update((length as u64).to_be_bytes());
}

fn text(hash: &mut Sha256, kind: u8, text: &str) {
    begin(hash, kind, text.len());
    hash.update(text);
}

/// The reader of the parameters bounded the depth.
fn value(hash: &mut Sha256, raw: &str) {
    match Canonical::read(raw) {
        Some(Canonical::Object(members)) => {
            begin(hash, b'o', members.len());
            for (name, raw) in members {
                text(hash, b's', &name.0);
                value(hash, raw.get());
            }
        }
        Some(Canonical::Array(items)) => {
            begin(hash, b'a', items.len());
            items.into_iter().for_each(|raw| value(hash, raw.get()));
        }
        Some(Canonical::String(string)) => text(hash, b's', &string),
        None => text(hash, b'l', raw.trim()),
    }
}

enum Canonical<'a> {
    Object(BTreeMap<Name<'a>, &'a RawValue>),
    Array(Vec<&'a RawValue>),
    String(String),
}

#[derive(Deserialize, PartialEq, Eq, PartialOrd, Ord)]
struct Name<'a>(#[serde(borrow)] Cow<'a, str>);

impl<'a> Canonical<'a> {
    /// `None` for numbers and the three words of JSON, which are taken as written.
    fn read(raw: &'a str) -> Option<Self> {
        match raw.trim_start().as_bytes().first()? {
            b'{' => serde_json::from_str(raw).ok().map(Self::Object),
            b'[' => serde_json::from_str(raw).ok().map(Self::Array),
            b'"' => serde_json::from_str(raw).ok().map(Self::String),
            _ => None,
        }
    }
}
