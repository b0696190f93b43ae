//! Turns a profile file into a [`Provider`], or into the list of everything wrong with it.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::Value;

use super::codes::{AnswerShape, CodeTable, ProviderAnswer};
use super::operation::{Operation, OperationOverride};
use crate::mistake::Mistake;
use crate::sign::{RequestRecipe, VerifyRecipe};

/// A compiled profile: what requests see of a provider.
pub struct Provider {
    pub name: String,
    pub title: String,
    /// In the order of the profile.
    pub operations: Vec<Arc<Operation>>,
    pub request: RequestRecipe,
    pub notification: VerifyRecipe,
    pub answer: AnswerShape,
    pub codes: CodeTable,
}

/// The names of the profiles compiled into the program.
pub fn builtin_names() -> &'static [&'static str] {
    &["bluepay"]
}

impl Provider {
    pub fn builtin(_name: &str) -> Option<Self> {
        todo!()
    }
    /// Compiles a profile's TOML text. `name` is what to call it in messages.
    pub fn from_toml(_text: &str) -> Result<Self, Vec<Mistake>> {
        todo!()
    }
    /// The same provider with some rows changed; keys are operation names. Mistakes have paths below the account.
    pub fn with_overrides(
        &self,
        _overrides: &BTreeMap<String, OperationOverride>,
    ) -> Result<Self, Vec<Mistake>> {
        todo!()
    }
    /// By operation name (`payout_create`) or by provider path (`/open-api/...`); `rest` has no leading `/`.
    pub fn find(&self, _rest: &str) -> Option<&Arc<Operation>> {
        todo!()
    }
    pub fn operation(&self, _name: &str) -> Option<&Arc<Operation>> {
        todo!()
    }
    /// Understands an answer body, or `None` when it is not the provider's envelope.
    pub fn read_answer(&self, _body: &[u8]) -> Option<ProviderAnswer> {
        todo!()
    }
    /// OpenAPI 3.1 document of the plain API that `account` offers.
    pub fn openapi(&self, _account: &str) -> Value {
        todo!()
    }
}
