//! One call of the provider's API, as its profile describes it: what it is called, what goes into it, what Countersign
//! adds, and how a lost one is looked up. It contains no request and does no I/O.

use std::collections::BTreeMap;
use std::sync::{Arc, LazyLock};

use jsonschema::Validator;
use serde::Deserialize;
use serde_json::Value;
use strum::{IntoStaticStr, VariantArray};

use super::member::{Fill, FillContext, Member};
use super::schema;
use crate::json::{self, Object};

/// An operation of a provider, a row of its profile.
#[derive(Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Operation {
    pub name: String,
    pub title: String,
    /// Path below the base URL, beginning with `/`.
    pub path: String,
    pub kind: Kind,
    /// Whether it moves money (payout, refund, void, debit).
    #[serde(default)]
    pub money_moving: bool,
    /// Whether it gives a payer's money back (refund, void): it has priority over calls that start something new.
    #[serde(default)]
    pub gives_back: bool,
    /// The member that carries the merchant's own order id.
    pub reference: Option<String>,
    /// The query for the outcome of a lost call of this operation.
    pub resolved_by: Option<Resolution>,
    /// The name of the event rule by which a query's answer about a call is read.
    pub event: Option<String>,
    /// Whether the provider's own documentation confirms path and members.
    #[serde(default = "super::confirmed")]
    pub confirmed: bool,
    /// Address of the page the row comes from.
    pub source: String,
    /// What an operator should know, in particular when no page gives the path.
    pub note: Option<String>,
    /// At least one of these members is required; empty if there is no such rule.
    #[serde(default)]
    pub requires_one_of: Vec<String>,
    pub members: Vec<Member>,
    /// JSON Schema (2020-12) of the parameters as the application posts them.
    #[serde(skip)]
    pub schema: Value,
    #[serde(skip, default = "anything")]
    pub(super) validator: Arc<Validator>,
}

/// The validator of an operation without a schema yet accepts anything.
fn anything() -> Arc<Validator> {
    static ANYTHING: LazyLock<Arc<Validator>> = LazyLock::new(|| {
        Arc::new(schema::validator(&Value::Bool(true)).expect("`true` is a schema"))
    });
    Arc::clone(&ANYTHING)
}

/// What an operation does to the provider's state, and so whether it may be repeated.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// Reads; always safe to repeat.
    Query,
    /// Makes something new; repeating it blindly could make it twice.
    Create,
    /// Ends something; naturally idempotent by state.
    Cancel,
}

/// Calls that fail together, and so share a circuit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, IntoStaticStr, VariantArray)]
#[strum(serialize_all = "snake_case")]
pub enum CallClass {
    /// Calls that change something: creates and cancellations.
    Create,
    /// Calls that only read.
    Query,
}

impl CallClass {
    /// The class of the calls of `operation`.
    pub fn of(operation: &Operation) -> Self {
        match operation.kind {
            Kind::Query => Self::Query,
            Kind::Create | Kind::Cancel => Self::Create,
        }
    }
}

/// How a lost call is looked up.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Resolution {
    pub operation: String,
    /// Member of the query = member of the lost call that gives its value.
    pub members: BTreeMap<String, String>,
    echo: Option<BTreeMap<String, String>>,
    /// Where the answer is a list: member of an item = member of the lost call it must equal. Empty otherwise.
    #[serde(default, rename = "match")]
    pub matching: BTreeMap<String, String>,
}

/// What an account's configuration may change about an operation.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct OperationOverride {
    pub path: Option<String>,
    pub reference: Option<String>,
    pub confirmed: Option<bool>,
}

impl Operation {
    /// What Countersign adds to `parameters` for one attempt: names and JSON texts. Never a member that is already
    /// present, whatever its value. Cheap enough to repeat for every attempt.
    pub fn additions(&self, parameters: &Object<'_>, ctx: &FillContext<'_>) -> Vec<(&str, String)> {
        self.members
            .iter()
            .filter(|member| parameters.member(&member.name).is_none())
            .filter_map(|member| {
                let text = self.filling(member.fill?, parameters, ctx)?;
                Some((member.name.as_str(), text))
            })
            .collect()
    }

    /// The merchant's own order id in `parameters`, unescaped.
    pub fn reference<'a>(&self, parameters: &'a Object<'_>) -> Option<&'a str> {
        parameters.value().get(self.reference.as_deref()?)?.as_str()
    }

    /// The member of that name.
    pub fn member(&self, name: &str) -> Option<&Member> {
        self.members.iter().find(|member| member.name == name)
    }

    /// Whether a lost call may simply be made again.
    pub fn safe_to_repeat(&self) -> bool {
        !matches!(self.kind, Kind::Create)
    }

    /// Rebuilds schema and validator from the members. The error says why that is not possible.
    pub(super) fn compile_schema(&mut self) -> Result<(), String> {
        self.schema =
            schema::schema(&self.title, self.note.as_deref(), &self.members, &self.requires_one_of);
        self.validator = Arc::new(schema::validator(&self.schema)?);
        Ok(())
    }

    /// The JSON text that `fill` stands for, when there is one.
    fn filling(
        &self,
        fill: Fill,
        parameters: &Object<'_>,
        ctx: &FillContext<'_>,
    ) -> Option<String> {
        match fill {
            Fill::TimestampMs => Some(ctx.unix_ms.to_string()),
            Fill::TimestampS => Some(ctx.unix_ms.div_euclid(1000).to_string()),
            Fill::Reference => {
                let member = parameters.member(self.reference.as_deref()?)?;
                Some(member.raw.to_owned())
            }
            Fill::NotifyUrl => {
                let mut text = String::new();
                json::escape(ctx.notify_url?, &mut text);
                Some(text)
            }
        }
    }
}

impl Resolution {
    /// Member of the answer's object, or of every item of its list = member of the lost call it must equal. An object
    /// that lacks one of them, or has another value, belongs to another call. By default the members of the query.
    pub fn echo(&self) -> &BTreeMap<String, String> {
        self.echo.as_ref().unwrap_or(&self.members)
    }

    /// Whether the answer is compared with the member `reference` of the call: nothing else proves that it belongs to
    /// the call.
    pub(super) fn names(&self, reference: Option<&str>) -> bool {
        let proofs = if self.matching.is_empty() { self.echo() } else { &self.matching };
        proofs.values().any(|taken| Some(taken.as_str()) == reference)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metrics::labels;

    #[test]
    fn every_class_has_its_series_from_the_start() {
        let words: Vec<&str> = CallClass::VARIANTS.iter().map(<&str>::from).collect();
        assert_eq!(words, labels::CLASSES);
    }
}
