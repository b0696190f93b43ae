//! What each operation does to a merchant's ledger, and the `data` it answers with.
//!
//! One function per operation, listed in [`perform`] in the order of the provider's documentation. Everything here is
//! synchronous and pure of sockets: verified parameters in, `data` or a refusal out.

mod collection;
mod debit;
mod payout;
mod refund;

use jiff::tz::Offset;
use serde_json::{Map, Value, json};

use super::answers::{self, Code, Refusal};
use crate::sandbox::engine::state::Ledger;
use crate::sandbox::engine::transaction::{Draft, Product, Status, Transaction};

pub use debit::TOKEN_LIFE_MS;

/// The `data` of an accepted call, or why it is refused.
pub type Outcome = Result<Value, Refusal>;

/// One verified call and everything it may touch.
pub struct Call<'a> {
    pub operation: &'a str,
    pub parameters: &'a Map<String, Value>,
    pub ledger: &'a mut Ledger,
    /// The running number of transactions.
    pub serial: &'a mut u64,
    /// Unix milliseconds.
    pub now_ms: i64,
    pub settle_after_ms: i64,
    pub zone: Offset,
}

/// Carries out one call.
pub fn perform(call: &mut Call<'_>) -> Outcome {
    match call.operation {
        "balance" => Ok(json!({"balance": answers::major(call.ledger.balance())})),
        "payout_create" => payout::create(call),
        "payout_status" => payout::status(call),
        "qr_create" => collection::create_qr(call),
        "qr_detail" => collection::qr_detail(call),
        "qr_payments" => collection::qr_payments(call),
        "qr_cancel" => collection::cancel_qr(call),
        "webpay_create" => collection::create_webpay(call),
        "webpay_status" => collection::webpay_status(call),
        "refund_create" => refund::create(call),
        "refund_status" => refund::status(call),
        "payment_void" => refund::void(call),
        "authorization_create" => debit::authorize(call),
        "authorization_status" => debit::authorizations(call),
        "authorization_cancel" => debit::cancel_authorization(call),
        "debit_create" => debit::create(call),
        "debit_status" => debit::status(call),
        other => Err(Refusal::because(
            Code::GeneralError,
            format_args!("the sandbox does not emulate `{other}`"),
        )),
    }
}

impl<'a> Call<'a> {
    /// An optional text; absent and null are the same.
    fn text(&self, name: &str) -> Option<&'a str> {
        self.parameters.get(name).and_then(Value::as_str)
    }

    /// A text that must be there.
    fn need(&self, name: &str) -> Result<&'a str, Refusal> {
        self.text(name).filter(|text| !text.is_empty()).ok_or_else(|| bad(name, "is required"))
    }

    /// An id of the merchant's: 1 to 32 characters everywhere in the documentation.
    fn id(&self, name: &str) -> Result<&'a str, Refusal> {
        let id = self.need(name)?;
        match id.chars().count() <= 32 {
            true => Ok(id),
            false => Err(bad(name, "is longer than 32 characters")),
        }
    }

    /// The first of several names that carries a text: for operations whose members no public page names.
    fn need_one_of(&self, names: &[&str]) -> Result<&'a str, Refusal> {
        let found = names.iter().find_map(|name| self.text(name)).filter(|text| !text.is_empty());
        found.ok_or_else(|| bad(names[0], "is required"))
    }

    /// A positive number of minor units.
    fn amount(&self, name: &str) -> Result<i64, Refusal> {
        let amount = self.parameters.get(name).and_then(Value::as_i64).filter(|&it| it > 0);
        amount.ok_or_else(|| bad(name, "must be a whole number of minor units above 0"))
    }

    fn time(&self, unix_ms: i64) -> String {
        answers::time(unix_ms, self.zone)
    }

    /// When a transaction left `PENDING`, as the provider writes it.
    fn returned(&self, transaction: &Transaction) -> Option<String> {
        transaction.returned_at_ms().map(|at| self.time(at))
    }

    /// A draft of a transaction that settles as `wish`, the text the merchant chose, says.
    fn draft(&self, product: Product, reference: &str, wish: Option<&str>) -> Draft {
        let due = self.now_ms.saturating_add(self.settle_after_ms);
        let (settles, failed_code) = match wish.and_then(|text| text.strip_prefix("sandbox:")) {
            Some("pending") => (None, None),
            Some("fail") => (Some((due, Status::Failed)), Some(-10004)),
            Some(other) => match other.strip_prefix("fail:").and_then(|code| code.parse().ok()) {
                Some(code) => (Some((due, Status::Failed)), Some(code)),
                None => (Some((due, Status::Completed)), None),
            },
            None => (Some((due, Status::Completed)), None),
        };
        Draft {
            parameters: self.parameters.clone(),
            settles,
            failed_code,
            ..Draft::new(self.operation, product, reference)
        }
    }

    fn open(&mut self, draft: Draft) -> Result<Transaction, Refusal> {
        self.ledger.open(draft, self.serial, self.now_ms).cloned()
    }

    /// The transaction with the merchant's `reference`.
    fn find(&self, product: Product, reference: &str) -> Result<&Transaction, Refusal> {
        self.ledger.by_reference(product, reference).ok_or_else(|| Code::NotFound.into())
    }
}

/// A refusal about one member.
fn bad(name: &str, problem: &str) -> Refusal {
    Refusal::because(Code::ParamError, format_args!("`{name}` {problem}"))
}

/// A JSON object of the members that have a value.
fn present<const N: usize>(members: [(&str, Value); N]) -> Value {
    let members = members.into_iter().filter(|(_, value)| !value.is_null());
    Value::Object(members.map(|(name, value)| (name.to_string(), value)).collect())
}

/// `failedCode` of a failed transaction.
fn failed_code(transaction: &Transaction) -> Option<i64> {
    transaction.failed_code.filter(|_| transaction.status == Status::Failed)
}

/// `failedMessage` of a failed transaction.
fn failed_message(transaction: &Transaction) -> Option<&'static str> {
    failed_code(transaction).map(answers::failed_message)
}
