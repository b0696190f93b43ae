//! What the operations have in common: reading parameters, opening and finding transactions.
//!
//! Everything here is synchronous and does not touch sockets: verified parameters in, `data` or a refusal out.

use serde_json::Value;

use super::codes::{Code, Refusal};
use super::text;
use super::words::id_prefix;
use crate::clock::milliseconds;
use crate::sandbox::engine::dialect::Call;
use crate::sandbox::engine::state::{CannotOpen, TRANSACTIONS_MAX};
use crate::sandbox::engine::transaction::{Product, Status, Transaction};

/// How long a token is valid, in milliseconds: the provider's example shows ten years.
pub const TOKEN_LIFE_MS: i64 = 10 * 365 * 24 * 60 * 60 * 1_000;

/// The code with which a transaction fails when the merchant requests a failure without a code.
const FAILED_CODE_DEFAULT: i64 = -10004;

/// The `data` of an accepted call, or why it is refused.
pub type Outcome = Result<Value, Refusal>;

impl<'a> Call<'a> {
    /// An optional text; absent and null are the same.
    pub fn text(&self, name: &str) -> Option<&'a str> {
        self.parameters.get(name).and_then(Value::as_str)
    }

    /// A required text.
    pub fn need(&self, name: &str) -> Result<&'a str, Refusal> {
        self.need_one_of(&[name])
    }

    /// The first of several members that has a text: for operations whose member names are on no public page.
    pub fn need_one_of(&self, names: &[&str]) -> Result<&'a str, Refusal> {
        let found = names.iter().find_map(|name| self.text(name)).filter(|text| !text.is_empty());
        found.ok_or_else(|| bad(names[0], "is required"))
    }

    /// All of these are required.
    pub fn need_all(&self, names: &[&str]) -> Result<(), Refusal> {
        names.iter().try_for_each(|name| self.need(name).map(drop))
    }

    /// One of the merchant's ids: 1 to 32 characters everywhere in the documentation.
    pub fn id(&self, name: &str) -> Result<&'a str, Refusal> {
        let id = self.need(name)?;
        match id.chars().count() <= 32 {
            true => Ok(id),
            false => Err(bad(name, "is longer than 32 characters")),
        }
    }

    /// A positive number of minor units.
    pub fn amount(&self, name: &str) -> Result<i64, Refusal> {
        let amount = self.parameters.get(name).and_then(Value::as_i64).filter(|&it| it > 0);
        amount.ok_or_else(|| bad(name, "must be a whole number of minor units above 0"))
    }

    /// A moment as the provider writes it.
    pub fn time(&self, unix_ms: i64) -> String {
        text::time(unix_ms, self.sandbox.timezone)
    }

    /// When a transaction left `PENDING`, as the provider writes it.
    pub fn returned(&self, transaction: &Transaction) -> Option<String> {
        transaction.returned_at_ms().map(|at| self.time(at))
    }

    /// A transaction that settles as `steering`, a text chosen by the merchant, says. Refused when the merchant has
    /// used `reference` before.
    pub fn draft(
        &mut self,
        product: Product,
        reference: &str,
        steering: Option<&str>,
        duplicate: Code,
    ) -> Result<Transaction, Refusal> {
        if self.ledger.has_seen(product, reference) {
            return Err(duplicate.into());
        }
        let due = self.now_ms.saturating_add(milliseconds(self.sandbox.settle_after));
        let failed_code = match steering.and_then(|text| text.strip_prefix("sandbox:fail")) {
            Some("") => Some(FAILED_CODE_DEFAULT),
            Some(rest) => rest.strip_prefix(':').and_then(|code| code.parse().ok()),
            None => None,
        };
        let status = if failed_code.is_some() { Status::Failed } else { Status::Completed };
        Ok(Transaction {
            operation: self.operation.to_string(),
            product,
            reference: reference.to_string(),
            parameters: self.parameters.clone(),
            settles: (steering != Some("sandbox:pending")).then_some((due, status)),
            failed_code,
            ..Transaction::default()
        })
    }

    /// Opens what was drafted.
    pub fn open(&mut self, draft: Transaction) -> Result<Transaction, Refusal> {
        let prefix = id_prefix(draft.product);
        self.ledger.open(draft, prefix, self.now_ms).map_err(|problem| match problem {
            CannotOpen::Unfunded => Code::BALANCE_INSUFFICIENT.into(),
            CannotOpen::Full => Refusal::because(
                Code::GENERAL_ERROR,
                format_args!("the sandbox holds {TRANSACTIONS_MAX} transactions; reset it"),
            ),
        })
    }

    /// The transaction with the merchant's `mchOrderId`.
    pub fn ordered(&self, product: Product) -> Result<&Transaction, Refusal> {
        let found = self.ledger.by_reference(product, self.id("mchOrderId")?);
        found.ok_or_else(|| Code::NOT_FOUND.into())
    }
}

/// A refusal about one member.
pub fn bad(name: &str, problem: &str) -> Refusal {
    Refusal::because(Code::PARAM_ERROR, format_args!("`{name}` {problem}"))
}
